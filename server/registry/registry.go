// Package registry keeps the devices enrolled with a server, in the file devices.toml of
// the server's folder. Start with [Open]; the server asks [Registry.Lookup], the operator's
// command calls [Registry.Enroll].
//
//	devices, err := registry.Open(dir)
//	device, err := devices.Lookup(suite, credential)
//
// The file is replaced whole, never written in place, so that whoever is killed at any
// moment leaves the old file or the new one. A running server sees a new file within a
// second. A Registry is safe for concurrent use.
package registry

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/filelock"
)

// The files in the server's folder.
const (
	fileName = "devices.toml"
	newName  = "devices.toml.new"
	lockName = "devices.lock"
)

// Errors by class of failure.
var (
	ErrFile    = errors.New("devices file") // it cannot be read, or must not be used
	ErrInvalid = errors.New("invalid device")
	ErrTaken   = errors.New("already enrolled")
	ErrUnknown = errors.New("device is not enrolled")
	ErrSuite   = errors.New("device is enrolled for another suite")
)

// A Registry is the devices of one server's folder.
type Registry struct {
	dir     string
	now     func() time.Time
	current atomic.Pointer[table] // what Lookup reads, without a lock

	loading sync.Mutex // held by who replaces current
	checked time.Time  // when the file was last looked at; guarded by loading
}

// table is the content of the file at one time. It never changes.
type table struct {
	stamp       os.FileInfo // of the file read; nil if there was none
	devices     []*Device
	credentials map[handshake.ClientCredential]*Device
	names       map[string]*Device
	version     uint64 // counts the contents that differ
}

func newTable() *table {
	return &table{credentials: map[handshake.ClientCredential]*Device{}, names: map[string]*Device{}}
}

// Open reads the devices of a server's folder. Without a file there are none yet.
func Open(dir string) (*Registry, error) {
	r := &Registry{dir: dir, now: time.Now}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	t, err := load(r.path(fileName))
	if err != nil {
		return nil, err
	}
	r.current.Store(t)
	r.checked = r.now()
	return r, nil
}

func (r *Registry) path(name string) string { return filepath.Join(r.dir, name) }

// Lookup finds the device that a client's credential names, if it is of the suite.
func (r *Registry) Lookup(suite handshake.Suite, c handshake.ClientCredential) (*Device, error) {
	r.refresh()
	d, ok := r.current.Load().credentials[c]
	switch {
	case !ok:
		return nil, ErrUnknown
	case d.Suite != suite:
		return nil, ErrSuite
	}
	return d, nil
}

// Enroll adds a device. Two programs that enroll at once wait for each other. ErrTaken
// says that the name or the credential is another device's.
func (r *Registry) Enroll(d Device) error {
	if err := d.check(); err != nil {
		return err
	}
	d.Enrolled = d.Enrolled.UTC().Truncate(time.Second) // as the file has it
	lock, err := filelock.Wait(r.path(lockName))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	defer lock.Close()
	r.loading.Lock()
	defer r.loading.Unlock()
	t, err := load(r.path(fileName))
	if err != nil {
		return err
	}
	if t, err = t.with(&d); err != nil {
		return err
	}
	if t.stamp, err = r.replace(t); err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	t.version = r.current.Load().version + 1
	r.current.Store(t)
	return nil
}

// with is a table with one more device.
func (t *table) with(d *Device) (*table, error) {
	more := &table{
		devices:     append(t.devices[:len(t.devices):len(t.devices)], d),
		credentials: maps.Clone(t.credentials),
		names:       maps.Clone(t.names),
	}
	return more, more.index(d)
}

// index adds the device to the maps. Names and credentials are unique.
func (t *table) index(d *Device) error {
	if t.names[d.Name] != nil {
		return fmt.Errorf("%w: name %s", ErrTaken, d.Name)
	}
	c := d.Credential()
	if other := t.credentials[c]; other != nil {
		return fmt.Errorf("%w: the credential of %s is that of %s", ErrTaken, d.Name, other.Name)
	}
	t.names[d.Name], t.credentials[c] = d, d
	return nil
}
