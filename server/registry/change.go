package registry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// maxTouched is how many devices are named one by one, after a change, before it is all of them.
const maxTouched = 1024

// Suspend has a device not let in until Resume.
func (r *Registry) Suspend(name string) error {
	return r.change(name, func(tx *bolt.Tx, d *record) error {
		if d.Barred == Revoked {
			return fmt.Errorf("%w: %s", ErrRevoked, name)
		}
		d.Barred = Suspended
		return store(tx, d)
	})
}

// Resume lets a suspended device in again.
func (r *Registry) Resume(name string) error {
	return r.change(name, func(tx *bolt.Tx, d *record) error {
		if d.Barred == Revoked {
			return fmt.Errorf("%w: %s: for good: remove it to enroll the name anew", ErrRevoked, name)
		}
		d.Barred = 0
		return store(tx, d)
	})
}

// Revoke bars a device for good. Its name, its key and the credentials of an authority that it has
// used stay known, so that none of them lets anybody in.
func (r *Registry) Revoke(name string) error {
	return r.change(name, func(tx *bolt.Tx, d *record) error {
		d.Barred = Revoked
		if err := r.entomb(tx, d); err != nil {
			return err
		}
		if err := uninvite(tx, name); err != nil {
			return err
		}
		return store(tx, d)
	})
}

// Bar revokes a name that nobody has: for the credential of an authority that was never used here.
func (r *Registry) Bar(name string) error {
	d := Device{Name: name, Enrolled: r.now(), Origin: Authority, State: Revoked}
	if !ValidName(name) {
		return fmt.Errorf("%w: %s: a name has %s", ErrInvalid, shown(name), nameRule)
	}
	return r.update(func(tx *bolt.Tx) error {
		if err := free(tx, name); err != nil {
			return err
		}
		return store(tx, recordOf(&d))
	})
}

// Remove forgets a device, or takes an invitation back: the name and the key can be enrolled
// again. Credentials of an authority that the device has used stay refused until they expire.
func (r *Registry) Remove(name string) error {
	return r.update(func(tx *bolt.Tx) error {
		tx.OnCommit(func() { r.lost(name) })
		invited := tx.Bucket(bucketInvited).Get([]byte(name)) != nil
		if err := uninvite(tx, name); err != nil {
			return err
		}
		d, err := load(tx, name)
		if err != nil {
			if invited {
				err = nil
			}
			return err
		}
		if err := r.entomb(tx, d); err != nil {
			return err
		}
		return forget(tx, d)
	})
}

// lost is touch for a device that is there no more.
func (r *Registry) lost(name string) {
	r.mu.Lock()
	delete(r.seen, name)
	r.mu.Unlock()
	r.touch(name)
}

// Permit replaces the groups and rules of a device.
func (r *Registry) Permit(name string, groups, allow []string) error {
	return r.change(name, func(tx *bolt.Tx, d *record) error {
		if err := checkPolicy(name, d.Suite, groups, allow); err != nil {
			return err
		}
		d.Groups, d.Allow = groups, allow
		return store(tx, d)
	})
}

// change does something to a device that is enrolled.
func (r *Registry) change(name string, do func(*bolt.Tx, *record) error) error {
	return r.update(func(tx *bolt.Tx) error {
		d, err := load(tx, name)
		if err != nil {
			return err
		}
		tx.OnCommit(func() { r.touch(name) })
		return do(tx, d)
	})
}

// entomb has the credentials that a device has used refused, until they expire.
func (r *Registry) entomb(tx *bolt.Tx, d *record) error {
	tombs := tx.Bucket(bucketRevoked)
	for _, t := range d.Tokens {
		if !t.lasts(r.now()) {
			continue
		}
		if err := tombs.Put(t.ID, binary.BigEndian.AppendUint64(nil, uint64(t.Expires))); err != nil {
			return err
		}
	}
	return nil
}

// touch says that a device may not be let in any more, or may do something else.
func (r *Registry) touch(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.touched != nil {
		if r.touched[name] = struct{}{}; len(r.touched) > maxTouched {
			r.touched = nil
		}
	}
	r.version.Add(1)
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Version is a number that is another after each change that takes something from a device or lets
// it do something else. A device more is none.
func (r *Registry) Version() uint64 { return r.version.Load() }

// Changed has an element where there is something for Touched.
func (r *Registry) Changed() <-chan struct{} { return r.changed }

// Touched tells, once, which devices have changed as Version says; all of them where there are too
// many to name.
func (r *Registry) Touched() (names map[string]struct{}, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	names, all = r.touched, r.touched == nil
	r.touched = map[string]struct{}{}
	return names, all
}

// sweep drops what has expired: invitations, and credentials that were revoked.
func sweep(tx *bolt.Tx, now time.Time) error {
	tombs := tx.Bucket(bucketRevoked)
	var over [][]byte
	err := tombs.ForEach(func(id, b []byte) error {
		if expires := int64(binary.BigEndian.Uint64(b)); expires != 0 && expires <= now.Unix() {
			over = append(over, bytes.Clone(id))
		}
		return nil
	})
	for _, id := range over {
		err = errors.Join(err, tombs.Delete(id))
	}
	return errors.Join(err, sweepInvites(tx, now))
}
