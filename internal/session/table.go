package session

import (
	"container/list"
	"io"
	"net/netip"
	"sync/atomic"

	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/internal/arena"
	"github.com/pqcoap/pqcoap/record"
)

// A sessionTable finds sessions by connection ID and by device. Each has a place, which is on the
// heap while the session is awake and in the arena while it rests: one of them, never both.
type sessionTable struct {
	ids      idSpace
	names    nameTable // confirmed, of named devices
	awake    []*Session
	vacant   []uint32 // numbers in awake that nobody has
	arena    *arena.Arena
	byPrefix map[netip.Prefix]int // half-open sessions of a network, by m1
	unproven *list.List           // half-open sessions of unproven addresses, oldest first

	// Confirmed sessions that are awake, in the order in which they were heard, or looked at.
	oldest, newest *Session

	halfOpen  int
	confirmed int           // awake or at rest
	count     *atomic.Int64 // sessions of all states, in all shards
}

func newSessionTable(rand io.Reader, shard int, group *Group) sessionTable {
	return sessionTable{
		ids:      newIDSpace(rand, shard, group.shards),
		count:    &group.sessions,
		names:    newNameTable(),
		arena:    arena.New(),
		byPrefix: make(map[netip.Prefix]int),
		unproven: list.New(),
	}
}

// at is who has a place: a session that is awake, or the entry of one at rest.
func (t *sessionTable) at(p place) (*Session, entry) {
	switch {
	case p == 0:
		return nil, nil
	case p&awakeBit != 0:
		return t.awake[p&^awakeBit], nil
	}
	e, _ := parseEntry(t.arena.Bytes(arena.Ref(p)))
	return nil, e
}

// get is who has an ID. Both are nil where nobody has it.
func (t *sessionTable) get(id record.ConnectionID) (*Session, entry) {
	p := t.ids.at(id)
	if p == nil {
		return nil, nil
	}
	s, e := t.at(*p)
	if s != nil && s.id == id || e != nil && e.id() == id {
		return s, e
	}
	return nil, nil
}

// device is the confirmed session of a named device. Both are nil where there is none.
func (t *sessionTable) device(name string) (*Session, entry) {
	if at, ok := t.names.get([]byte(name), t.its(name)); ok && name != "" {
		return t.at(*t.ids.seated(at))
	}
	return nil, nil
}

// its tells whether a seat is that of a device.
func (t *sessionTable) its(name string) func(seat) bool {
	return func(at seat) bool {
		s, e := t.at(*t.ids.seated(at))
		return s != nil && s.name == name || e != nil && string(e.name()) == name
	}
}

// reserve gives a session an ID.
func (t *sessionTable) reserve(s *Session) error {
	id, err := t.ids.take()
	if err != nil {
		return err
	}
	s.id = id
	*t.ids.at(id) = t.enlist(s)
	t.count.Add(1)
	return nil
}

// enlist gives a session a number, which is its place on the heap.
func (t *sessionTable) enlist(s *Session) place {
	if n := len(t.vacant) - 1; n >= 0 {
		s.number, t.vacant = t.vacant[n], t.vacant[:n]
		t.awake[s.number] = s
	} else {
		s.number = uint32(len(t.awake))
		t.awake = append(t.awake, s)
	}
	return awakeBit | place(s.number)
}

func (t *sessionTable) delist(s *Session) {
	t.awake[s.number] = nil
	t.vacant = append(t.vacant, s.number)
	t.unlink(s)
}

// adopt takes in a confirmed session from before the server started, which rests. It is false where
// its ID is in use.
func (t *sessionTable) adopt(e entry) bool {
	if p := t.ids.at(e.id()); p != nil && *p != 0 {
		return false
	}
	ref, b := t.arena.Alloc(len(e))
	copy(b, e)
	if !t.ids.adopt(e.id(), place(ref)) {
		t.arena.Free(ref)
		return false
	}
	t.confirmed++
	t.count.Add(1)
	if name := string(e.name()); name != "" {
		t.names.set(e.name(), t.ids.seat(e.id()), t.its(name))
	}
	return true
}

// lay moves a session from the heap into the arena, of which e is all by now.
func (t *sessionTable) lay(s *Session, e entry) {
	ref, b := t.arena.Alloc(len(e))
	copy(b, e)
	*t.ids.at(s.id) = place(ref)
	t.delist(s)
}

