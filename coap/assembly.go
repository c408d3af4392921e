package coap

import "bytes"

// maxMissing bounds the list of missing blocks, as RFC 9177 section 5 lets a server do:
// what is not in it is asked for next time.
const (
	maxMissing = 32
	leastList  = 32 // bytes
)

// blockStatus is what an assembly says about one block.
type blockStatus uint8

const (
	blockStored    blockStatus = iota // new, and kept
	blockDuplicate                    // known, with the same bytes
	blockConflict                     // contradicts blocks that are kept: drop it
	blockInvalid                      // its length is not that of its block (RFC 7959 section 2.2)
	blockTooLarge                     // the body would exceed the cap
	blockFull                         // there is no room for it now
)

// An assembly puts the body of one request together from its Block1 blocks, in any
// order. It allocates for the bytes received, never for those announced. All blocks have
// the size of the first.
type assembly struct {
	max      int // bytes of a body
	szx      uint8
	begun    bool
	ended    bool              // the last block is here
	last     uint32            // its number
	next     uint32            // one past the highest number seen
	slots    map[uint32]uint32 // number of a full block -> its place in full
	full     []byte            // full blocks in the order of their arrival
	shuffled bool              // full is not in the order of their numbers
	tail     []byte            // the last block
	whole    []byte            // the body once it is complete
	done     bool
}

func newAssembly(max int) assembly { return assembly{max: max} }

// accept takes the payload of block b and copies it.
func (a *assembly) accept(b Block, payload []byte) blockStatus {
	if status := checkBlock(b, payload, a.max); status != blockStored {
		return status
	}
	if a.begun && b.SZX != a.szx {
		return blockConflict
	}
	if known, ok := a.known(b); ok {
		if bytes.Equal(known, payload) {
			return blockDuplicate
		}
		return blockConflict
	}
	if a.contradicts(b) {
		return blockConflict
	}
	a.store(b, payload)
	return blockStored
}

// checkBlock is what can be said about a block without an assembly: blockStored,
// blockInvalid or blockTooLarge.
func checkBlock(b Block, payload []byte, max int) blockStatus {
	switch size := b.Size(); {
	case b.SZX > maxSZX || len(payload) > size || b.More && len(payload) < size:
		return blockInvalid
	case b.Number > maxBlockNumber || b.Offset()+len(payload) > max:
		return blockTooLarge
	}
	return blockStored
}

// acceptWhole takes a body that came without a Block1 option, which may be larger than
// a block: block 0 and the last.
func (a *assembly) acceptWhole(payload []byte) blockStatus {
	switch {
	case len(payload) > a.max:
		return blockTooLarge
	case a.done && bytes.Equal(a.whole, payload):
		return blockDuplicate
	case a.begun:
		return blockConflict
	}
	a.begun, a.ended, a.next, a.szx = true, true, 1, maxSZX
	a.tail = append(a.tail, payload...)
	a.finish()
	return blockStored
}

// contradicts tells whether b moves the end of the body.
func (a *assembly) contradicts(b Block) bool {
	if b.More {
		return a.ended && b.Number >= a.last
	}
	return a.ended || b.Number < a.next
}

// known returns the bytes held for b.
func (a *assembly) known(b Block) ([]byte, bool) {
	if a.ended && b.Number == a.last && !b.More {
		return a.tail, true
	}
	if !b.More {
		return nil, false
	}
	if a.done {
		if b.Number >= a.last {
			return nil, false
		}
		return a.whole[b.Offset():][:b.Size()], true
	}
	slot, ok := a.slots[b.Number]
	if !ok {
		return nil, false
	}
	return a.full[int(slot)*b.Size():][:b.Size()], true
}

func (a *assembly) store(b Block, payload []byte) {
	a.begun, a.szx = true, b.SZX
	a.next = max(a.next, b.Number+1)
	if !b.More {
		a.ended, a.last = true, b.Number
		a.tail = append(a.tail, payload...)
	} else {
		if a.slots == nil {
			a.slots = make(map[uint32]uint32)
		}
		slot := uint32(len(a.slots))
		a.shuffled = a.shuffled || slot != b.Number
		a.slots[b.Number] = slot
		a.full = append(a.full, payload...)
	}
	if a.ended && uint32(len(a.slots)) == a.last {
		a.finish()
	}
}

// finish joins the blocks and gives back what was needed to find them.
func (a *assembly) finish() {
	a.whole = a.full
	if a.shuffled {
		size := Block{SZX: a.szx}.Size()
		a.whole = make([]byte, len(a.full), len(a.full)+len(a.tail))
		for number, slot := range a.slots {
			copy(a.whole[int(number)*size:], a.full[int(slot)*size:][:size])
		}
	}
	a.whole = append(a.whole, a.tail...)
	a.tail = a.whole[len(a.whole)-len(a.tail):]
	a.slots, a.full, a.done = nil, nil, true
}

// complete tells whether every block is here.
func (a *assembly) complete() bool { return a.done }

// body returns the whole body, nil before it is complete. It stays the assembly's: a
// later block is compared with it.
func (a *assembly) body() []byte { return a.whole }

// size returns the bytes of the body that are held.
func (a *assembly) size() int {
	if a.done {
		return len(a.whole)
	}
	return len(a.full) + len(a.tail)
}

// lastWithGaps tells whether the last block is here and others are not.
func (a *assembly) lastWithGaps() bool { return a.ended && !a.done }

// missing returns the lowest numbers of the blocks before the last one that are not
// here, maxMissing at most, and no more than a small block has room for where they are small:
// what is larger may not reach the peer.
func (a *assembly) missing() []uint32 {
	if !a.lastWithGaps() {
		return nil
	}
	var numbers []uint32
	room := max(leastList, 16<<a.szx)
	for n := uint32(0); n < a.last && len(numbers) < maxMissing; n++ {
		if _, ok := a.slots[n]; ok {
			continue
		}
		if room -= len(appendMissing(nil, n)); room < 0 {
			break
		}
		numbers = append(numbers, n)
	}
	return numbers
}
