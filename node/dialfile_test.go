package node

import (
	"errors"
	"path/filepath"
	"testing"
)

// TestDialFileRefuses: what it cannot read. That it dials is shown in conformance/gocoap, by a
// program.
func TestDialFileRefuses(t *testing.T) {
	if _, err := DialFile(t.Context(), filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, ErrConfig) {
		t.Errorf("error %v", err)
	}
}
