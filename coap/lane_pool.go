package coap

import (
	"container/list"
	"net/netip"
	"time"
)

// answeredRest is how long an answered entry is left alone when its pool runs short. A
// device that comes back later makes its transfer again, and gets the same answer.
const answeredRest = 2 * time.Second

// A pool is the entries that share limits. Its memory is bounded by them: an entry is
// below 1 kB, and all bytes that an entry holds are counted.
type pool struct {
	limits   PoolLimits
	open     list.List            // not yet answered, the oldest first
	answered list.List            // in the order of their answers
	prefixes map[netip.Prefix]int // open entries of each
	bytes    int
}

func newPool(limits PoolLimits) pool {
	return pool{limits: limits, prefixes: make(map[netip.Prefix]int)}
}

func (p *pool) entries() int { return p.open.Len() + p.answered.Len() }

// enter adds an entry that holds nothing.
func (p *pool) enter(e *laneEntry) {
	e.pool, e.held = p, 0
	p.begin(e)
}

func (p *pool) begin(e *laneEntry) {
	e.place = p.open.PushBack(e)
	p.prefixes[e.prefix]++
}

// leave takes an entry and its bytes out.
func (p *pool) leave(e *laneEntry) {
	p.charge(e, -e.held)
	if e.answered {
		p.answered.Remove(e.place)
		return
	}
	p.end(e)
}

func (p *pool) end(e *laneEntry) {
	p.open.Remove(e.place)
	if p.prefixes[e.prefix]--; p.prefixes[e.prefix] == 0 {
		delete(p.prefixes, e.prefix)
	}
}

// close makes an open entry an answered one.
func (p *pool) close(e *laneEntry) {
	p.end(e)
	e.answered = true
	e.place = p.answered.PushBack(e)
}

// reopen makes an entry, answered or not, a new one without bytes.
func (p *pool) reopen(e *laneEntry) {
	p.leave(e)
	p.begin(e)
}

func (p *pool) charge(e *laneEntry, n int) {
	e.held += n
	p.bytes += n
}

// makeRoom tells whether the pool has room for one more entry: a quarter of its bytes is kept
// for those that have entered to grow. Only what was answered a while ago makes way for a new
// one: who fills the pool must not push out who is in it.
func (l *Lane) makeRoom(now time.Time, p *pool, prefix netip.Prefix) bool {
	if p.prefixes[prefix] >= p.limits.PrefixEntries {
		return false
	}
	for p.entries() >= p.limits.Entries || p.bytes >= p.limits.Bytes/4*3 {
		if !l.evictAnswered(now, p) {
			return false
		}
	}
	return true
}

// grow counts n more bytes for an entry. Where the pool is full the oldest go, and false
// says that the entry itself was among them.
func (l *Lane) grow(now time.Time, e *laneEntry, n int) bool {
	p := e.pool
	p.charge(e, n)
	for p.bytes > p.limits.Bytes {
		if l.evictAnswered(now, p) {
			continue
		}
		oldest := p.open.Front()
		if oldest == nil {
			oldest = p.answered.Front()
		}
		victim := oldest.Value.(*laneEntry)
		l.evict(victim)
		if victim == e {
			return false
		}
	}
	return true
}

func (l *Lane) evictAnswered(now time.Time, p *pool) bool {
	front := p.answered.Front()
	if front == nil {
		return false
	}
	e := front.Value.(*laneEntry)
	if now.Sub(e.at) < answeredRest {
		return false
	}
	l.evict(e)
	return true
}

func (l *Lane) evict(e *laneEntry) {
	l.remove(e)
	l.stats.Evicted++
}

// prefixOf returns the part of an address that whoever holds it can hardly change.
func prefixOf(addr netip.Addr) netip.Prefix {
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, _ := addr.Prefix(bits) // fails for no valid address
	return prefix
}
