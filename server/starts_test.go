package server

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

func openFolder(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	d.NoControl = true // who waits at a socket keeps the clock of a bubble from going on
	return d
}

// No two starts have the same number, also where they are at once; a lost or spoilt count goes on
// above all that there can have been.
func TestCountStart(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	now := time.Now()
	count := func() uint32 {
		n, err := openFolder(t, path).countStart(now)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := count()
	if first < uint32(now.Unix()/60) {
		t.Errorf("the first start is number %d", first)
	}
	if second := count(); second != first+1 {
		t.Errorf("the second start is number %d, the first was %d", second, first)
	}
	var mu sync.Mutex
	var starts sync.WaitGroup
	seen := map[uint32]bool{}
	for range 10 {
		starts.Go(func() {
			n := count()
			mu.Lock()
			defer mu.Unlock()
			seen[n] = true
		})
	}
	starts.Wait()
	if len(seen) != 10 {
		t.Errorf("10 starts have %d numbers", len(seen))
	}
	now = now.Add(time.Hour)
	for _, spoil := range []func(name string) error{
		os.Remove,
		func(name string) error { return os.WriteFile(name, []byte("x"), 0o600) },
		func(name string) error { return os.Truncate(name, 5) },
	} {
		last := count()
		if err := spoil(filepath.Join(path, startsFile)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(10 * time.Minute)
		if n := count(); n <= last {
			t.Errorf("start %d follows %d", n, last)
		}
	}
}

// A start that cannot be counted is none.
func TestCountStartFails(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	if err := os.MkdirAll(filepath.Join(path, startsFile+".new", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	d := openFolder(t, path)
	if _, err := d.countStart(time.Now()); !errors.Is(err, ErrDir) {
		t.Errorf("error %v", err)
	}
	if _, err := New(d.Config(nothing)); !errors.Is(err, ErrDir) {
		t.Errorf("New: error %v", err)
	}
}
