package node

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestReplaceFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name+".tmp", []byte("left by a crash, longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "another"} {
		if err := replaceFile(name, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if b, err := readBounded(name); err != nil || string(b) != want {
			t.Errorf("%q, %v", b, err)
		}
	}
	if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(name + ".tmp"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
	if err := replaceState(filepath.Join(name, "x"), nil); !errors.Is(err, ErrState) {
		t.Errorf("in a file: %v", err)
	}
	if err := syncFolder(name + ".none"); runtime.GOOS != "windows" && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
