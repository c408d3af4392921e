package registry

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The version tells of each change of the file, by whoever, and of nothing else.
func TestVersion(t *testing.T) {
	dir := t.TempDir()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	before := r.Version()
	changed := func(want bool) {
		t.Helper()
		now := r.Version()
		if now != r.Version() || (now != before) != want {
			t.Errorf("version %d, then %d, want a change %v", before, now, want)
		}
		before = now
	}
	changed(false)
	for i, by := range []*Registry{r, other} {
		if err := by.Enroll(pskDevice(fmt.Sprint("d", i), rand.Reader)); err != nil {
			t.Fatal(err)
		}
		changed(true)
	}
	b, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "x"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, fileName)); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte("[[device]]\n"))
	changed(false) // it cannot be used
	write(b[:bytes.LastIndex(b, []byte("[[device]]"))])
	changed(true)
}
