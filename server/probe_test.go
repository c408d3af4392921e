package server

import (
	"errors"
	"os"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestWritable(t *testing.T) {
	path := t.TempDir()
	if _, err := InitDir(path, handshake.MLKEM512); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Writable(); err != nil {
		t.Errorf("%v", err)
	}
	after, err := os.ReadDir(path)
	if err != nil || len(after) != len(before) {
		t.Errorf("%d files, %d before: %v", len(after), len(before), err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := d.Writable(); !errors.Is(err, ErrDir) {
		t.Errorf("a folder that is gone: %v", err)
	}
}
