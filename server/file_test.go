package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReplaceFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"one", "two"} {
		// What a killed program has left is in nobody's way.
		if err := os.WriteFile(name+".new", []byte("rest"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := replaceFile(name, []byte(content)); err != nil {
			t.Fatal(err)
		}
		b, err := readPrivate(name)
		if err != nil || string(b) != content || !gone(name+".new") {
			t.Errorf("%q, %v", b, err)
		}
	}
	if err := os.MkdirAll(filepath.Join(name+"2", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(name+"2", []byte("x")); !errors.Is(err, ErrDir) || !gone(name+"2.new") {
		t.Errorf("in the place of a folder: %v", err)
	}
	if err := replaceFile(filepath.Join(name, "no", "folder"), nil); !errors.Is(err, ErrDir) {
		t.Errorf("no folder: %v", err)
	}
}

func TestRemoveFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := createFile(name, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := createFile(name, []byte("y")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	if err := removeFile(name); err != nil || !gone(name) {
		t.Errorf("error %v", err)
	}
	if err := removeFile(name); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrDir) {
		t.Errorf("twice: %v", err)
	}
}

func TestReadPrivate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := createFile(name, make([]byte, maxPrivateFile)); err != nil {
		t.Fatal(err)
	}
	if b, err := readPrivate(name); err != nil || len(b) != maxPrivateFile {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if err := os.Truncate(name, maxPrivateFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := readPrivate(name); !errors.Is(err, ErrDir) {
		t.Errorf("too large: %v", err)
	}
}
