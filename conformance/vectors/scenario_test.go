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
	files, err := filepath.Glob(filepath.Join(testdata, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := All()
	if len(files) != len(all) {
		t.Errorf("%d files, %d scenarios", len(files), len(all))
	}
	names := make(map[string]bool)
	for _, s := range all {
		if names[Name(s)] {
			t.Errorf("%s: a name twice", Name(s))
		}
		names[Name(s)] = true
		want, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(testdata, Name(s)+".json"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the file is not what the generator makes", Name(s))
		}
	}
}

// TestWriteLoad: what is written is read again, the same each time.
func TestWriteLoad(t *testing.T) {
	dir := t.TempDir()
	n, err := Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := Load(dir)
	if err != nil || len(all) != n || n == 0 {
		t.Fatalf("wrote %d scenarios, read %d: %v", n, len(all), err)
	}
	for _, s := range all {
		again, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, Name(s)+".json")); err != nil || !bytes.Equal(b, again) {
			t.Errorf("%s: encoded again it differs: %v", Name(s), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "stranger.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrFormat) {
		t.Errorf("with a stranger: error = %v", err)
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
