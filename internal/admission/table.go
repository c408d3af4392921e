package admission

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// ways is how many buckets a set has.
const ways = 8

// A table holds buckets by key, in sets that a secret permutation chooses.
type table struct {
	rate Rate
	sets []set
}

type set struct {
	slots  [ways]slot
	shared Bucket // of the keys that find no slot, where nothing coarser decides
}

type slot struct {
	key    uint64
	bucket Bucket
}

// newTable makes a table of at least so many buckets, 17 bytes each.
func newTable(rate Rate, buckets int) table {
	return table{rate: rate, sets: make([]set, (buckets+ways-1)/ways)}
}

// find is the slot of a key, or one whose bucket is full; nil if there is none.
func (s *set) find(r Rate, key uint64, now int64) *slot {
	var free *slot
	for i := range s.slots {
		switch at := &s.slots[i]; {
		case at.key == key && at.bucket != 0:
			return at
		case free == nil && at.bucket.debt(r, now) == 0:
			free = at
		}
	}
	return free
}

// of is the bucket of a key in its slot: full where the slot was another's.
func (s *slot) of(key uint64) Bucket {
	if s.key == key {
		return s.bucket
	}
	return 0
}

// A placer chooses the set of a key.
type placer struct {
	cipher cipher.Block
	block  [aes.BlockSize]byte
}

func newPlacer(key [16]byte) placer {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("admission: " + err.Error()) // 16 bytes are a key
	}
	return placer{cipher: block}
}

func (p *placer) place(t *table, level int, key uint64) *set {
	p.block = [aes.BlockSize]byte{0: byte(level)}
	binary.BigEndian.PutUint64(p.block[8:], key)
	p.cipher.Encrypt(p.block[:], p.block[:])
	return &t.sets[binary.BigEndian.Uint64(p.block[:])%uint64(len(t.sets))]
}
