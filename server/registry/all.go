package registry

import (
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"
)

// pageSize is how many devices All reads at once. The database is not held while they are used: a
// slow reader must not keep writers waiting.
const pageSize = 256

// Get gives a device, in whatever state, or an invitation, by its name.
func (r *Registry) Get(name string) (*Device, error) {
	var found *record
	err := r.view(func(tx *bolt.Tx) (err error) {
		if id := tx.Bucket(bucketInvited).Get([]byte(name)); id != nil {
			found, err = decode(tx.Bucket(bucketInvites).Get(id))
			return err
		}
		found, err = r.read(tx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found.device()
}

// All yields the devices and the open invitations, each by name: what there is when it comes to
// them. An error is the last that it yields.
func (r *Registry) All() iter.Seq2[*Device, error] {
	return func(yield func(*Device, error) bool) {
		for _, names := range [][]byte{bucketDevices, bucketInvited} {
			after := ""
			for {
				page, err := r.page(names, after)
				if err != nil {
					yield(nil, err)
					return
				}
				for _, found := range page {
					d, err := found.device()
					if !yield(d, err) || err != nil {
						return
					}
					after = found.Name
				}
				if len(page) < pageSize {
					break
				}
			}
		}
	}
}

// page reads what follows a name.
func (r *Registry) page(names []byte, after string) (page []*record, err error) {
	err = r.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(names).Cursor()
		name, value := c.Seek([]byte(after))
		if string(name) == after {
			name, value = c.Next()
		}
		for ; name != nil && len(page) < pageSize; name, value = c.Next() {
			var found *record
			var err error
			if string(names) == string(bucketInvited) {
				found, err = decode(tx.Bucket(bucketInvites).Get(value))
			} else {
				found, err = r.read(tx, string(name))
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			page = append(page, found)
		}
		return nil
	})
	return page, err
}

// Policy gives the groups and rules of a device, without its key.
func (r *Registry) Policy(name string) (groups, allow []string, err error) {
	err = r.view(func(tx *bolt.Tx) error {
		found, err := load(tx, name)
		if err == nil {
			groups, allow = found.Groups, found.Allow
		}
		return err
	})
	return groups, allow, err
}
