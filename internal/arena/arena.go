// Package arena is memory for a great many small entries without pointers, outside of what the
// garbage collector knows: a million entries cost their bytes and nothing else.
//
// Start with [New]. The limits: an entry has at most [Largest] bytes, its slice must not be used
// after Free, and an Arena is not safe for concurrent use. What is freed is overwritten at once,
// since entries hold secrets.
package arena

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A Ref names an entry until it is freed. The zero Ref names none.
type Ref uint32

const (
	// Largest is the size of the largest entry, in bytes.
	Largest = 40 << 10
	// chunkSize is how much memory is asked for at once, and given back.
	chunkSize = 1 << 20
	// A Ref is an index, above the number of its size class.
	classBits = 5
	// RefBits is how many low bits of a Ref may be set.
	RefBits = 31
)

// sizes of entries. They are close together where most sessions at rest lie.
var sizes = [...]int{
	64, 128, 192, 256, 320, 384, 400, 416, 432, 448, 464, 480, 496, 512, 528, 544, 560, 576, 592, 608, 624, 640,
	768, 1024, 1536, 2048, 4096, 16384, Largest,
}

// An Arena holds entries.
type Arena struct {
	classes [len(sizes)]class
	entries int
}

// New returns an empty Arena. It takes memory when it needs it.
func New() *Arena {
	a := &Arena{}
	for i, size := range sizes {
		a.classes[i].init(size)
	}
	return a
}

// classOf returns the number of the smallest size that n bytes fit.
func classOf(n int) int {
	for i, size := range sizes {
		if n <= size {
			return i
		}
	}
	panic(fmt.Sprintf("arena: an entry of %d bytes is larger than %d", n, Largest))
}

// Alloc returns a new entry of at least n bytes, which are zeros. More than Largest, or less than
// none, is a mistake of the caller and panics; so does a system without memory.
func (a *Arena) Alloc(n int) (Ref, []byte) {
	i := classOf(n)
	slot, b := a.classes[i].alloc()
	a.entries++
	return Ref(slot+1)<<classBits | Ref(i), b
}

// Bytes returns an entry, with all the bytes that it has.
func (a *Arena) Bytes(r Ref) []byte {
	c, slot := a.find(r)
	return c.bytes(slot)
}

// Free overwrites an entry and forgets it. Its Ref may be given again.
func (a *Arena) Free(r Ref) {
	c, slot := a.find(r)
	c.free(slot)
	a.entries--
}

func (a *Arena) find(r Ref) (*class, uint32) {
	return &a.classes[r&(1<<classBits-1)], uint32(r>>classBits) - 1
}

// Len is the number of entries.
func (a *Arena) Len() int { return a.entries }

// Size is how much memory is taken from the system, in bytes. Of the newest chunk of each size a
// part may never have been touched.
func (a *Arena) Size() (n int) {
	for i := range a.classes {
		n += a.classes[i].mapped * chunkSize
	}
	return n
}

// A class is the entries of one size.
type class struct {
	size   int
	per    uint32 // entries a chunk
	chunks []chunk
	room   []uint64 // which chunks have memory and a free slot in it, a bit each
	given  []int    // chunks without memory
	empty  int      // one past a chunk that has memory and no entries; 0: there is none
	mapped int
}

// A chunk is memory for entries. Its free slots that were in use are a list through the slots.
type chunk struct {
	memory []byte // nil: there is none
	used   uint32
	fresh  uint32 // the first slot that never was in use
	free   uint32 // one past the first slot of the list
}

const linkSize = 4

func (c *class) init(size int) {
	c.size, c.per = size, uint32(chunkSize/size)
}

// alloc takes a slot of the first chunk that has one, so that the last become empty.
func (c *class) alloc() (slot uint32, b []byte) {
	n := c.withRoom()
	k := &c.chunks[n]
	at := k.fresh
	if k.free > 0 {
		at = k.free - 1
		link := c.slot(k, at)[:linkSize]
		k.free = binary.LittleEndian.Uint32(link)
		clear(link)
	} else {
		k.fresh++
	}
	if n+1 == c.empty {
		c.empty = 0
	}
	if k.used++; k.used == c.per {
		c.room[n/64] &^= 1 << (n % 64)
	}
	return uint32(n)*c.per + at, c.slot(k, at)
}

// withRoom is the first chunk that has room, if need be with new memory.
func (c *class) withRoom() int {
	for i, w := range c.room {
		if w != 0 {
			return 64*i + bits.TrailingZeros64(w)
		}
	}
	n := len(c.chunks)
	if last := len(c.given) - 1; last >= 0 {
		n, c.given = c.given[last], c.given[:last]
	} else {
		if uint64(n+1)*uint64(c.per) >= 1<<(RefBits-classBits) {
			panic("arena: too many entries")
		}
		c.chunks = append(c.chunks, chunk{})
	}
	for len(c.room) <= n/64 {
		c.room = append(c.room, 0)
	}
	c.chunks[n].memory = acquire(chunkSize)
	c.mapped++
	c.room[n/64] |= 1 << (n % 64)
	return n
}

func (c *class) slot(k *chunk, at uint32) []byte {
	start := int(at) * c.size
	return k.memory[start : start+c.size : start+c.size]
}

func (c *class) bytes(slot uint32) []byte { return c.slot(&c.chunks[slot/c.per], slot%c.per) }

// free gives the memory of a chunk back that has no entry any more, but for one such chunk: so who
// frees and allocates in turn does not ask the system each time.
func (c *class) free(slot uint32) {
	n, at := int(slot/c.per), slot%c.per
	k := &c.chunks[n]
	b := c.slot(k, at)
	clear(b)
	binary.LittleEndian.PutUint32(b, k.free)
	k.free = at + 1
	k.used--
	c.room[n/64] |= 1 << (n % 64)
	switch {
	case k.used > 0:
	case c.empty == 0:
		c.empty = n + 1
	default:
		release(k.memory)
		*k = chunk{}
		c.room[n/64] &^= 1 << (n % 64)
		c.given = append(c.given, n)
		c.mapped--
	}
}
