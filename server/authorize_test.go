package server

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/server/authority"
	"github.com/pqcoap/pqcoap/server/registry"
)

// fleetDir is a folder with an authority, whose devices are open.
func fleetDir(t *testing.T) *Dir {
	t.Helper()
	path := initDir(t, handshake.MLKEM512)
	if _, err := InitCA(path, cwt.MLDSA44, "fleet", nil); err != nil {
		t.Fatal(err)
	}
	return openFleet(t, path)
}

func openFleet(t *testing.T, path string) *Dir {
	t.Helper()
	d := openFolder(t, path)
	if err := d.OpenDevices(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Devices.Close() })
	return d
}

// issuerOf is the authority of a folder, under any name.
func issuerOf(t *testing.T, path, name string) *authority.Issuer {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path, caKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	key, err := cwt.ParseAuthority(b)
	if err != nil {
		t.Fatal(err)
	}
	one, err := authority.NewIssuer(key, name)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

func newDeviceKey(t *testing.T, suite handshake.Suite) *handshake.PrivateKey {
	t.Helper()
	key, err := handshake.GenerateKey(rand.Reader, suite)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// tokenFor is a credential by an issuer for a key.
func tokenFor(t *testing.T, by *authority.Issuer, at time.Time, usage cwt.Usage, name string, key *handshake.PublicKey) handshake.ClientCredential {
	t.Helper()
	token, _, err := by.Issue(rand.Reader, at, usage, name, key, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return handshake.ClientCredential{Mode: handshake.ModeKEM, Token: string(token)}
}

// wantDenied holds an answer of the Authorizer against what the operator is to read, and sees to it
// that the device is told nothing of that.
func wantDenied(t *testing.T, what string, err, want error) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	var told *handshake.Refusal
	if !errors.Is(err, want) || !errors.As(err, &told) || told.Code != handshake.RefusedCredential || told.Text != notLetIn {
		t.Errorf("%s: %v, the device is told %+v; want %v", what, err, told, want)
	}
}

func TestAuthorizeToken(t *testing.T) {
	d := fleetDir(t)
	ours, renamed := issuerOf(t, d.Path, "fleet"), issuerOf(t, d.Path, "other")
	stranger := t.TempDir()
	if _, err := InitCA(stranger, cwt.MLDSA44, "fleet", nil); err != nil {
		t.Fatal(err)
	}
	theirs := issuerOf(t, stranger, "fleet")
	key, now := newDeviceKey(t, handshake.MLKEM512).Public(), time.Now()
	enroll := func(name string, then func(string) error) {
		t.Helper()
		device := registry.Device{Name: name, Suite: handshake.MLKEM512, PublicKey: newDeviceKey(t, handshake.MLKEM512).Public(), Enrolled: now}
		if err := errors.Join(d.Devices.Enroll(device), then(name)); err != nil {
			t.Fatal(err)
		}
	}
	enroll("taken", func(string) error { return nil })
	enroll("revoked", d.Devices.Revoke)
	enroll("suspended", d.Devices.Suspend)
	good := tokenFor(t, ours, now, cwt.UsageDevice, "b", key)
	cut := good
	cut.Token = cut.Token[:len(cut.Token)-1]
	for name, test := range map[string]struct {
		credential handshake.ClientCredential
		suite      handshake.Suite
		want       error
	}{
		"good":                        {good, handshake.MLKEM512, nil},
		"another suite":               {good, handshake.MLKEM768, cwt.ErrSuite},
		"expired":                     {tokenFor(t, ours, now.Add(-2*time.Hour), cwt.UsageDevice, "c", key), handshake.MLKEM512, cwt.ErrExpired},
		"not yet valid":               {tokenFor(t, ours, now.Add(time.Hour), cwt.UsageDevice, "c", key), handshake.MLKEM512, cwt.ErrNotYet},
		"a server's":                  {tokenFor(t, ours, now, cwt.UsageServer, "c", key), handshake.MLKEM512, cwt.ErrUsage},
		"under another name":          {tokenFor(t, renamed, now, cwt.UsageDevice, "c", key), handshake.MLKEM512, cwt.ErrIssuer},
		"another authority's":         {tokenFor(t, theirs, now, cwt.UsageDevice, "c", key), handshake.MLKEM512, authority.ErrUntrusted},
		"cut":                         {cut, handshake.MLKEM512, cwt.ErrMalformed},
		"a name of another key":       {tokenFor(t, ours, now, cwt.UsageDevice, "taken", key), handshake.MLKEM512, registry.ErrTaken},
		"of a device that is revoked": {tokenFor(t, ours, now, cwt.UsageDevice, "revoked", key), handshake.MLKEM512, registry.ErrRevoked},
		"suspended":                   {tokenFor(t, ours, now, cwt.UsageDevice, "suspended", key), handshake.MLKEM512, registry.ErrSuspended},
		"a name that is none":         {tokenFor(t, ours, now, cwt.UsageDevice, "enroll/a", newDeviceKey(t, handshake.MLKEM512).Public()), handshake.MLKEM512, registry.ErrInvalid},
	} {
		_, err := d.authorize(test.suite, test.credential)
		wantDenied(t, name, err, test.want)
	}
	if _, err := d.authorize(handshake.MLKEM512, good); err != nil {
		t.Fatal(err)
	}
	_, err := d.authorize(handshake.MLKEM512, tokenFor(t, ours, now, cwt.UsageDevice, "c", key))
	wantDenied(t, "a key of another name", err, registry.ErrTaken)
	if err := d.Devices.Revoke("b"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []handshake.ClientCredential{good, good.Reference(key), tokenFor(t, ours, now, cwt.UsageDevice, "b", key)} {
		_, err = d.authorize(handshake.MLKEM512, c)
		wantDenied(t, "revoked", err, registry.ErrRevoked)
	}
}

// A device that an authority has enrolled is let in by its reference as long as its last credential
// is valid, and the authority trusted.
func TestAuthorizeReference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDir(t)
		key, now := newDeviceKey(t, handshake.MLKEM512).Public(), time.Now().Truncate(time.Second)
		token := tokenFor(t, issuerOf(t, d.Path, "fleet"), now, cwt.UsageDevice, "b", key)
		reference := token.Reference(key)
		_, err := d.authorize(handshake.MLKEM512, reference)
		wantDenied(t, "before it has shown a token", err, registry.ErrUnknown)
		for _, c := range []handshake.ClientCredential{token, reference} {
			client, err := d.authorize(handshake.MLKEM512, c)
			if err != nil || client.Name != "b" || !client.Until.Equal(now.Add(time.Hour+authority.Skew)) {
				t.Errorf("%+v, %v", client, err)
			}
		}
		trusting := d.standing.Load()
		d.standing.Store(&standing{ca: &CA{Trusted: authority.NewSet()}})
		_, err = d.authorize(handshake.MLKEM512, reference)
		wantDenied(t, "not trusted any more", err, authority.ErrUntrusted)
		d.standing.Store(trusting)
		time.Sleep(time.Hour + authority.Skew)
		_, err = d.authorize(handshake.MLKEM512, reference)
		wantDenied(t, "expired", err, cwt.ErrExpired)
	})
}

