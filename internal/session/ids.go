package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/pqcoap/pqcoap/record"
)

// errNoID says that every connection ID is in use or has been: after 2^62 sessions.
var errNoID = errors.New("no connection ID is left")

// layouts of connection IDs, the shortest first. What a slot leaves of the bits tells those apart
// who have it one after the other. There is one shard, which takes no bits.
var layouts = [...]record.Layout{
	{Size: 1, SlotBits: 4},
	{Size: 2, SlotBits: 10},
	{Size: 4, SlotBits: 20},
	{Size: 8, SlotBits: 32},
}

// An idSpace gives out connection IDs, as short as it can, and none of them twice in the life of
// a server: who has had one knows its reset token, and an old record may still arrive.
type idSpace struct {
	key   [32]byte // that nobody else can tell which comes next
	sizes [len(layouts)]slots
}

// slots are the IDs of one size.
type slots struct {
	layout record.Layout
	turns  []uint32 // of each slot that was ever in use, how often it was given
	free   []uint32 // slots that may be given again, the longest unused first
}

func newIDSpace(rand io.Reader) (s idSpace) {
	if _, err := io.ReadFull(rand, s.key[:]); err != nil {
		panic("session: random source failed: " + err.Error())
	}
	for i, l := range layouts {
		s.sizes[i].layout = l
	}
	return s
}

// take returns an ID that was never given, and that taken does not say to be in use since before
// the server started.
func (s *idSpace) take(taken func(record.ConnectionID) bool) (record.ConnectionID, error) {
	for i := range s.sizes {
		for {
			slot, ok := s.sizes[i].next()
			if !ok {
				break
			}
			id, err := s.give(&s.sizes[i], slot)
			if err != nil || !taken(id) {
				return id, err
			}
			s.release(id)
		}
	}
	return record.ConnectionID{}, errNoID
}

// next takes a slot out of those that are free.
func (s *slots) next() (slot uint32, ok bool) {
	if n := len(s.turns); n < 1<<min(s.layout.SlotBits, 31) {
		s.turns = append(s.turns, 0)
		return uint32(n), true
	}
	if len(s.free) == 0 {
		return 0, false
	}
	slot = s.free[0]
	s.free = s.free[1:]
	return slot, true
}

// give makes the next ID of a slot.
func (s *idSpace) give(of *slots, slot uint32) (record.ConnectionID, error) {
	turn := uint64(of.turns[slot]) ^ s.pad(of, slot)
	of.turns[slot]++
	return of.layout.NewID(0, uint64(slot), bytes.NewReader(binary.BigEndian.AppendUint64(nil, turn)))
}

// pad hides which turn of a slot an ID is of.
func (s *idSpace) pad(of *slots, slot uint32) uint64 {
	b := append(s.key[:len(s.key):len(s.key)], byte(of.layout.Size))
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(b, slot))
	return binary.BigEndian.Uint64(sum[:]) & (of.most() - 1)
}

// most is how often a slot can be given.
func (s *slots) most() uint64 { return 1 << s.layout.RandomBits() }

// of is the slots for IDs of a size.
func (s *idSpace) of(id record.ConnectionID) (of *slots, slot uint64) {
	for i := range s.sizes {
		if of = &s.sizes[i]; of.layout.Size == id.Len() {
			break
		}
	}
	return of, of.layout.Slot(id)
}

// release frees the slot of an ID, for other IDs.
func (s *idSpace) release(id record.ConnectionID) {
	of, slot := s.of(id)
	if slot < uint64(len(of.turns)) && uint64(of.turns[slot]) < min(of.most(), 1<<32-1) {
		of.free = append(of.free, uint32(slot))
	}
}

// given tells whether an ID was ever given.
func (s *idSpace) given(id record.ConnectionID) bool {
	of, slot := s.of(id)
	if slot >= uint64(len(of.turns)) {
		return false
	}
	low := binary.BigEndian.Uint64(append(make([]byte, 8-id.Len()), id.Bytes()...)) & (of.most() - 1)
	return low^s.pad(of, uint32(slot)) < uint64(of.turns[slot])
}

// adopt takes the slot of an ID that is in use since before the server started.
func (s *idSpace) adopt(id record.ConnectionID) {
	of, slot := s.of(id)
	for uint64(len(of.turns)) <= slot {
		of.free = append(of.free, uint32(len(of.turns)))
		of.turns = append(of.turns, 0)
	}
	if i := slices.Index(of.free, uint32(slot)); i >= 0 {
		of.free = slices.Delete(of.free, i, i+1)
	}
}
