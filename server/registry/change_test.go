package registry

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestStates(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	d := kemDevice("d", handshake.MLKEM512, 1)
	ok(t, r.Enroll(d))
	lookup := func() error {
		_, err := r.Lookup(d.Suite, d.Credential())
		return err
	}
	for _, step := range []struct {
		what   string
		do     func(string) error
		err    error
		state  State
		lookup error
	}{
		{"suspend", r.Suspend, nil, Suspended, ErrSuspended},
		{"suspend again", r.Suspend, nil, Suspended, ErrSuspended},
		{"bar", r.Bar, ErrTaken, Suspended, ErrSuspended},
		{"resume", r.Resume, nil, Enrolled, nil},
		{"resume again", r.Resume, nil, Enrolled, nil},
		{"revoke", r.Revoke, nil, Revoked, ErrRevoked},
		{"resume a revoked one", r.Resume, ErrRevoked, Revoked, ErrRevoked},
		{"suspend a revoked one", r.Suspend, ErrRevoked, Revoked, ErrRevoked},
		{"revoke again", r.Revoke, nil, Revoked, ErrRevoked},
	} {
		version := r.Version()
		wants(t, step.what, step.do("d"), step.err)
		got, err := r.Get("d")
		if err != nil || got.State != step.state || (r.Version() != version) != (step.err == nil) {
			t.Errorf("%s: %v, %v, version %d after %d", step.what, got.State, err, r.Version(), version)
		}
		wants(t, step.what+": Lookup", lookup(), step.lookup)
	}
	wants(t, "enroll a revoked name", r.Enroll(pskDevice("d", 2)), ErrTaken)
	again := d
	again.Name = "e"
	wants(t, "enroll a revoked key", r.Enroll(again), ErrTaken)
	r = reopen(t, r, dir)
	wants(t, "after a restart", lookup(), ErrRevoked)
	ok(t, r.Remove("d"))
	wants(t, "removed", lookup(), ErrUnknown)
	ok(t, r.Enroll(again))
	for what, do := range map[string]func(string) error{
		"suspend": r.Suspend, "resume": r.Resume, "revoke": r.Revoke, "remove": r.Remove,
		"permit": func(name string) error { return r.Permit(name, nil, nil) },
	} {
		for _, name := range []string{"nobody", "", "a/b", "d"} {
			wants(t, what+" "+name, do(name), ErrUnknown)
		}
	}
	wants(t, "bar what is no name", r.Bar("a/b"), ErrInvalid)
}

func TestPermit(t *testing.T) {
	r := open(t, t.TempDir())
	ok(t, r.Enroll(pskDevice("d", 1)))
	ok(t, r.Permit("d", []string{"g"}, []string{"GET /x"}))
	wants(t, "a rule that is none", r.Permit("d", nil, []string{"x"}), ErrInvalid)
	if d, err := r.Get("d"); err != nil || !slices.Equal(d.Groups, []string{"g"}) || !slices.Equal(d.Allow, []string{"GET /x"}) {
		t.Errorf("%+v, %v", d, err)
	}
}

// Whoever waits for changes learns which devices they concern, once; a device more is none.
func TestTouched(t *testing.T) {
	r := open(t, t.TempDir())
	waits := func() bool {
		select {
		case <-r.Changed():
			return true
		default:
			return false
		}
	}
	for i := range 3 {
		ok(t, r.Enroll(pskDevice(fmt.Sprint(i), uint64(i))))
	}
	if waits() || r.Version() != 0 {
		t.Error("a new device is a change")
	}
	ok(t, r.Suspend("0"))
	ok(t, r.Remove("2"))
	names, all := r.Touched()
	if _, first := names["0"]; !waits() || waits() || all || len(names) != 2 || !first {
		t.Errorf("%v, %v", names, all)
	}
	if names, all := r.Touched(); all || len(names) != 0 {
		t.Errorf("twice: %v", names)
	}
	for i := range maxTouched + 1 {
		r.touch(fmt.Sprint(i))
	}
	if _, all := r.Touched(); !all {
		t.Error("too many are not all")
	}
	if names, all := r.Touched(); all || len(names) != 0 {
		t.Error("all of them, twice")
	}
}
