package admission

import "net/netip"

// A Class is one of the kinds of work that wait for a worker. A lower one goes first.
type Class uint8

// Classes of work.
const (
	Resumed  Class = iota // a ticket that opened
	Proven                // an address that an Echo has proven
	Unproven              // anybody
	classes
)

// A Queue holds work for the workers: the better class first, and within a class one item of each
// network in turn. The network that holds most of a class that is full is turned away. It is
// not safe for concurrent use.
type Queue[T any] struct {
	lines [classes]line[T]
	most  int
}

// NewQueue makes a Queue that holds most items of each class.
func NewQueue[T any](most int) *Queue[T] {
	q := &Queue[T]{most: most}
	for i := range q.lines {
		q.lines[i] = line[T]{items: make([]queued[T], 0, most), shares: make(map[netip.Prefix]*share)}
	}
	return q
}

// A line is the items of one class, in the order in which they came. In each round every network
// has one item served.
type line[T any] struct {
	items  []queued[T]
	shares map[netip.Prefix]*share // of the networks that have items
	round  uint64                  // of the item served last
}

// A share is what one network has in a line: items of rounds that follow each other.
type share struct {
	from netip.Prefix
	held int
	last uint64 // round
}

type queued[T any] struct {
	share *share
	round uint64
	item  T
}

// Push adds work from an address. Where there is no room, the network that holds most has its last
// item given back; that may be this one.
func (q *Queue[T]) Push(class Class, from netip.Addr, item T) (turnedAway T, full bool) {
	l := &q.lines[class]
	own := l.shares[Network(from)]
	if own == nil {
		own = &share{from: Network(from), last: l.round}
	}
	if len(l.items) == q.most {
		last := l.longest()
		if l.items[last].share.held <= own.held+1 {
			return item, true
		}
		turnedAway, full = l.items[last].item, true
		l.items[last].share.last--
		l.remove(last)
	}
	l.shares[own.from] = own
	own.held++
	own.last++
	l.items = append(l.items, queued[T]{share: own, round: own.last, item: item})
	return turnedAway, full
}

// longest is the last item of the network that holds most.
func (l *line[T]) longest() (last int) {
	for i := range l.items {
		if l.items[i].share.held >= l.items[last].share.held {
			last = i
		}
	}
	return last
}

// Pop takes the item that is next, false if there is none.
func (q *Queue[T]) Pop() (item T, ok bool) {
	for i := range q.lines {
		l := &q.lines[i]
		if len(l.items) == 0 {
			continue
		}
		first := 0
		for j := range l.items {
			if l.items[j].round < l.items[first].round {
				first = j
			}
		}
		item, l.round = l.items[first].item, l.items[first].round
		l.remove(first)
		return item, true
	}
	return item, false
}

// Len is how many items wait.
func (q *Queue[T]) Len() (n int) {
	for i := range q.lines {
		n += len(q.lines[i].items)
	}
	return n
}

func (l *line[T]) remove(i int) {
	if s := l.items[i].share; s.held > 1 {
		s.held--
	} else {
		delete(l.shares, s.from)
	}
	copy(l.items[i:], l.items[i+1:])
	l.items[len(l.items)-1] = queued[T]{}
	l.items = l.items[:len(l.items)-1]
}

// Network is what shares one allowance: a /24 of IPv4, a /48 of IPv6. It is the zero Prefix for an
// address from nowhere.
func Network(a netip.Addr) netip.Prefix {
	bits := 48
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
