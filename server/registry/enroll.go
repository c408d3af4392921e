package registry

import (
	"errors"
	"fmt"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pqcoap/pqcoap/handshake"
)

// maxTokens is how many credentials are remembered of a device, the latest to expire.
const maxTokens = 16

// Enroll adds a device. ErrTaken says that the name or the credential is another's.
func (r *Registry) Enroll(d Device) error {
	if err := d.check(); err != nil {
		return err
	}
	return r.update(func(tx *bolt.Tx) error {
		if err := sweep(tx, r.now()); err != nil {
			return err
		}
		return add(tx, &d)
	})
}

// An ImportError says which device of an import was refused: all are, then.
type ImportError struct {
	Index int // from 0
	Err   error
}

func (e *ImportError) Error() string { return fmt.Sprintf("device %d: %v", e.Index+1, e.Err) }

func (e *ImportError) Unwrap() error { return e.Err }

// Import adds devices, all or none: where one is refused the error is an *ImportError, where the
// sequence yields an error it is that.
func (r *Registry) Import(devices iter.Seq2[*Device, error]) error {
	return r.update(func(tx *bolt.Tx) error {
		if err := sweep(tx, r.now()); err != nil {
			return err
		}
		n := 0
		for d, err := range devices {
			if err != nil {
				return err
			}
			if err = d.check(); err == nil {
				err = add(tx, d)
			}
			if err != nil {
				return &ImportError{n, err}
			}
			n++
		}
		return nil
	})
}

// A Credential is what an authority says of a device in a CWT, as far as the registry keeps it. Who
// has it has verified the CWT.
type Credential struct {
	Subject string               // the name of the device
	Key     *handshake.PublicKey // cnf
	ID      [16]byte             // cti
	Expires time.Time            // exp
	// Authority is the ID of the key that has signed it.
	Authority [8]byte
}

// Learn lets in who has a credential of an authority. Its first use enrolls the device, with the
// Origin Authority. It is refused where the name or the key is that of another device, of an
// invitation, or of one that is not let in, and where the credential was revoked. Nothing is
// written where nothing is new.
func (r *Registry) Learn(c Credential) (*Device, error) {
	var found *record
	err := r.view(func(tx *bolt.Tx) (err error) {
		if found, err = r.read(tx, c.Subject); err == nil && !found.has(&c) {
			found = nil
		}
		return err
	})
	if err != nil && !errors.Is(err, ErrUnknown) {
		return nil, err
	}
	if found == nil {
		err := r.update(func(tx *bolt.Tx) (err error) {
			found, err = r.learn(tx, &c)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if err := found.admitted(); err != nil {
		return nil, err
	}
	return found.device()
}

// has tells whether a device is known by this very credential.
func (r *record) has(c *Credential) bool {
	for _, t := range r.Tokens {
		if [16]byte(t.ID) == c.ID {
			return string(r.PublicKey) == string(c.Key.Bytes())
		}
	}
	return false
}

func (r *Registry) learn(tx *bolt.Tx, c *Credential) (*record, error) {
	if tx.Bucket(bucketRevoked).Get(c.ID[:]) != nil {
		return nil, fmt.Errorf("%w: a credential of %s", ErrRevoked, shown(c.Subject))
	}
	known, err := r.read(tx, c.Subject)
	switch {
	case errors.Is(err, ErrUnknown):
		d := Device{
			Name: c.Subject, Suite: c.Key.Suite(), PublicKey: c.Key,
			Origin: Authority, Enrolled: r.now(),
		}
		if err := d.check(); err != nil {
			return nil, err
		}
		if err := add(tx, &d); err != nil {
			return nil, err
		}
		known = recordOf(&d)
	case err != nil:
		return nil, err
	default:
		if err := known.admitted(); err != nil {
			return nil, err
		}
		if err := r.rekey(tx, known, c); err != nil {
			return nil, err
		}
	}
	known.remember(c, r.now())
	return known, store(tx, known)
}

// rekey has a device use the key of a credential, which is newer than those it is known by. The
// key of a device that was not enrolled by an authority stays what it is.
func (r *Registry) rekey(tx *bolt.Tx, known *record, c *Credential) error {
	if known.Suite == c.Key.Suite() && string(known.PublicKey) == string(c.Key.Bytes()) {
		return nil
	}
	if known.Origin != Authority || seconds(c.Expires) <= known.Expires {
		return fmt.Errorf("%w: name %s: with another key", ErrTaken, known.Name)
	}
	index, key := tx.Bucket(bucketCredentials), reference(handshake.ClientCredential{Mode: handshake.ModeKEM, ID: c.Key.DeviceID()})
	if other := index.Get(key); other != nil {
		return fmt.Errorf("%w: the key of %s is that of %s", ErrTaken, known.Name, other)
	}
	if err := unindex(tx, known); err != nil {
		return err
	}
	known.Suite, known.PublicKey = c.Key.Suite(), c.Key.Bytes()
	tx.OnCommit(func() { r.touch(known.Name) })
	return index.Put(key, []byte(known.Name))
}

// remember adds a credential to those that a device has used, and drops what has expired.
func (r *record) remember(c *Credential, now time.Time) {
	if at := seconds(c.Expires); at >= r.Expires {
		r.Expires, r.Authority = at, c.Authority
	}
	kept := []token{{ID: c.ID[:], Expires: seconds(c.Expires)}}
	for _, t := range r.Tokens {
		if [16]byte(t.ID) != c.ID && t.lasts(now) {
			kept = append(kept, t)
		}
	}
	if len(kept) > maxTokens {
		kept = kept[:maxTokens] // the newest stand first
	}
	r.Tokens = kept
}

// lasts tells whether somebody may still come with a credential.
func (t token) lasts(now time.Time) bool { return t.Expires == 0 || t.Expires > now.Unix() }
