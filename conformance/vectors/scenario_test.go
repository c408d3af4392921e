package vectors

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

const testdata = "../testdata"

// TestFiles: the files are those that the generator makes, byte for byte, and no others.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	n, err := Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, dir) {
		if got, want := read(t, testdata, name), read(t, dir, name); !bytes.Equal(got, want) {
			t.Errorf("%s: the file is not what the generator makes", name)
		}
	}
	if written, here := len(names(t, dir)), len(names(t, testdata)); written != n || here != n || n == 0 {
		t.Errorf("%d scenarios, %d names, %d files", n, written, here)
	}
}

// names are those of the scenarios in a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

// read returns a file, or nothing where there is none.
func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Error(err)
	}
	return b
}

// TestLoad: what is read and encoded again is the same.
func TestLoad(t *testing.T) {
	all, err := Load(testdata)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d scenarios, error = %v", len(all), err)
	}
	for _, s := range all {
		again, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, testdata, Name(s)+".json"), again) {
			t.Errorf("%s: encoded again it differs", Name(s))
		}
	}
}

func TestLoadRejects(t *testing.T) {
	for name, text := range map[string]string{"no kind": "{}", "another name": `{"name": "b", "kind": "object"}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

func TestWriteFails(t *testing.T) {
	if _, err := Write(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
}

func TestDecodeRejects(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":       "x",
		"no kind":       `{"name": "a"}`,
		"unknown kind":  `{"kind": "other"}`,
		"unknown field": `{"kind": "object", "other": 1}`,
		"no hex":        `{"kind": "object", "bytes": "0g"}`,
		"odd hex":       `{"kind": "object", "bytes": "012"}`,
	} {
		if _, err := Decode([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
	if _, err := Decode([]byte(`{"kind": "object", "bytes": "01"}`)); err != nil {
		t.Errorf("baseline: %v", err)
	}
}
