package node

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/invite"
)

func testInvitation(t *testing.T, text string) *Invitation {
	t.Helper()
	code, err := invite.ParseCode(text)
	if err != nil {
		t.Fatal(err)
	}
	return &Invitation{Address: "192.0.2.1:5688", Suite: handshake.MLKEM512, Code: code}
}

// The key is on the disk before it is used, for its owner only, and each code has its own.
func TestPendingKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pending")
	inv := testInvitation(t, "7K2M-9QXR-4TBC")
	key, err := pendingKey(path, inv)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	same, err := pendingKey(path, inv)
	if err != nil || same.Public().DeviceID() != key.Public().DeviceID() {
		t.Errorf("another key for the same code: %v", err)
	}
	other, err := pendingKey(path, testInvitation(t, "0000-0000-0000"))
	if err != nil || other.Public().DeviceID() == key.Public().DeviceID() {
		t.Errorf("the same key for another code: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range b { // what was cut by somebody is replaced
		if err := os.WriteFile(path, b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if key, err := pendingKey(path, inv); err != nil || key == nil {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
	if _, err := pendingKey(filepath.Join(path, "x"), inv); !errors.Is(err, ErrState) {
		t.Errorf("in a file: %v", err)
	}
}

// A file that is there is left alone. What is left beside it by who was killed goes.
func TestUnwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.toml")
	if err := unwritten(path); err != nil {
		t.Error(err)
	}
	if err := writeEnrolled(path, valid(t)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pendingPath(path), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unwritten(path); !errors.Is(err, ErrEnrolled) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(pendingPath(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is pending still: %v", err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := EnrollFile(t.Context(), path, Enrolment{Invitation: testInvitation(t, "7K2M-9QXR-4TBC")}); !errors.Is(err, ErrEnrolled) {
		t.Errorf("a file that is none: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestWriteEnrolled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.toml")
	if err := writeEnrolled(filepath.Join(path, "y"), valid(t)); !errors.Is(err, ErrConfig) {
		t.Errorf("no folder: %v", err)
	}
	if err := writeEnrolled(path, valid(t)); err != nil {
		t.Fatal(err)
	}
	if cfg, err := LoadConfig(path); err != nil || cfg.Name != valid(t).Name {
		t.Errorf("%v, %v", cfg.Name, err)
	}
}
