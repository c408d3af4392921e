package filelock

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("PQCOAP_HOLD_LOCK"); path != "" {
		hold(path)
	}
	os.Exit(m.Run())
}

// hold takes the lock in a process of its own, says so, and waits to be killed.
func hold(path string) {
	if _, err := Wait(path); err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString("x")
	select {}
}

func TestTry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("second: %v, want %v", err, ErrHeld)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Try(path)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	again.Close()
}

func TestWaitExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var holders, entered atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			f, err := Wait(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if n := holders.Add(1); n != 1 {
				t.Errorf("%d hold the lock", n)
			}
			entered.Add(1)
			holders.Add(-1)
		})
	}
	all.Wait()
	if n := entered.Load(); n != 20 {
		t.Errorf("%d of 20 got the lock", n)
	}
}

func TestKilledHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "PQCOAP_HOLD_LOCK="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("while the child holds it: %v", err)
	}
	child.Process.Kill()
	child.Wait()
	f, err := Wait(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestNoFolder(t *testing.T) {
	if _, err := Wait(filepath.Join(t.TempDir(), "none", "lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
}
