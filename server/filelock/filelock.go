// Package filelock keeps programs that change the same file apart. The system drops a
// lock when its holder ends, however it ends, so no lock is ever left behind.
//
//	lock, err := filelock.Wait("devices.lock")
//	if err != nil {
//		return err
//	}
//	defer lock.Close()
//
// A lock belongs to the open file: two locks in one process exclude each other too.
package filelock

import (
	"errors"
	"fmt"
	"os"
)

// ErrHeld is given by Try when another holds the lock.
var ErrHeld = errors.New("in use by another program")

// Wait makes the file at path if need be, and waits until the lock on it is free.
// Closing the file gives the lock back. The file stays: were it removed, two programs
// could hold locks on two files of the same name.
func Wait(path string) (*os.File, error) { return open(path, true) }

// Try is Wait without waiting: ErrHeld says that another has the lock.
func Try(path string) (*os.File, error) { return open(path, false) }

func open(path string, wait bool) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f, wait); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}
