package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"github.com/pqcoap/pqcoap/internal/arena"
	"github.com/pqcoap/pqcoap/record"
)

// errNoID says that every connection ID is in use or has been: after 2^62 sessions.
var errNoID = errors.New("no connection ID is left")

// layouts of connection IDs where there is one shard, the shortest first. What a slot leaves of the
// bits tells those apart who have it one after the other. With more shards each has a part of the
// slots: a slot together with its shard is the same number then, so that sessions which are saved
// find their slots free where there are more shards afterwards, or fewer.
var layouts = [...]record.Layout{
	{Size: 1, SlotBits: 4},
	{Size: 2, SlotBits: 10},
	{Size: 4, SlotBits: 20},
	{Size: 8, SlotBits: 32},
}

// An idSpace gives out connection IDs, as short as it can, and none of them twice in the life of
// a server: who has had one knows its reset token, and an old record may still arrive.
type idSpace struct {
	shard uint64
	key   [32]byte // that nobody else can tell which comes next
	sizes [len(layouts)]slots
}

// slots are the IDs of one size.
type slots struct {
	layout record.Layout
	turns  []uint32 // of each slot that was ever in use, how often it was given
	places []place  // of each of them, where the session is that has it
	free   []uint32 // slots that may be given again, the longest unused first
}

// A seat is a slot of a size: the same for as long as a session lives, wherever it is.
type seat uint32

const seatBits = 30 // of the slot

// A place says where a session is. The zero value is nowhere.
type place uint32

// awakeBit marks the number of a session on the heap. Without it a place is an arena.Ref.
const awakeBit place = 1 << arena.RefBits

// newIDSpace is that of a shard of so many, at most MaxShards.
func newIDSpace(rand io.Reader, shard, shards int) idSpace {
	s := idSpace{shard: uint64(shard)}
	if _, err := io.ReadFull(rand, s.key[:]); err != nil {
		panic("session: random source failed: " + err.Error())
	}
	for i, l := range layouts {
		l.ShardBits = shardBits(shards)
		l.SlotBits = max(0, l.SlotBits-l.ShardBits)
		s.sizes[i].layout = l
	}
	return s
}

// take returns an ID that was never given, of a slot that no session has.
func (s *idSpace) take() (record.ConnectionID, error) {
	for i := range s.sizes {
		if slot, ok := s.sizes[i].next(); ok {
			return s.give(&s.sizes[i], slot)
		}
	}
	return record.ConnectionID{}, errNoID
}

// next takes a slot out of those that are free. Some of these may be adopted meanwhile.
func (s *slots) next() (slot uint32, ok bool) {
	if n := len(s.turns); n < 1<<min(s.layout.SlotBits, seatBits) {
		s.grow(n)
		return uint32(n), true
	}
	for len(s.free) > 0 {
		slot, s.free = s.free[0], s.free[1:]
		if s.places[slot] == 0 {
			return slot, true
		}
	}
	return 0, false
}

// grow makes room for a slot and all below it.
func (s *slots) grow(slot int) {
	for len(s.turns) <= slot {
		s.turns, s.places = append(s.turns, 0), append(s.places, 0)
	}
}

// give makes the next ID of a slot.
func (s *idSpace) give(of *slots, slot uint32) (record.ConnectionID, error) {
	turn := uint64(of.turns[slot]) ^ s.pad(of, slot)
	of.turns[slot]++
	return of.layout.NewID(s.shard, uint64(slot), bytes.NewReader(binary.BigEndian.AppendUint64(nil, turn)))
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

// at is the slot of an ID, nil if none with it was ever in use.
func (s *idSpace) at(id record.ConnectionID) *place {
	of, slot := s.of(id)
	if slot >= uint64(len(of.places)) {
		return nil
	}
	return &of.places[slot]
}

// seat is that of an ID which has a slot.
func (s *idSpace) seat(id record.ConnectionID) seat {
	for i := range s.sizes {
		if l := s.sizes[i].layout; l.Size == id.Len() {
			return seat(i)<<seatBits | seat(l.Slot(id))
		}
	}
	return 0
}

// seated is the place of who has a seat.
func (s *idSpace) seated(at seat) *place { return &s.sizes[at>>seatBits].places[at&(1<<seatBits-1)] }

// release frees the slot of an ID, for other IDs.
func (s *idSpace) release(id record.ConnectionID) {
	of, slot := s.of(id)
	if slot >= uint64(len(of.turns)) {
		return
	}
	of.places[slot] = 0
	if uint64(of.turns[slot]) < min(of.most(), 1<<32-1) {
		of.free = append(of.free, uint32(slot))
	}
}

// given tells whether an ID was ever given.
func (s *idSpace) given(id record.ConnectionID) bool {
	of, slot := s.of(id)
	if slot >= uint64(len(of.turns)) || id.Shard(of.layout.ShardBits) != s.shard {
		return false
	}
	low := binary.BigEndian.Uint64(append(make([]byte, 8-id.Len()), id.Bytes()...)) & (of.most() - 1)
	return low^s.pad(of, uint32(slot)) < uint64(of.turns[slot])
}

// adopt takes the slot of an ID that is in use since before the server started, for who is at a
// place. It is false where the slot is taken, or beyond those that seats have numbers for.
func (s *idSpace) adopt(id record.ConnectionID, p place) bool {
	of, slot := s.of(id)
	if slot >= 1<<seatBits {
		return false
	}
	for n := len(of.turns); n < int(slot); n++ {
		of.free = append(of.free, uint32(n))
	}
	of.grow(int(slot))
	if of.places[slot] != 0 {
		return false
	}
	of.places[slot] = p
	return true
}
