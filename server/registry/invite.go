package registry

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/invite"
)

// InviteLifetime is how long an invitation is good where it does not say.
const InviteLifetime = 24 * time.Hour

// maxInviteLifetime bounds it: a code is shorter than a key.
const maxInviteLifetime = 30 * 24 * time.Hour

// An Invitation is for a device that makes its own key.
type Invitation struct {
	Name          string
	Suite         handshake.Suite
	Groups, Allow []string
	Lifetime      time.Duration // 0: InviteLifetime
}

// Invite reserves a name for who brings the code that it returns, once. The registry keeps the
// pre-shared key that is derived from the code, not the code.
func (r *Registry) Invite(i Invitation) (invite.Code, error) {
	if i.Lifetime == 0 {
		i.Lifetime = InviteLifetime
	}
	if i.Lifetime < time.Minute || i.Lifetime > maxInviteLifetime {
		return invite.Code{}, fmt.Errorf("%w: an invitation is good for a minute to 30 days", ErrInvalid)
	}
	if err := checkPolicy(i.Name, i.Suite, i.Groups, i.Allow); err != nil {
		return invite.Code{}, err
	}
	code, err := invite.NewCode(rand.Reader)
	if err != nil {
		return invite.Code{}, err
	}
	now := r.now()
	d := Device{
		Name: i.Name, Suite: i.Suite, PSK: code.PSK(), Groups: i.Groups, Allow: i.Allow, Origin: Code,
		Enrolled: now, Expires: now.Add(i.Lifetime), Enrolling: true,
	}
	err = r.update(func(tx *bolt.Tx) error {
		if err := sweep(tx, now); err != nil {
			return err
		}
		if err := free(tx, d.Name); err != nil {
			return err
		}
		if err := tx.Bucket(bucketInvited).Put([]byte(d.Name), d.PSK.ID[:]); err != nil {
			return err
		}
		return tx.Bucket(bucketInvites).Put(d.PSK.ID[:], encode(recordOf(&d)))
	})
	return code, err
}

// invited finds an invitation by the identifier of its key, as long as nobody guesses.
func (r *Registry) invited(tx *bolt.Tx, id [16]byte) (*record, error) {
	now := r.now()
	d, err := loadInvite(tx, id, now)
	if busy := r.guess(now, id, err == nil); busy != nil {
		return nil, busy
	}
	return d, err
}

// loadInvite gives an invitation that can be used, for the first time or once more by the device
// that did.
func loadInvite(tx *bolt.Tx, id [16]byte, now time.Time) (*record, error) {
	b := tx.Bucket(bucketInvites).Get(id[:])
	if b == nil {
		return nil, ErrUnknown
	}
	d, err := decode(b)
	switch {
	case err != nil:
		return nil, err
	case d.Expires <= now.Unix():
		return nil, fmt.Errorf("%w: %s", ErrExpired, d.Name)
	case d.Redeemed == nil:
		return d, nil
	}
	device, err := load(tx, d.Name)
	if err != nil {
		return nil, err
	}
	return d, device.admitted()
}

// Redeem enrolls the device that has brought a code, with the key that it has made. id is that of
// the code's PSK. The same key again gets the same answer, as long as the code is good: its device
// may not have got the first one. ErrTaken refuses another key.
func (r *Registry) Redeem(id [16]byte, key *handshake.PublicKey, now time.Time) (*Device, error) {
	var device *record
	err := r.update(func(tx *bolt.Tx) error {
		i, err := loadInvite(tx, id, now)
		if err != nil {
			return err
		}
		reference := key.DeviceID()
		switch {
		case key.Suite() != i.Suite:
			return ErrSuite
		case bytes.Equal(i.Redeemed, reference[:]):
			device, err = r.read(tx, i.Name)
			return err
		case i.Redeemed != nil:
			return fmt.Errorf("%w: name %s: the code was used for another key", ErrTaken, i.Name)
		}
		device, err = redeem(tx, i, key, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return device.device()
}

func redeem(tx *bolt.Tx, i *record, key *handshake.PublicKey, now time.Time) (*record, error) {
	if err := tx.Bucket(bucketInvited).Delete([]byte(i.Name)); err != nil {
		return nil, err
	}
	d := Device{
		Name: i.Name, Suite: i.Suite, PublicKey: key, Groups: i.Groups, Allow: i.Allow,
		Origin: Code, Enrolled: now,
	}
	if err := add(tx, &d); err != nil {
		return nil, err
	}
	reference := key.DeviceID()
	i.Redeemed = reference[:]
	return recordOf(&d), tx.Bucket(bucketInvites).Put(i.ID, encode(i))
}

// uninvite deletes the invitations of a name, open or redeemed.
func uninvite(tx *bolt.Tx, name string) error {
	if err := tx.Bucket(bucketInvited).Delete([]byte(name)); err != nil {
		return err
	}
	return deleteInvites(tx, func(d *record) bool { return d.Name == name })
}

// sweepInvites deletes invitations that have expired.
func sweepInvites(tx *bolt.Tx, now time.Time) error {
	return deleteInvites(tx, func(d *record) bool { return d.Expires <= now.Unix() })
}

func deleteInvites(tx *bolt.Tx, which func(*record) bool) error {
	invites, names := tx.Bucket(bucketInvites), tx.Bucket(bucketInvited)
	var over []*record
	err := invites.ForEach(func(_, b []byte) error {
		d, err := decode(b)
		if err == nil && which(d) {
			over = append(over, d)
		}
		return err
	})
	for _, d := range over {
		if d.Redeemed == nil {
			err = errors.Join(err, names.Delete([]byte(d.Name)))
		}
		err = errors.Join(err, invites.Delete(d.ID))
	}
	return err
}