func TestAuthorizeInvited(t *testing.T) {
	d := fleetDir(t)
	code, err := d.Devices.Invite(registry.Invitation{Name: "b", Suite: handshake.MLKEM512})
	if err != nil {
		t.Fatal(err)
	}
	psk := code.PSK()
	client, err := d.authorize(handshake.MLKEM512, handshake.ClientCredential{Mode: handshake.ModePSK, ID: psk.ID})
	if err != nil || !isEnrolling(client.Name) || client.PSK.Key != psk.Key || client.Until.IsZero() {
		t.Errorf("%+v, %v", client, err)
	}
	_, err = d.authorize(handshake.MLKEM768, handshake.ClientCredential{Mode: handshake.ModePSK, ID: psk.ID})
	wantDenied(t, "another suite", err, registry.ErrSuite)
	for range 2 * registry.UnknownPerSecond { // somebody guesses
		var id [16]byte
		rand.Read(id[:])
		_, err = d.authorize(handshake.MLKEM512, handshake.ClientCredential{Mode: handshake.ModePSK, ID: id})
	}
	var told *handshake.Refusal
	if !errors.Is(err, registry.ErrBusy) || !errors.As(err, &told) || told.Code != handshake.RefusedOverload || told.RetryAfter == 0 {
		t.Errorf("a guess too many: %v, told %+v", err, told)
	}
}
