package registry

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestEnrollIsUnique(t *testing.T) {
	r := open(t, t.TempDir())
	first, key := pskDevice("first", 1), kemDevice("key", handshake.XWing, 2)
	ok(t, r.Enroll(first))
	ok(t, r.Enroll(key))
	wants(t, "same name", r.Enroll(pskDevice("first", 3)), ErrTaken)
	same := pskDevice("second", 4)
	same.PSK.ID = first.PSK.ID
	wants(t, "same identifier", r.Enroll(same), ErrTaken)
	again := key
	again.Name = "third"
	wants(t, "same key", r.Enroll(again), ErrTaken)
	for _, name := range []string{"second", "third"} {
		_, err := r.Get(name)
		wants(t, name, err, ErrUnknown)
	}
	if !found(r, first) || !found(r, key) {
		t.Error("the first ones are not there any more")
	}
}

// from yields devices, and then an error if it is one.
func from(err error, devices ...Device) iter.Seq2[*Device, error] {
	return func(yield func(*Device, error) bool) {
		for _, d := range devices {
			if !yield(&d, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestImport(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	taken := pskDevice("taken", 1)
	ok(t, r.Enroll(taken))
	active := pskDevice("b", 3)
	active.FirstSeen, active.LastSeen, active.State = enrolled, enrolled.Add(time.Hour), Active
	revoked := kemDevice("c", handshake.MLKEM512, 4)
	revoked.State = Revoked
	for _, c := range []struct {
		what  string
		last  Device
		index int
		err   error
	}{
		{"a name that is taken", pskDevice("taken", 9), 2, ErrTaken},
		{"a name twice", pskDevice("a", 9), 2, ErrTaken},
		{"an invalid device", Device{Name: "x"}, 2, ErrInvalid},
	} {
		err := r.Import(from(nil, pskDevice("a", 2), active, c.last, revoked))
		var of *ImportError
		if !errors.As(err, &of) || of.Index != c.index || !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	stop := errors.New("stop")
	wants(t, "a sequence that fails", r.Import(from(stop, pskDevice("a", 2))), stop)
	_, err := r.Get("a")
	wants(t, "nothing is imported", err, ErrUnknown)

	ok(t, r.Import(from(nil, pskDevice("a", 2), active, revoked)))
	r = reopen(t, r, dir)
	for _, d := range []Device{pskDevice("a", 2), active, revoked} {
		if got, err := r.Get(d.Name); err != nil || !equal(got, &d) {
			t.Errorf("%s: %+v, %v", d.Name, got, err)
		}
	}
	_, err = r.Lookup(revoked.Suite, revoked.Credential())
	wants(t, "a device that was revoked elsewhere", err, ErrRevoked)
}

func TestRejectedDevice(t *testing.T) {
	r := open(t, t.TempDir())
	for what, spoil := range map[string]func(*Device){
		"no name":              func(d *Device) { d.Name = "" },
		"long name":            func(d *Device) { d.Name = strings.Repeat("a", MaxName+1) },
		"name with a slash":    func(d *Device) { d.Name = "a/b" },
		"name with a quote":    func(d *Device) { d.Name = `a"b` },
		"name with a line end": func(d *Device) { d.Name = "a\nb" },
		"name beyond ASCII":    func(d *Device) { d.Name = "é" },
		"no suite":             func(d *Device) { d.Suite = 0 },
		"unknown suite":        func(d *Device) { d.Suite = 5 },
		"no secret":            func(d *Device) { d.PSK = nil },
		"two secrets":          func(d *Device) { d.PublicKey = publicKey(d.Suite, 1) },
		"PSK of zeros":         func(d *Device) { d.PSK = &handshake.PSK{ID: d.PSK.ID} },
		"no time":              func(d *Device) { d.Enrolled = time.Time{} },
		"key of another suite": func(d *Device) { d.PSK, d.PublicKey = nil, publicKey(handshake.MLKEM512, 1) },
		"unknown state":        func(d *Device) { d.State = Revoked + 1 },
		"unknown origin":       func(d *Device) { d.Origin = Authority + 1 },
		"an invitation":        func(d *Device) { d.Enrolling = true },
		"a group with a space": func(d *Device) { d.Groups = []string{"a b"} },
		"too many groups":      func(d *Device) { d.Groups = make([]string, MaxGroups+1) },
		"no rule":              func(d *Device) { d.Allow = []string{"GET"} },
		"too many rules":       func(d *Device) { d.Allow = make([]string, MaxAllow+1) },
	} {
		d := pskDevice("a", 1)
		spoil(&d)
		wants(t, what, r.Enroll(d), ErrInvalid)
	}
	longest := pskDevice(strings.Repeat("a", MaxName), 1)
	for i := range MaxAllow {
		longest.Allow = append(longest.Allow, fmt.Sprintf("GET /%d/%s", i, strings.Repeat("x", 1000)))
	}
	for range MaxGroups {
		longest.Groups = append(longest.Groups, longest.Name)
	}
	if err := r.Enroll(longest); err != nil || !found(r, longest) {
		t.Errorf("the longest device: %v", err)
	}
}

// credential is one of an authority, for the key n.
func credential(subject string, n uint64, expires time.Duration) Credential {
	return Credential{
		Subject: subject, Key: publicKey(handshake.MLKEM512, n), ID: [16]byte{byte(n), byte(expires / time.Hour)},
		Expires: enrolled.Add(expires),
	}
}

func TestLearn(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	c := credential("a", 1, 24*time.Hour)
	d, err := r.Learn(c)
	if err != nil || d.Name != "a" || d.Origin != Authority || d.State != Enrolled || !d.Expires.Equal(c.Expires) {
		t.Fatalf("%+v, %v", d, err)
	}
	byKey := handshake.ClientCredential{Mode: handshake.ModeKEM, ID: c.Key.DeviceID()}
	if got, err := r.Lookup(handshake.MLKEM512, byKey); err != nil || got.Name != "a" {
		t.Errorf("by its key: %v", err)
	}
	written := writes(r)
	if _, err := r.Learn(c); err != nil || writes(r) != written {
		t.Errorf("the same credential again: %v, or something is written", err)
	}
	renewed := credential("a", 1, 48*time.Hour)
	if d, err = r.Learn(renewed); err != nil || !d.Expires.Equal(renewed.Expires) {
		t.Errorf("renewed: %+v, %v", d, err)
	}
	if d, err = r.Learn(c); err != nil || !d.Expires.Equal(renewed.Expires) {
		t.Errorf("the one before, once more: %+v, %v", d, err)
	}
	r = reopen(t, r, dir)

	_, err = r.Learn(credential("a", 2, 30*time.Hour))
	wants(t, "another key in an older credential", err, ErrTaken)
	version := r.Version()
	d, err = r.Learn(credential("a", 2, 72*time.Hour))
	if err != nil || d.PublicKey.DeviceID() != publicKey(handshake.MLKEM512, 2).DeviceID() || r.Version() == version {
		t.Errorf("another key in a newer credential: %v, version %d", err, r.Version())
	}
	_, err = r.Lookup(handshake.MLKEM512, byKey)
	wants(t, "the key before", err, ErrUnknown)
	_, err = r.Learn(c)
	wants(t, "the credential of the key before", err, ErrTaken)
}

func TestLearnRefuses(t *testing.T) {
	r := open(t, t.TempDir())
	other, suspended := kemDevice("other", handshake.MLKEM512, 1), kemDevice("suspended", handshake.MLKEM512, 2)
	ok(t, r.Enroll(other))
	ok(t, r.Enroll(suspended))
	ok(t, r.Suspend("suspended"))
	_, err := r.Invite(Invitation{Name: "invited", Suite: handshake.MLKEM512})
	ok(t, err)
	_, err = r.Learn(credential("revoked", 3, time.Hour))
	ok(t, err)
	ok(t, r.Revoke("revoked"))
	_, err = r.Learn(credential("removed", 4, time.Hour))
	ok(t, err)
	ok(t, r.Remove("removed"))
	ok(t, r.Bar("barred"))
	for _, c := range []struct {
		what string
		c    Credential
		err  error
	}{
		{"a name that was enrolled with another key", credential("other", 9, time.Hour), ErrTaken},
		{"the key of another device", credential("new", 1, time.Hour), ErrTaken},
		{"a name that is suspended", credential("suspended", 2, time.Hour), ErrSuspended},
		{"a name that is invited", credential("invited", 9, time.Hour), ErrTaken},
		{"a name that is revoked, in a new credential", credential("revoked", 9, 99*time.Hour), ErrRevoked},
		{"a credential that is revoked, for another name", Credential{Subject: "new", Key: publicKey(handshake.MLKEM512, 8),
			ID: credential("", 3, time.Hour).ID}, ErrRevoked},
		{"the key of a device that is revoked", credential("new", 3, 98*time.Hour), ErrTaken},
		{"a name that was barred before", credential("barred", 9, time.Hour), ErrRevoked},
		{"the credential of a device that was removed", credential("removed", 4, time.Hour), ErrRevoked},
		{"no name", credential("a/b", 9, time.Hour), ErrInvalid},
	} {
		_, err := r.Learn(c.c)
		wants(t, c.what, err, c.err)
	}
	if d, err := r.Learn(credential("other", 1, time.Hour)); err != nil || d.Origin != Operator {
		t.Errorf("a credential for the key that was enrolled: %+v, %v", d, err)
	}
	if _, err := r.Learn(credential("removed", 4, 50*time.Hour)); err != nil {
		t.Errorf("a new credential of a device that was removed: %v", err)
	}
	r.now = func() time.Time { return enrolled.Add(2 * time.Hour) }
	ok(t, r.Enroll(pskDevice("sweeps", 7)))
	if _, err := r.Learn(credential("third", 5, time.Hour)); err != nil {
		t.Errorf("after the revoked ones have expired: %v", err)
	}
}

// Of the credentials of a device as many are kept as it can have, the newest.
func TestManyCredentials(t *testing.T) {
	r := open(t, t.TempDir())
	for n := range 3 * maxTokens {
		_, err := r.Learn(credential("a", 1, time.Duration(n+1)*time.Hour))
		ok(t, err)
	}
	ok(t, r.Remove("a"))
	_, err := r.Learn(credential("a", 1, 3*maxTokens*time.Hour))
	wants(t, "the last", err, ErrRevoked)
}
