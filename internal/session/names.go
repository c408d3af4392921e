package session

import "hash/maphash"

// nameParts keeps apart tables that grow one after the other: no name is waited for while all the
// others move.
const nameParts = 256

// nameRoom is how many of so many places are in use at most, and at least when a table has grown.
const (
	nameRoom  = 5. / 6
	nameAfter = 2. / 3
	nameLeast = 4
)

// A nameTable finds the seat of a session by the name of its device, which it does not hold: who
// has the seat says whether it is theirs. A name costs about 11 bytes. The hash is a secret one, so
// that nobody can choose names that collide.
type nameTable struct {
	seed  maphash.Seed
	parts [nameParts]namePart
	len   int
}

// A namePart is an open-addressing table: linear probing, from where a hash lies among all.
type namePart struct {
	cells []nameCell
	used  int
}

type nameCell struct {
	hash uint32
	seat uint32 // one past it; 0: empty
}

func newNameTable() nameTable { return nameTable{seed: maphash.MakeSeed()} }

func (t *nameTable) hash(name []byte) (*namePart, uint32) {
	sum := maphash.Bytes(t.seed, name)
	return &t.parts[sum>>32%nameParts], uint32(sum)
}

// home is where a hash would best be.
func (p *namePart) home(hash uint32) int { return int(uint64(hash) * uint64(len(p.cells)) >> 32) }

// find is the cell of a name, nil if there is none.
func (p *namePart) find(hash uint32, its func(seat) bool) *nameCell {
	if len(p.cells) == 0 {
		return nil
	}
	for i := p.home(hash); ; i = (i + 1) % len(p.cells) {
		switch c := &p.cells[i]; {
		case c.seat == 0:
			return nil
		case c.hash == hash && its(seat(c.seat-1)):
			return c
		}
	}
}

// get returns the seat of a name. its tells of a seat whether it is.
func (t *nameTable) get(name []byte, its func(seat) bool) (at seat, ok bool) {
	p, hash := t.hash(name)
	if c := p.find(hash, its); c != nil {
		return seat(c.seat - 1), true
	}
	return 0, false
}

// set gives a name a seat, in place of the one it has.
func (t *nameTable) set(name []byte, at seat, its func(seat) bool) {
	p, hash := t.hash(name)
	if c := p.find(hash, its); c != nil {
		c.seat = uint32(at) + 1
		return
	}
	if p.used++; float64(p.used) > nameRoom*float64(len(p.cells)) {
		p.grow(max(nameLeast, int(float64(p.used)/nameAfter)))
	}
	p.put(nameCell{hash, uint32(at) + 1})
	t.len++
}

func (p *namePart) put(c nameCell) {
	i := p.home(c.hash)
	for p.cells[i].seat != 0 {
		i = (i + 1) % len(p.cells)
	}
	p.cells[i] = c
}

func (p *namePart) grow(size int) {
	old := p.cells
	p.cells = make([]nameCell, size)
	for _, c := range old {
		if c.seat != 0 {
			p.put(c)
		}
	}
}

// remove forgets a name that has this seat.
func (t *nameTable) remove(name []byte, at seat) {
	p, hash := t.hash(name)
	c := p.find(hash, func(other seat) bool { return other == at })
	if c == nil {
		return
	}
	p.used--
	t.len--
	hole := p.home(hash)
	for &p.cells[hole] != c {
		hole = (hole + 1) % len(p.cells)
	}
	// What was put behind the hole, since that was taken, moves into it.
	for i := (hole + 1) % len(p.cells); p.cells[i].seat != 0; i = (i + 1) % len(p.cells) {
		home := p.home(p.cells[i].hash)
		if (i-home+len(p.cells))%len(p.cells) >= (i-hole+len(p.cells))%len(p.cells) {
			p.cells[hole] = p.cells[i]
			hole = i
		}
	}
	p.cells[hole] = nameCell{}
}
