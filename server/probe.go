package server

import (
	"errors"
	"fmt"
	"os"
)

// probeSize is what a file of a device, or of some readings, takes at least.
const probeSize = 4096

// Writable says why nothing can be written to the folder, nil where it can: a small file is written
// to the disk and removed.
func (d *Dir) Writable() error {
	f, err := os.CreateTemp(d.Path, ".probe-*")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	_, err = f.Write(make([]byte, probeSize))
	if err := errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	return nil
}