// raise moves a session from the arena to the heap: s has all of the entry by now.
func (t *sessionTable) raise(s *Session) {
	p := t.ids.at(s.id)
	t.arena.Free(arena.Ref(*p))
	*p = t.enlist(s)
	t.link(s)
}

// drop forgets a session at rest.
func (t *sessionTable) drop(e entry) {
	id := e.id()
	at := t.ids.seat(id)
	t.names.remove(e.name(), at)
	p := *t.ids.at(id)
	t.ids.release(id)
	t.arena.Free(arena.Ref(p))
	t.confirmed--
	t.count.Add(-1)
}

// given tells whether an ID has been given to a session since the server started.
func (t *sessionTable) given(id record.ConnectionID) bool { return t.ids.given(id) }

// enterHalfOpen and leaveHalfOpen keep the counts of half-open sessions. Those by ticket are not
// counted for their network.
func (t *sessionTable) enterHalfOpen(s *Session) {
	t.halfOpen++
	if s.class != admission.Resumed {
		t.byPrefix[s.prefix]++
	}
	if !s.proven {
		s.place = t.unproven.PushBack(s)
	}
}

func (t *sessionTable) leaveHalfOpen(s *Session) {
	t.halfOpen--
	if s.class != admission.Resumed {
		if t.byPrefix[s.prefix]--; t.byPrefix[s.prefix] <= 0 {
			delete(t.byPrefix, s.prefix)
		}
	}
	if s.place != nil {
		t.unproven.Remove(s.place)
		s.place = nil
	}
}

// oldestUnproven is the half-open session of an unproven address that came first, of one network
// or of all where that is the zero Prefix. Those whose m2 is still being made are passed over;
// they are as few as the workers' queue is long.
func (t *sessionTable) oldestUnproven(of netip.Prefix) *Session {
	for e := t.unproven.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*Session); s.state == halfOpen && (s.prefix == of || !of.IsValid()) {
			return s
		}
	}
	return nil
}

// confirm makes s, which is half-open, the session of its device.
func (t *sessionTable) confirm(s *Session) {
	t.leaveHalfOpen(s)
	t.confirmed++
	t.link(s)
	if s.name != "" {
		t.names.set([]byte(s.name), t.ids.seat(s.id), t.its(s.name))
	}
}

// unname has a session not be the one of its device any more.
func (t *sessionTable) unname(s *Session) { t.names.remove([]byte(s.name), t.ids.seat(s.id)) }

// remove forgets a session that is awake.
func (t *sessionTable) remove(s *Session) {
	if p := t.ids.at(s.id); p != nil && *p == awakeBit|place(s.number) && t.awake[s.number] == s {
		t.unname(s)
		t.ids.release(s.id)
		t.delist(s)
		t.count.Add(-1)
	}
	switch s.state {
	case opening, halfOpen:
		t.leaveHalfOpen(s)
	case confirmed:
		t.confirmed--
	}
}

// link makes s the session heard last.
func (t *sessionTable) link(s *Session) {
	t.unlink(s)
	if s.older = t.newest; s.older != nil {
		s.older.newer = s
	} else {
		t.oldest = s
	}
	t.newest = s
}

func (t *sessionTable) unlink(s *Session) {
	if t.oldest != s && s.older == nil {
		return // it is not linked
	}
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		t.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		t.newest = s.older
	}
	s.older, s.newer = nil, nil
}

// walk calls f with who has a seat, of so many seats from one on, and returns where to go on; 0 is
// behind the last. What f is given may end, wake or rest in it.
func (t *sessionTable) walk(from seat, seats int, f func(*Session, entry)) (next seat) {
	for i := int(from >> seatBits); i < len(t.ids.sizes); i++ {
		places := t.ids.sizes[i].places
		for n := int(from & (1<<seatBits - 1)); n < len(places); n++ {
			if seats--; seats < 0 {
				return seat(i)<<seatBits | seat(n)
			}
			if places[n] != 0 {
				f(t.at(places[n]))
			}
		}
		from = 0
	}
	return 0
}

// all calls f with all sessions.
func (t *sessionTable) all(f func(*Session, entry)) { t.walk(0, t.slots(), f) }

// slots is how many seats there are.
func (t *sessionTable) slots() (n int) {
	for i := range t.ids.sizes {
		n += len(t.ids.sizes[i].places)
	}
	return n
}
