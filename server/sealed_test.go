package server

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/keyfile"
)

func TestMain(m *testing.M) {
	sealCost = keyfile.Cost{Passes: 1, Memory: 8, Lanes: 1}
	os.Exit(m.Run())
}

// answer is a Passphrase, and how often it was asked for.
func answer(text string, asked *int) Passphrase {
	return func() ([]byte, error) {
		*asked++
		return []byte(text), nil
	}
}

// contents are the key files of a folder.
func contents(t *testing.T, path string) map[string]string {
	t.Helper()
	names, err := keyFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(b)
	}
	return files
}

func sameKeys(a, b *Dir) bool {
	for i := range a.Keys {
		if a.Keys[i].ServerCredential().Fingerprint() != b.Keys[i].ServerCredential().Fingerprint() {
			return false
		}
	}
	return len(a.Keys) == len(b.Keys)
}

// The keys of a folder are sealed, sealed anew, and opened again; they stay the same keys.
func TestSetPassphrase(t *testing.T) {
	path := initDir(t, handshake.MLKEM512, handshake.MLKEM768)
	before, open := contents(t, path), openFolder(t, path)
	var asked int
	if n, err := SetPassphrase(path, answer("none", &asked), []byte("one")); n != 2 || err != nil || asked != 0 {
		t.Fatalf("%d keys, asked %d times, %v", n, asked, err)
	}
	d, err := OpenDirSealed(path, answer("one", &asked))
	if err != nil || asked != 1 || !sameKeys(d, open) {
		t.Errorf("asked %d times, %v", asked, err)
	}
	if is, err := Sealed(path); !is || err != nil {
		t.Errorf("sealed %t, %v", is, err)
	}
	for name, b := range contents(t, path) {
		if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		if !keyfile.IsSealed([]byte(b)) || strings.Contains(b, before[name][10:30]) {
			t.Errorf("%s is not sealed", name)
		}
	}
	if _, err := OpenDir(path); !errors.Is(err, ErrDir) || !errors.Is(err, ErrSealed) || !strings.Contains(err.Error(), "-passphrase-fd") {
		t.Errorf("without a passphrase: %v", err)
	}
	sealed := contents(t, path)
	for _, wrong := range []string{"two", ""} {
		if _, err := OpenDirSealed(path, answer(wrong, &asked)); !errors.Is(err, keyfile.ErrPassphrase) {
			t.Errorf("%q: %v", wrong, err)
		}
		if _, err := SetPassphrase(path, answer(wrong, &asked), []byte("three")); !errors.Is(err, keyfile.ErrPassphrase) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if now := contents(t, path); !equalFiles(now, sealed) {
		t.Error("a change that failed has changed files")
	}
	if _, err := SetPassphrase(path, answer("one", &asked), nil); err != nil || !equalFiles(contents(t, path), before) {
		t.Errorf("opened again: %v", err)
	}
}

func equalFiles(a, b map[string]string) bool {
	for name := range a {
		if a[name] != b[name] {
			return false
		}
	}
	return len(a) == len(b)
}

// Whoever was killed between two files changes the others by doing it again.
func TestSetPassphraseInterrupted(t *testing.T) {
	path := initDir(t, handshake.MLKEM512, handshake.MLKEM768)
	var asked int
	if _, err := SetPassphrase(path, nil, []byte("one")); err != nil {
		t.Fatal(err)
	}
	left := contents(t, path)
	if _, err := SetPassphrase(path, answer("one", &asked), []byte("two")); err != nil {
		t.Fatal(err)
	}
	second := keyFile(path, handshake.MLKEM512)
	if err := os.WriteFile(second, []byte(left[second]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDirSealed(path, answer("two", &asked)); !errors.Is(err, keyfile.ErrPassphrase) {
		t.Fatalf("error %v", err)
	}
	if _, err := SetPassphrase(path, answer("one", &asked), []byte("two")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDirSealed(path, answer("two", &asked)); err != nil {
		t.Error(err)
	}
}

// A key that is added is sealed as the others are, or not added.
func TestInitDirSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "srv")
	if _, err := InitDirSealed(path, handshake.MLKEM512, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := InitDirSealed(path, handshake.MLKEM768, []byte("two")); !errors.Is(err, keyfile.ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if _, err := InitDir(path, handshake.MLKEM768); !errors.Is(err, ErrSealed) {
		t.Errorf("none: %v", err)
	}
	if _, err := InitDirSealed(path, handshake.MLKEM768, []byte("one")); err != nil {
		t.Error(err)
	}
	var asked int
	if d, err := OpenDirSealed(path, answer("one", &asked)); err != nil || len(d.Keys) != 2 || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	if _, err := InitDirSealed(initDir(t, handshake.MLKEM512), handshake.MLKEM768, []byte("one")); !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), "not sealed") {
		t.Errorf("among keys that are open: %v", err)
	}
}

func TestKeysPassphraseCleared(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	if _, err := SetPassphrase(path, nil, []byte("one")); err != nil {
		t.Fatal(err)
	}
	text := []byte("one")
	if _, err := OpenDirSealed(path, func() ([]byte, error) { return text, nil }); err != nil || !bytes.Equal(text, make([]byte, 3)) {
		t.Errorf("%q is left, %v", text, err)
	}
}

// A key that others can read is refused, sealed or not.
func TestKeyModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("Windows has no such permissions")
		return
	}
	path := initDir(t, handshake.MLKEM512)
	for _, seal := range []bool{false, true} {
		if seal {
			if _, err := SetPassphrase(path, nil, []byte("one")); err != nil {
				t.Fatal(err)
			}
		}
		for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
			if err := os.Chmod(keyFile(path, handshake.MLKEM512), mode); err != nil {
				t.Fatal(err)
			}
			var asked int
			if _, err := OpenDirSealed(path, answer("one", &asked)); !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), "chmod 600") || asked != 0 {
				t.Errorf("%04o, sealed %t: asked %d times, %v", mode, seal, asked, err)
			}
			if err := os.Chmod(keyFile(path, handshake.MLKEM512), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
