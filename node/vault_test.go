package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var testKept = kept{session: []byte("a session"), server: serverAddr, fullAt: time.Unix(1e9, 0)}

// asleep is a vault with a session in it.
func asleep(t *testing.T, secret string) *vault {
	t.Helper()
	v := reopen(t, filepath.Join(t.TempDir(), "state"), secret)
	if err := v.put(testKept); err != nil {
		t.Fatal(err)
	}
	return v
}

func reopen(t *testing.T, path, secret string) *vault {
	t.Helper()
	v, err := openVault(path, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVault(t *testing.T) {
	for _, secret := range []string{"", "of the device"} { // anonymous, or not
		v := asleep(t, secret)
		k, err := reopen(t, v.path, secret).load()
		if err != nil || !bytes.Equal(k.session, testKept.session) || k.server != serverAddr || !k.fullAt.Equal(testKept.fullAt) {
			t.Errorf("%q, %v, %v: %v", k.session, k.server, k.fullAt, err)
		}
		if k, err = reopen(t, v.path, secret).load(); err != nil || k.session != nil || !k.fullAt.Equal(testKept.fullAt) {
			t.Errorf("behind its use: %q, %v", k.session, err)
		}
		if _, err := reopen(t, v.path, "of another").load(); !errors.Is(err, ErrState) {
			t.Errorf("another device reads it: %v", err)
		}
	}
}

// Nothing of it is in the clear, and only the owner may read it.
func TestVaultSealed(t *testing.T) {
	v := asleep(t, "of the device")
	for _, name := range []string{v.path, v.usedPath()} {
		b, err := os.ReadFile(name)
		if err != nil || bytes.Contains(b, testKept.session) || bytes.Contains(b, v.secret) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

// Whatever has happened to the file, it is read as it was or not at all.
func TestVaultChanged(t *testing.T) {
	v := asleep(t, "of the device")
	state, err := os.ReadFile(v.path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(b []byte, what string, at int) {
		t.Helper()
		if err := os.WriteFile(v.path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if k, err := reopen(t, v.path, "of the device").load(); !errors.Is(err, ErrState) || k.session != nil {
			t.Errorf("%s %d: %q, %v", what, at, k.session, err)
		}
	}
	for n := range state {
		refused(state[:n], "cut to", n)
		changed := bytes.Clone(state)
		changed[n] ^= 1
		refused(changed, "changed at", n)
	}
	refused(append(bytes.Clone(state), 0), "longer than", len(state))
	refused(make([]byte, maxVaultFile+1), "far longer than", len(state))
	if err := os.WriteFile(v.path, state, 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := reopen(t, v.path, "of the device").load(); err != nil || k.session == nil {
		t.Errorf("as it was: %v", err)
	}
}

// A crash at any moment of a use leaves a state from before, which has not been used, or one
// behind it: what is written is removed one file at a time.
func TestVaultCrash(t *testing.T) {
	v := asleep(t, "of the device")
	copied, err := os.ReadFile(v.path)
	if err != nil {
		t.Fatal(err)
	}
	rest := kept{fullAt: testKept.fullAt}
	if err := v.put(rest); err != nil { // the first half of a use
		t.Fatal(err)
	}
	if k, err := reopen(t, v.path, "of the device").load(); err != nil || k.session != nil {
		t.Errorf("half used: %q, %v", k.session, err)
	}
	if err := v.use(rest); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.path, copied, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(t, v.path, "of the device").load(); !errors.Is(err, errUsed) {
		t.Errorf("a copy that was put back: %v", err)
	}
}

// A state that is newer than what was used goes by its number, however many there have been.
func TestVaultNumbers(t *testing.T) {
	v := asleep(t, "x")
	var copies [][]byte
	for range 5 {
		b, err := os.ReadFile(v.path)
		if err != nil {
			t.Fatal(err)
		}
		copies = append(copies, b)
		v = reopen(t, v.path, "x")
		if k, err := v.load(); err != nil || k.session == nil {
			t.Fatal(err)
		}
		if err := v.put(testKept); err != nil {
			t.Fatal(err)
		}
	}
	newest := v.last
	for _, b := range copies {
		if err := os.WriteFile(v.path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := reopen(t, v.path, "x").load(); !errors.Is(err, errUsed) {
			t.Errorf("an old one: %v", err)
		}
	}
	if v = reopen(t, v.path, "x"); v.used >= newest {
		t.Errorf("used %d, the newest is %d", v.used, newest)
	}
}

// A use that cannot be written down is none.
func TestVaultUseFails(t *testing.T) {
	v := asleep(t, "x")
	if err := os.Mkdir(v.usedPath()+".tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	if k, err := reopen(t, v.path, "x").load(); !errors.Is(err, ErrState) || k.session != nil {
		t.Errorf("%q, %v", k.session, err)
	}
}

// What programs that were killed had taken is removed.
func TestVaultTidy(t *testing.T) {
	v := asleep(t, "x")
	left := v.path + ".taken-ABCDEFGH"
	if err := os.WriteFile(left, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(t, v.path, "x").load(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(v.path))
	if err != nil || len(files) != 2 {
		t.Errorf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if strings.Contains(f.Name(), "taken") {
			t.Errorf("%s is left", f.Name())
		}
	}
}
