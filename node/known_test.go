package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func testKnown() known {
	key, _ := testKeys()
	return known{
		base: [32]byte{1}, pin: key.ServerCredential(), former: [32]byte{2}, server: []byte("s"), token: []byte("t"),
		floor: time.Unix(1e9, 0),
	}
}

func TestKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.known")
	if k, err := readKnown(path); err != nil || k.pin != nil {
		t.Errorf("no file: %+v, %v", k, err)
	}
	for name, want := range map[string]known{"all": testKnown(), "nothing": {}} {
		if err := want.write(path); err != nil {
			t.Fatal(err)
		}
		got, err := readKnown(path)
		if err != nil || got.base != want.base || got.former != want.former || !bytes.Equal(got.server, want.server) ||
			!bytes.Equal(got.token, want.token) || !got.floor.Equal(want.floor) || (got.pin == nil) != (want.pin == nil) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A file that was cut, or changed in what it is, is not guessed at.
func TestKnownChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.known")
	k := testKnown()
	b, err := k.marshal()
	if err != nil {
		t.Fatal(err)
	}
	refused := func(b []byte, what string, at int) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readKnown(path); !errors.Is(err, ErrState) {
			t.Errorf("%s %d: %v", what, at, err)
		}
	}
	for n := range b {
		refused(b[:n], "cut to", n)
	}
	for n := range 8 { // version and kind
		changed := bytes.Clone(b)
		changed[n] ^= 0x10
		refused(changed, "changed at", n)
	}
	refused(append(bytes.Clone(b), 0), "longer than", len(b))
	refused(make([]byte, maxVaultFile+1), "far longer than", len(b))
}
