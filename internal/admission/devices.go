package admission

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Devices bounds what each device does that has proven who it is. Where there are more devices in
// debt than buckets, the one closest to full is forgotten: names cannot be made up, and who does
// too much is the one that stays. It is not safe for concurrent use.
type Devices struct {
	table table
	key   [16]byte
}

// buckets is for how many prefixes, or devices, in debt there is room.
const buckets = 4096

// NewDevices makes Devices whose buckets are full. The key is random and secret.
func NewDevices(key [16]byte, r Rate) *Devices {
	return &Devices{table: newTable(r, buckets), key: key}
}

func (d *Devices) place(name string) (*set, uint64) {
	sum := sha256.Sum256(append(d.key[:], name...))
	return &d.table.sets[binary.BigEndian.Uint64(sum[8:])%uint64(len(d.table.sets))], binary.BigEndian.Uint64(sum[:])
}

// Wait is how long it takes until a device has a token; it takes none.
func (d *Devices) Wait(now time.Time, name string) time.Duration {
	set, key := d.place(name)
	s := set.find(d.table.rate, key, now.UnixNano())
	if s == nil {
		return 0
	}
	b := s.of(key)
	return b.Wait(d.table.rate, now)
}

// Charge takes a token from a device.
func (d *Devices) Charge(now time.Time, name string) {
	set, key := d.place(name)
	at := now.UnixNano()
	s := set.find(d.table.rate, key, at)
	if s == nil {
		s = set.fullest()
	}
	s.bucket, s.key = s.of(key), key
	s.bucket.charge(d.table.rate, at)
}

// fullest is the slot that loses least.
func (s *set) fullest() *slot {
	best := &s.slots[0]
	for i := range s.slots {
		if s.slots[i].bucket < best.bucket {
			best = &s.slots[i]
		}
	}
	return best
}
