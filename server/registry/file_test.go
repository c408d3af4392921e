package registry

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

// validFile has one device of each mode.
func validFile(t *testing.T) string {
	t.Helper()
	r := open(t, t.TempDir())
	for _, d := range []Device{pskDevice("first", seeded(1)), kemDevice("second", handshake.MLKEM512, 2)} {
		if err := r.Enroll(d); err != nil {
			t.Fatal(err)
		}
	}
	return string(r.current.Load().marshal())
}

// secretPart is of the first device's PSK.
func TestFileComesBack(t *testing.T) {
	text := validFile(t)
	tab := newTable()
	if err := tab.parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if got := string(tab.marshal()); got != text {
		t.Errorf("%s\nwant\n%s", got, text)
	}
	for _, part := range []string{"[[device]]\nname = \"first\"\nmode = \"psk\"\nsuite = 2\nid = \"", "enrolled = 2026-01-31T12:00:00Z\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the file", part)
		}
	}
}

// line gives the first line of the text that sets the key.
func TestFileThatOthersMayRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such bits there")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := os.WriteFile(path, []byte(validFile(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), "want 0600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// What a program killed between any two steps of a replacement leaves does not matter.
func TestLeftOverFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, newName), []byte("half of a fi"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, d := open(t, dir), pskDevice("a", seeded(1))
	if err := r.Enroll(d); err != nil || !found(open(t, dir), d) {
		t.Errorf("Enroll: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, newName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the new file's name is still there: %v", err)
	}
}

func TestFailedReplacementChangesNothing(t *testing.T) {
	dir := t.TempDir()
	r, d := open(t, dir), pskDevice("a", seeded(1))
	blocked := filepath.Join(dir, newName, "x")
	if err := os.MkdirAll(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.Enroll(d); !errors.Is(err, ErrFile) || found(r, d) {
		t.Errorf("Enroll: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte("[[device]]\nname = \"a\"\nmode = \"psk\"\nsuite = 2\nid = \"AAAAAAAAAAAAAAAAAAAAAA\"\n" +
		"psk = \"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"\nenrolled = 2026-01-31T12:00:00Z\n"))
	f.Add([]byte("device = []"))
	f.Fuzz(func(t *testing.T, b []byte) {
		first := newTable()
		if first.parse(b) != nil {
			return
		}
		second := newTable()
		if err := second.parse(first.marshal()); err != nil {
			t.Fatalf("%v in\n%s", err, first.marshal())
		}
		if len(second.devices) != len(first.devices) {
			t.Fatalf("%d devices, want %d", len(second.devices), len(first.devices))
		}
	})
}
