package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/filelock"
)

const (
	ticketsFile = "tickets.cbor"
	ticketsLock = "tickets.lock"
	// ticketLead is how long a new key is on the disk before it is used: by then all servers
	// that share the file have read it.
	ticketLead = time.Minute
)

// tickets are the keys in a file, which servers may share.
type tickets struct {
	name  string // of the file itself: in the folder there may be a link to it
	keys  *handshake.TicketKeys
	stamp os.FileInfo // of the file read
	tried time.Time   // when rotating has failed
}

// rotateAgain is how long behind a failure it is tried again.
const rotateAgain = time.Minute

// keep reads the keys where somebody else has changed them, and rotates them where the newest is
// of an age; 0: never. It tells whether they have changed.
func (t *tickets) keep(now time.Time, age, lifetime time.Duration) (changed bool, err error) {
	changed, err = t.reload()
	due := func(newest time.Time) bool { return age > 0 && now.Sub(newest) >= age }
	if err != nil || !due(t.keys.Newest()) || now.Sub(t.tried) < rotateAgain {
		return changed, err
	}
	rotated, err := t.rotate(now, lifetime, due)
	if err != nil {
		t.tried = now
	}
	return changed || rotated, err
}

// createTickets makes the file, unless there is one.
func createTickets(path string, now time.Time) error {
	lock, err := filelock.Wait(filepath.Join(path, ticketsLock))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	defer lock.Close()
	name := filepath.Join(path, ticketsFile)
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return nil // or openTickets says what is wrong with it
	}
	keys, err := handshake.NewTicketKeys(rand.Reader, now)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	b := keys.Append(nil)
	defer clear(b)
	return replaceFile(name, b)
}

// openTickets reads the file of a folder.
func openTickets(path string) (*tickets, error) {
	name, err := filepath.EvalSymlinks(filepath.Join(path, ticketsFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	t := &tickets{name: name}
	return t, t.load()
}

func (t *tickets) load() error {
	stamp, err := os.Stat(t.name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	b, err := readPrivate(t.name)
	if err != nil {
		return err
	}
	defer clear(b)
	keys, err := handshake.ParseTicketKeys(b)
	if err != nil {
		return fmt.Errorf("%w: %s: not a tickets object of version 1: without it, remove the file, and each device does a handshake", ErrDir, t.name)
	}
	t.keys, t.stamp = keys, stamp
	return nil
}

// reload reads a file that has changed. One that cannot be used is complained of once, and the
// keys read before stay.
func (t *tickets) reload() (changed bool, err error) {
	stamp, err := os.Stat(t.name)
	if err != nil || sameFile(stamp, t.stamp) {
		return false, nil // a file that is gone takes no key with it
	}
	if err := t.load(); err != nil {
		t.stamp = stamp
		return false, err
	}
	return true, nil
}

// rotate writes a file with one key more, if due says so of the newest one: the servers that share
// the file wait for each other, and the second finds it done. Keys that no ticket of that lifetime
// is left of are not in it.
func (t *tickets) rotate(now time.Time, lifetime time.Duration, due func(newest time.Time) bool) (changed bool, err error) {
	err = t.change(func() (*handshake.TicketKeys, error) {
		if !due(t.keys.Newest()) {
			return nil, nil
		}
		changed = true
		return t.keys.Rotate(rand.Reader, now, now.Add(ticketLead), lifetime)
	})
	return changed && err == nil, err
}

// forget writes a file with a new key, and none of those before.
func (t *tickets) forget(now time.Time) error {
	return t.change(func() (*handshake.TicketKeys, error) { return handshake.NewTicketKeys(rand.Reader, now) })
}

// change writes what f makes of the keys in the file; nil: nothing.
func (t *tickets) change(f func() (*handshake.TicketKeys, error)) error {
	lock, err := filelock.Wait(filepath.Join(filepath.Dir(t.name), ticketsLock))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	defer lock.Close()
	if err := t.load(); err != nil {
		return err
	}
	next, err := f()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDir, t.name, err)
	}
	if next == nil {
		return nil
	}
	b := next.Append(nil)
	defer clear(b)
	if err := replaceFile(t.name, b); err != nil {
		return err
	}
	return t.load()
}

// RotateTickets gives the folder, and all that share its file of ticket keys, a new key, which
// seals from a minute on. With forget all keys before are dropped at once: no device can resume by
// a ticket it has, and each does a handshake. That is for keys that may have been stolen.
func (d *Dir) RotateTickets(now time.Time, forget bool) error {
	if err := createTickets(d.Path, now); err != nil {
		return err
	}
	t, err := openTickets(d.Path)
	if err != nil {
		return err
	}
	if forget {
		return t.forget(now)
	}
	_, err = t.rotate(now, d.Settings.limits().Lifetime, func(time.Time) bool { return true })
	return err
}
