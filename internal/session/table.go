package session

import (
	"container/list"
	"fmt"
	"io"
	"net/netip"

	"github.com/pqcoap/pqcoap/record"
)

// A sessionTable finds sessions by connection ID and by device.
type sessionTable struct {
	byID      map[record.ConnectionID]*Session
	byDevice  map[string]*Session  // confirmed, of named devices
	byPrefix  map[netip.Prefix]int // half-open sessions of a network
	unproven  *list.List           // half-open sessions of unproven addresses, oldest first
	halfOpen  int
	confirmed int
}

func newSessionTable() sessionTable {
	return sessionTable{
		byID:     make(map[record.ConnectionID]*Session),
		byDevice: make(map[string]*Session),
		byPrefix: make(map[netip.Prefix]int),
		unproven: list.New(),
	}
}

func (t *sessionTable) get(id record.ConnectionID) *Session { return t.byID[id] }

// idSize is as short as the number of sessions allows (docs/protocol.md section 11): a size is
// used until half of its IDs are taken, so that a free one is found at once.
func idSize(sessions int) int {
	switch {
	case sessions < 1<<6/2:
		return 1
	case sessions < 1<<14/2:
		return 2
	case sessions < 1<<30/2:
		return 4
	}
	return 8
}

// maxIDTries bounds the search for a free ID. At a table half full, 64 tries in a row fail
// once in 2^64.
const maxIDTries = 64

// reserve gives a session an unpredictable ID that is free.
func (t *sessionTable) reserve(rand io.Reader, s *Session) error {
	size := idSize(len(t.byID))
	for range maxIDTries {
		id, err := record.RandomConnectionID(rand, size)
		if err != nil {
			return err
		}
		if _, taken := t.byID[id]; !taken {
			s.id = id
			t.byID[id] = s
			return nil
		}
	}
	return fmt.Errorf("no free connection ID of %d bytes in %d tries", size, maxIDTries)
}

// prefixOf is the network that shares one allowance: /24 of IPv4, /48 of IPv6.
func prefixOf(a netip.Addr) netip.Prefix {
	bits := 48
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil { // the zero Addr, from nowhere
		return netip.Prefix{}
	}
	return p
}

// enterHalfOpen and leaveHalfOpen keep the counts of half-open sessions.
func (t *sessionTable) enterHalfOpen(s *Session) {
	t.halfOpen++
	t.byPrefix[s.prefix]++
	if !s.proven {
		s.place = t.unproven.PushBack(s)
	}
}

func (t *sessionTable) leaveHalfOpen(s *Session) {
	t.halfOpen--
	if t.byPrefix[s.prefix]--; t.byPrefix[s.prefix] <= 0 {
		delete(t.byPrefix, s.prefix)
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

// replace makes s its device's session and returns the one it had.
func (t *sessionTable) replace(s *Session) *Session {
	if s.client.Name == "" {
		return nil
	}
	old := t.byDevice[s.client.Name]
	t.byDevice[s.client.Name] = s
	return old
}

// remove forgets a session.
func (t *sessionTable) remove(s *Session) {
	if t.byID[s.id] == s {
		delete(t.byID, s.id)
	}
	switch s.state {
	case opening, halfOpen:
		t.leaveHalfOpen(s)
	case confirmed:
		t.confirmed--
	}
	if t.byDevice[s.client.Name] == s {
		delete(t.byDevice, s.client.Name)
	}
}

// all is a copy of the sessions, to remove while walking.
func (t *sessionTable) all() []*Session {
	list := make([]*Session, 0, len(t.byID))
	for _, s := range t.byID {
		list = append(list, s)
	}
	return list
}
