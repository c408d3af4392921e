package coap

import (
	"bytes"
	"time"
)

const (
	// inflowRoom is how many bytes of a body may be here that the application has not taken.
	inflowRoom = 128 << 10
	// inflowTime is how long the next block of a request may take.
	inflowTime = 60 * time.Second
)

// An inflow gives a body in order to an application that takes it as it comes, from blocks
// that come in any order. What it holds is bounded by inflowRoom.
type inflow struct {
	max   int // bytes of a body
	szx   uint8
	begun bool
	next  int            // bytes that have come in order
	taken int            // of them the application has
	end   int            // of the body, -1 while it is not known
	ahead map[int][]byte // blocks behind a gap, by their offset
	chunk []byte         // what has come in order and is to be told
	full  bool
	at    time.Time // when something last came or was taken
	told  bool      // the response was, whose body this is
	etag  []byte    // of it
}

func newInflow(max int) *inflow {
	return &inflow{max: max, end: -1, ahead: make(map[int][]byte)}
}

// accept takes the payload of block b and copies it: blockFull is for one that there is no
// room for now. Blocks may become smaller from one to the next, for all that is not here yet.
func (f *inflow) accept(now time.Time, b Block, payload []byte) blockStatus {
	if status := checkBlock(b, payload, f.max); status != blockStored {
		return status
	}
	offset := b.Offset()
	end := offset + len(payload)
	switch {
	case f.begun && b.SZX > f.szx, f.end >= 0 && (end > f.end || !b.More && end != f.end):
		return blockConflict
	case offset < f.next || f.complete():
		return blockDuplicate
	case f.begun && b.SZX < f.szx: // what is larger does not get through
		clear(f.ahead)
	}
	f.begun, f.szx = true, b.SZX
	if known, ok := f.ahead[offset]; ok {
		if bytes.Equal(known, payload) {
			return blockDuplicate
		}
		return blockConflict
	}
	if !f.room(end) {
		return blockFull
	}
	if !b.More && !f.ends(end) {
		return blockConflict
	}
	f.at = now
	f.store(offset, payload)
	return blockStored
}

// room tells whether bytes up to end may be held. When there was none there is some again when
// half of it is free: each turn brings many blocks.
func (f *inflow) room(end int) bool {
	switch {
	case f.full && f.next-f.taken > inflowRoom/2:
		return false
	default:
		f.full = end > f.taken+inflowRoom
		return !f.full
	}
}

// ends notes where the body ends, unless there is something behind it.
func (f *inflow) ends(end int) bool {
	for offset := range f.ahead {
		if offset >= end {
			return false
		}
	}
	f.end = end
	return true
}

func (f *inflow) store(offset int, payload []byte) {
	if offset > f.next {
		f.ahead[offset] = bytes.Clone(payload)
		return
	}
	f.chunk = append(f.chunk, payload...)
	f.next += len(payload)
	for {
		b, ok := f.ahead[f.next]
		if !ok {
			return
		}
		delete(f.ahead, f.next)
		f.chunk = append(f.chunk, b...)
		f.next += len(b)
	}
}

// pop returns what has come in order since the last call.
func (f *inflow) pop() []byte {
	chunk := f.chunk
	f.chunk = nil
	return chunk
}

// take notes that the application has taken n bytes.
func (f *inflow) take(now time.Time, n int) {
	f.taken, f.at = min(f.taken+n, f.next), now
}

// complete tells whether all of the body has come.
func (f *inflow) complete() bool { return f.end >= 0 && f.next == f.end }

// waits tells whether the next bytes have to come from the peer, and not first be taken by the
// application.
func (f *inflow) waits() bool { return !f.complete() && f.next-f.taken < inflowRoom/2 }

// missing returns the lowest numbers of the blocks before the last one that are not here.
func (f *inflow) missing() []uint32 {
	var numbers []uint32
	size := 16 << f.szx
	for at := f.next; at < f.end && len(numbers) < maxMissing; at += size {
		if _, ok := f.ahead[at]; !ok {
			numbers = append(numbers, uint32(at/size))
		}
	}
	return numbers
}
