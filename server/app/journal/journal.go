// Package journal keeps devices' readings in one append-only file. Start with [Open].
//
//	j, err := journal.Open("telemetry.log")
//	err = j.Append("sensor-1", time.Now(), records) // returns when they are on the disk
//	records, err = j.Last("sensor-1", 10)
//	err = j.Close()
//
// What Append has confirmed survives the end of the process and of the machine. One fsync
// serves all who wait for it. When a write or an fsync fails, nobody knows what the disk
// holds: all who waited get the error, and the journal refuses more until it is opened
// again. The file is never shortened while it is whole; there is no rotation.
//
// A Journal is safe for concurrent use.
package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/server/filelock"
	"github.com/pqcoap/pqcoap/server/senml"
)

// Keep is how many readings of a device Last can give.
const Keep = 1000

// Errors by class of failure.
var (
	ErrFailed  = errors.New("journal: a write failed, it must be opened again")
	ErrClosed  = errors.New("journal: closed")
	ErrInUse   = errors.New("journal: another server writes to it")
	ErrCorrupt = errors.New("journal: damaged")
	ErrInvalid = errors.New("journal: this cannot be recorded")
)

// file is what a Journal needs of an os.File; tests let it fail.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// A Journal is an open file of readings.
type Journal struct {
	file file
	lock io.Closer     // keeps other processes away
	done chan struct{} // closed when the writer has ended

	mu     sync.Mutex
	wake   sync.Cond // the queue has grown, or closed is set
	queue  []*entry  // not yet being written
	size   int64     // of what is durable; only the writer changes it
	index  index
	failed bool
	closed bool
}

// Open opens the journal at path or makes it. A last write that was cut short is removed
// with a line in the log; damage before it is ErrCorrupt with the place.
func Open(path string) (*Journal, error) {
	lock, err := filelock.Try(path + ".lock")
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		lock.Close()
		return nil, err
	}
	j, err := open(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Close(), lock.Close())
	}
	j.lock = lock
	return j, nil
}

func open(f *os.File, path string) (*Journal, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	x := index{}
	size, err := restore(f, info.Size(), path, x)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Sync(), syncFolder(filepath.Dir(path))); err != nil {
		return nil, err
	}
	return start(f, size, x), nil
}

// syncFolder makes the name of a new file durable. Windows does not need it.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func start(f file, size int64, x index) *Journal {
	j := &Journal{file: f, size: size, index: x, done: make(chan struct{})}
	j.wake.L = &j.mu
	go j.write()
	return j
}

// Append records readings of a device, received at the time given, and returns when they
// are durable. They are recorded all or not at all; after an error they may or may not
// turn up when the journal is opened again.
func (j *Journal) Append(device string, received time.Time, records []senml.Record) error {
	e, err := newEntry(device, received, records)
	if err != nil {
		return err
	}
	j.mu.Lock()
	switch {
	case j.closed:
		j.mu.Unlock()
		return ErrClosed
	case j.failed:
		j.mu.Unlock()
		return ErrFailed
	}
	j.queue = append(j.queue, e)
	j.wake.Signal()
	j.mu.Unlock()
	<-e.written
	return e.err
}

// Err is why no more readings are taken: ErrFailed, ErrClosed, or nil where they are.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return ErrClosed
	case j.failed:
		return ErrFailed
	}
	return nil
}

// Last gives the n readings of a device with the latest times, in the order of time. There
// are at most Keep of them, and none of a device that never sent one.
func (j *Journal) Last(device string, n int) ([]senml.Record, error) {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil, ErrClosed
	}
	places := j.index.last(device, n)
	j.mu.Unlock()
	return readPlaces(j.file, device, places)
}

// Close writes what is waiting, then closes the file. No Last may be under way.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.closed = true
	j.wake.Signal()
	j.mu.Unlock()
	<-j.done
	err := j.file.Close()
	if j.lock != nil {
		err = errors.Join(err, j.lock.Close())
	}
	return err
}
