package server

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// saved is a folder in which a server has saved something.
func saved(t testing.TB, state []byte) (path string, d *Dir) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "srv")
	if _, err := InitDir(path, handshake.MLKEM512); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	era, err := d.countStart(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.saveSessions(time.Now(), era, state); err != nil {
		t.Fatal(err)
	}
	return path, d
}

func gone(name string) bool {
	_, err := os.Lstat(name)
	return errors.Is(err, os.ErrNotExist)
}

// Sessions are taken once, by whoever starts next, and nothing of them can be read in the file.
func TestSessionsTakenOnce(t *testing.T) {
	secret := []byte("the keys of all sessions")
	path, d := saved(t, secret)
	name := filepath.Join(path, sessionsFile)
	b, err := os.ReadFile(name)
	if err != nil || bytes.Contains(b, secret[:8]) {
		t.Errorf("%v, or the file is not sealed", err)
	}
	if info, err := os.Stat(name); err != nil || private(name, info) != nil {
		t.Errorf("%v, %v", err, private(name, info))
	}
	if _, err := d.countStart(time.Now()); err != nil {
		t.Fatal(err)
	}
	if got, err := d.takeSessions(time.Now()); err != nil || !bytes.Equal(got, secret) || !gone(name) {
		t.Errorf("%q, %v, file gone %v", got, err, gone(name))
	}
	if got, err := d.takeSessions(time.Now()); got != nil || err != nil {
		t.Errorf("a second time: %q, %v", got, err)
	}
	// A copy of the file is not the file.
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := d.takeSessions(time.Now()); got != nil || !errors.Is(err, errSessions) || !gone(name) {
		t.Errorf("a copy: %q, %v, gone %v", got, err, gone(name))
	}
}

// What is not what was saved last here is removed, and not used.
func TestSessionsRefused(t *testing.T) {
	older, _ := saved(t, []byte("older"))
	foreign, err := os.ReadFile(filepath.Join(older, sessionsFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(file string, b []byte) error{
		"truncated": func(file string, b []byte) error { return os.Truncate(file, int64(len(b)/2)) },
		"empty":     func(file string, _ []byte) error { return os.Truncate(file, 0) },
		"foreign":   func(file string, _ []byte) error { return os.WriteFile(file, foreign, 0o600) },
		"flipped": func(file string, b []byte) error {
			b[len(b)-1] ^= 1
			return os.WriteFile(file, b, 0o600)
		},
		"readable by all": func(file string, _ []byte) error { return os.Chmod(file, 0o644) },
		"too large":       func(file string, _ []byte) error { return os.Truncate(file, maxSessionsFile+1) },
		"note lost": func(file string, _ []byte) error {
			return os.Remove(filepath.Join(filepath.Dir(file), startsFile))
		},
		"dangling link": func(file string, _ []byte) error {
			return errors.Join(os.Remove(file), os.Symlink(file+".none", file))
		},
	} {
		path, d := saved(t, []byte("state"))
		file := filepath.Join(path, sessionsFile)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := change(file, b); err != nil {
			t.Fatal(err)
		}
		if got, err := d.takeSessions(time.Now()); got != nil || !errors.Is(err, errSessions) || !gone(file) {
			t.Errorf("%s: %q, %v, gone %v", name, got, err, gone(file))
		}
	}
}

// Every bit of the file counts, also without the note of it.
func TestSessionsSealed(t *testing.T) {
	s := Secrets{Echo: [32]byte{1}, Reset: [32]byte{2}}
	b, err := s.seal(7, []byte("state"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.open(b); err != nil || string(got) != "state" {
		t.Errorf("%q, %v", got, err)
	}
	for i := range 8 * len(b) {
		changed := bytes.Clone(b)
		changed[i/8] ^= 1 << (i % 8)
		if _, err := s.open(changed); !errors.Is(err, errSessions) {
			t.Errorf("bit %d: error %v", i, err)
		}
	}
	for n := range b {
		if _, err := s.open(b[:n]); !errors.Is(err, errSessions) {
			t.Errorf("%d bytes: error %v", n, err)
		}
	}
	other := Secrets{Echo: [32]byte{1}, Reset: [32]byte{3}}
	if _, err := other.open(b); !errors.Is(err, errSessions) {
		t.Errorf("other secrets: error %v", err)
	}
	again, err := s.seal(7, []byte("state"))
	if err != nil || bytes.Equal(again[len(again)-21:], b[len(b)-21:]) {
		t.Errorf("two files are sealed alike, %v", err)
	}
}

// Where the file cannot be removed, no server starts: it might be used again.
func TestSessionsNotRemoved(t *testing.T) {
	path, d := saved(t, []byte("state"))
	name := filepath.Join(path, sessionsFile)
	if err := errors.Join(os.Remove(name), os.MkdirAll(filepath.Join(name, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	got, err := d.takeSessions(time.Now())
	if got != nil || !errors.Is(err, ErrDir) || errors.Is(err, errSessions) {
		t.Errorf("%q, %v", got, err)
	}
	srv, err := New(d.Config(nothing))
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.ListenAndServe(t.Context(), "127.0.0.1:0"); !errors.Is(err, ErrDir) {
		t.Errorf("serves: %v", err)
	}
}

// Who has been succeeded already saves nothing.
func TestSaveSucceeded(t *testing.T) {
	path, d := saved(t, []byte("state"))
	era, err := d.countStart(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.takeSessions(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := d.saveSessions(time.Now(), era-1, []byte("older")); !errors.Is(err, ErrDir) || !gone(filepath.Join(path, sessionsFile)) {
		t.Errorf("error %v", err)
	}
}

// What it takes to save and to take the sessions beside their own encoding, of 420 bytes each:
// go test -run - -bench Sessions ./server
func BenchmarkSessions(b *testing.B) {
	for _, n := range []int{4000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			state := make([]byte, 420*n)
			rand.Read(state)
			_, d := saved(b, state)
			for b.Loop() {
				era, err := d.countStart(time.Now())
				if err != nil {
					b.Fatal(err)
				}
				if _, err := d.takeSessions(time.Now()); err != nil {
					b.Fatal(err)
				}
				if err := d.saveSessions(time.Now(), era, state); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
