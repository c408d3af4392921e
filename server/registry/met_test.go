package registry

import (
	"slices"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// By which key of the server a device goes is known as long as nothing else is, also when the
// registry is opened again.
func TestMet(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	d := pskDevice("a", 1)
	ok(t, r.Enroll(d))
	want := func(key [8]byte) {
		t.Helper()
		got, err := r.Get("a")
		if err != nil || got.ServerKey != key || got.State != Active {
			t.Errorf("%+v, %v; want %x", got, err, key)
		}
	}
	r.Met("a", enrolled, [8]byte{1})
	want([8]byte{1})
	r = reopen(t, r, dir)
	r.Seen("a", enrolled.Add(time.Hour))
	want([8]byte{1})
	r = reopen(t, r, dir)
	want([8]byte{1})
	r.Met("a", enrolled, [8]byte{2})
	r = reopen(t, r, dir)
	want([8]byte{2})
}

// A device is the authority's that has signed its newest credential.
func TestLearnAuthority(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	key := publicKey(handshake.MLKEM512, 1)
	for n, by := range []byte{1, 2, 1} {
		c := Credential{Subject: "a", Key: key, ID: [16]byte{byte(n)}, Expires: enrolled.Add(time.Duration(n+1) * time.Hour), Authority: [8]byte{by}}
		got, err := r.Learn(c)
		if err != nil || got.Authority != c.Authority {
			t.Errorf("credential %d: %+v, %v", n, got, err)
		}
	}
	r = reopen(t, r, dir)
	if got, err := r.Get("a"); err != nil || got.Authority != [8]byte{1} || got.Origin != Authority {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPolicy(t *testing.T) {
	r := open(t, t.TempDir())
	d := pskDevice("a", 1)
	d.Groups, d.Allow = []string{"meters"}, []string{"GET /time"}
	ok(t, r.Enroll(d))
	groups, allow, err := r.Policy("a")
	if err != nil || !slices.Equal(groups, d.Groups) || !slices.Equal(allow, d.Allow) {
		t.Errorf("%v, %v, %v", groups, allow, err)
	}
	_, _, err = r.Policy("b")
	wants(t, "nobody", err, ErrUnknown)
}
