package registry

import (
	"encoding/binary"
	"time"

	bolt "go.etcd.io/bbolt"
)

// flushAfter is how long it may take until it is on the disk when a device was last seen.
const flushAfter = time.Minute

// A sighting is when a device was first and last seen, in Unix seconds; 0: never.
type sighting struct {
	first, last int64
	key         [8]byte // kid_S of the server's key that the device has gone by last; zero: not known
	waits       bool    // for the next minute: the device was seen before
}

// with is a sighting and a later one.
func (s sighting) with(later sighting) sighting {
	if s.first == 0 {
		s.first = later.first
	}
	s.last = max(s.last, later.last)
	if later.key != [8]byte{} {
		s.key = later.key
	}
	return s
}

func loadSighting(tx *bolt.Tx, name string) (s sighting) {
	if b := tx.Bucket(bucketSeen).Get([]byte(name)); len(b) >= 16 {
		s.first, s.last = int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
		copy(s.key[:], b[16:])
	}
	return s
}

func (s sighting) store(tx *bolt.Tx, name string) error {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.first))
	b = binary.BigEndian.AppendUint64(b, uint64(s.last))
	if s.key != [8]byte{} {
		b = append(b, s.key[:]...)
	}
	return tx.Bucket(bucketSeen).Put([]byte(name), b)
}

// Seen notes that a device is there. It does not wait for the disk: see Keep.
func (r *Registry) Seen(name string, now time.Time) { r.Met(name, now, [8]byte{}) }

// Met is Seen of a device that knows the server by a key: by kid_S of its pinned form.
func (r *Registry) Met(name string, now time.Time, key [8]byte) {
	at := now.Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[name] = r.seen[name].with(sighting{first: at, last: at, key: key})
}

// Keep writes what Seen has noted: at once of a device that was never seen before, of others once a
// minute. A server calls it twice a second.
func (r *Registry) Keep(now time.Time) error { return r.flush(now, false) }

// flush writes sightings: all of them where it is time, or where that is asked for.
func (r *Registry) flush(now time.Time, all bool) error {
	r.mu.Lock()
	all = all || now.Sub(r.written) >= flushAfter || now.Before(r.written)
	pending := make(map[string]sighting)
	for name, s := range r.seen {
		if all || !s.waits {
			pending[name] = s
		}
	}
	r.mu.Unlock()
	if !all && len(pending) > 0 {
		if err := r.view(func(tx *bolt.Tx) error { r.postpone(tx, pending); return nil }); err != nil {
			return err
		}
	}
	if len(pending) > 0 {
		if err := r.update(func(tx *bolt.Tx) error { return storeSightings(tx, pending) }); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, s := range pending {
		if r.seen[name] == s { // not seen again meanwhile
			delete(r.seen, name)
		}
	}
	if all {
		r.written = now
	}
	return nil
}

// postpone takes out of pending who was seen before, to be written when the minute is over.
func (r *Registry) postpone(tx *bolt.Tx, pending map[string]sighting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range pending {
		if loadSighting(tx, name).first != 0 {
			s := r.seen[name]
			s.waits = true
			r.seen[name] = s
			delete(pending, name)
		}
	}
}

// storeSightings writes those of devices that are still enrolled.
func storeSightings(tx *bolt.Tx, pending map[string]sighting) error {
	for name, s := range pending {
		if tx.Bucket(bucketDevices).Get([]byte(name)) == nil {
			continue
		}
		if err := loadSighting(tx, name).with(s).store(tx, name); err != nil {
			return err
		}
	}
	return nil
}
