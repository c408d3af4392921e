package record

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A Layout says what the bits of a server's connection IDs of one size are, from the top:
//
//	2 bits the size, ShardBits the shard, SlotBits the slot, the rest random
//
// So a shard and a place in its table are found without a search, and who gets an ID that was
// used before gets it with other random bits. The shard stands first: whoever steers datagrams
// needs to know ShardBits only.
type Layout struct {
	Size                int // bytes: 1, 2, 4 or 8
	ShardBits, SlotBits int
}

// RandomBits returns how many bits are left for randomness, below zero if the layout does not fit.
func (l Layout) RandomBits() int { return 8*l.Size - 2 - l.ShardBits - l.SlotBits }

// valid reports that connection IDs can have this layout.
func (l Layout) valid() bool {
	_, ok := sizeCode(l.Size)
	return ok && l.ShardBits >= 0 && l.SlotBits >= 0 && l.ShardBits <= 62 && l.SlotBits <= 62 && l.RandomBits() >= 0
}

// NewID returns a connection ID for a slot of a shard. ErrConnectionID is for a layout that does
// not fit, and for numbers that do not.
func (l Layout) NewID(shard, slot uint64, rand io.Reader) (ConnectionID, error) {
	if !l.valid() || shard>>l.ShardBits != 0 || slot>>l.SlotBits != 0 {
		return ConnectionID{}, fmt.Errorf("%w: layout", ErrConnectionID)
	}
	var b [maxConnectionID]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return ConnectionID{}, err
	}
	code, _ := sizeCode(l.Size)
	free := l.RandomBits()
	v := binary.BigEndian.Uint64(b[:]) & (1<<free - 1)
	v |= slot<<free | shard<<(free+l.SlotBits) | uint64(code)<<(8*l.Size-2)
	binary.BigEndian.PutUint64(b[:], v<<(64-8*l.Size))
	return NewConnectionID(b[:l.Size])
}

// Shard returns the shard that a server with that many shard bits put into the ID. An ID that a
// stranger made up may name any: the caller checks the range.
func (id ConnectionID) Shard(shardBits int) uint64 {
	return binary.BigEndian.Uint64(id.bytes[:]) << 2 >> (64 - shardBits)
}

// Slot returns the slot in the ID. The layout must be that of the ID's size.
func (l Layout) Slot(id ConnectionID) uint64 {
	return binary.BigEndian.Uint64(id.bytes[:]) << (2 + l.ShardBits) >> (64 - l.SlotBits)
}

// sizeCode returns the two top bits of an ID of that many bytes.
func sizeCode(size int) (code byte, ok bool) {
	switch size {
	case 1, 2, 4, 8:
		for 1<<code != size {
			code++
		}
		return code, true
	}
	return 0, false
}
