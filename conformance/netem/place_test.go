package netem

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// empty is a machine without a single program.
func empty(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
}

func TestFindNothing(t *testing.T) {
	empty(t)
	want := ErrUnavailable
	if os.Geteuid() != 0 {
		want = ErrNotRoot
	}
	if place, err := Find(t.Context()); !errors.Is(err, want) {
		t.Errorf("Find = %v, %v; want %v", place, err, want)
	}
}

func TestRunFails(t *testing.T) {
	empty(t)
	for _, place := range []Place{Namespace, UserModeLinux} {
		dir := t.TempDir()
		if _, err := place.Run(t.Context(), dir); err == nil || !strings.HasPrefix(err.Error(), place.String()) {
			t.Errorf("%v without its program: %v, want an error that names it", place, err)
		}
		for _, script := range []string{"run.sh", "boot.sh"} {
			if info, err := os.Stat(filepath.Join(dir, script)); err != nil || info.Mode().Perm()&0o100 == 0 {
				t.Errorf("%v: %s: %v, want a file that can be executed", place, script, err)
			}
		}
	}
}

func TestRunCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Namespace.Run(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want %v", err, context.Canceled)
	}
}
