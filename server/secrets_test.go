package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestSecrets(t *testing.T) {
	path := t.TempDir()
	if err := createSecrets(path); err != nil {
		t.Fatal(err)
	}
	first, err := loadSecrets(path)
	if err != nil || first.Echo == first.Reset || first.Echo == [32]byte{} || first.Reset == [32]byte{} {
		t.Fatalf("%v, or secrets that are none", err)
	}
	if err := createSecrets(path); err != nil {
		t.Fatal(err)
	}
	if again, err := loadSecrets(path); err != nil || again != first {
		t.Errorf("%v, or secrets were replaced", err)
	}
	name := filepath.Join(path, secretsFile)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if err := os.WriteFile(name, b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadSecrets(path); !errors.Is(err, ErrDir) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}
