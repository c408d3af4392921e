package registry

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// read gives the record of a device, with when it was seen.
func (r *Registry) read(tx *bolt.Tx, name string) (*record, error) {
	found, err := load(tx, name)
	if err != nil {
		return nil, err
	}
	s := loadSighting(tx, name)
	r.mu.Lock()
	s = s.with(r.seen[name])
	r.mu.Unlock()
	found.FirstSeen, found.LastSeen, found.ServerKey = s.first, s.last, s.key
	return found, nil
}

// load gives the record of a device as it is stored. ErrUnknown where there is none.
func load(tx *bolt.Tx, name string) (*record, error) {
	b := tx.Bucket(bucketDevices).Get([]byte(name))
	if b == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknown, shown(name))
	}
	return decode(b)
}

// store writes the record of a device. When it was seen has a place of its own, since that changes
// often and a record with a key is long.
func store(tx *bolt.Tx, d *record) error {
	kept := *d
	kept.FirstSeen, kept.LastSeen, kept.ServerKey = 0, 0, [8]byte{}
	return tx.Bucket(bucketDevices).Put([]byte(d.Name), encode(&kept))
}

// add stores a device that is new. Names and credentials are unique, also among invitations.
func add(tx *bolt.Tx, d *Device) error {
	if err := free(tx, d.Name); err != nil {
		return err
	}
	credential := d.Credential()
	index, key := tx.Bucket(bucketCredentials), reference(credential)
	if other := index.Get(key); other != nil {
		return fmt.Errorf("%w: the credential of %s is that of %s", ErrTaken, d.Name, other)
	}
	if tx.Bucket(bucketInvites).Get(credential.ID[:]) != nil {
		return fmt.Errorf("%w: the credential of %s is that of an invitation", ErrTaken, d.Name)
	}
	made := recordOf(d)
	if made.FirstSeen != 0 {
		seen := sighting{first: made.FirstSeen, last: made.LastSeen, key: made.ServerKey}
		if err := seen.store(tx, d.Name); err != nil {
			return err
		}
	}
	if err := store(tx, made); err != nil {
		return err
	}
	return index.Put(key, []byte(d.Name))
}

// free refuses a name that somebody has.
func free(tx *bolt.Tx, name string) error {
	if tx.Bucket(bucketDevices).Get([]byte(name)) != nil {
		return fmt.Errorf("%w: name %s", ErrTaken, name)
	}
	if tx.Bucket(bucketInvited).Get([]byte(name)) != nil {
		return fmt.Errorf("%w: name %s: is invited (remove takes that back)", ErrTaken, name)
	}
	return nil
}

// forget deletes a device, with all that is known of it.
func forget(tx *bolt.Tx, d *record) error {
	if err := unindex(tx, d); err != nil {
		return err
	}
	for _, name := range [][]byte{bucketDevices, bucketSeen} {
		if err := tx.Bucket(name).Delete([]byte(d.Name)); err != nil {
			return err
		}
	}
	return nil
}

// unindex takes the credential of a device away.
func unindex(tx *bolt.Tx, d *record) error {
	device, err := d.device()
	if err != nil || device.bare() {
		return err
	}
	return tx.Bucket(bucketCredentials).Delete(reference(device.Credential()))
}
