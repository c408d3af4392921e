package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// createFile writes a new private file, whole or not at all.
func createFile(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(name)
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	return nil
}

// maxPrivateFile bounds what is read of a key or secrets file.
const maxPrivateFile = 64 << 10

// readPrivate reads a file with secrets in it, which others must not be able to read.
func readPrivate(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	if err := private(name, info); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	if info.Size() > maxPrivateFile {
		return nil, fmt.Errorf("%w: %s: larger than %d bytes", ErrDir, name, maxPrivateFile)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	return b, nil
}

// private refuses a file with secrets that others may read. Windows has no such bits.
func private(name string, info os.FileInfo) error {
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("%s holds secrets and has mode %04o, which lets others read it: run chmod 600 %s", name, mode, name)
	}
	return nil
}

// replaceFile puts a private file in the place of one, or where there is none: who is killed at any
// moment leaves the old one or the new one, and what it returns nil for is on the disk. The
// caller sees to it that nobody else does the same.
func replaceFile(name string, b []byte) error {
	fresh := name + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	if err := createFile(fresh, b); err != nil {
		return err
	}
	if err := os.Rename(fresh, name); err != nil {
		os.Remove(fresh)
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	return syncFolder(filepath.Dir(name))
}

// removeFile removes a file for good: also a crash does not bring it back. fs.ErrNotExist where
// somebody else was first.
func removeFile(name string) error {
	if err := os.Remove(name); err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes what has happened to names in a folder durable. Windows cannot, and does not
// need to be asked.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	return nil
}
