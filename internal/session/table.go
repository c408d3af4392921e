package session

import (
	"container/list"
	"io"
	"net/netip"

	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/record"
)

// A sessionTable finds sessions by connection ID and by device.
type sessionTable struct {
	byID      map[record.ConnectionID]*Session
	ids       idSpace
	byDevice  map[string]*Session  // confirmed, of named devices
	byPrefix  map[netip.Prefix]int // half-open sessions of a network, by m1
	unproven  *list.List           // half-open sessions of unproven addresses, oldest first
	halfOpen  int
	confirmed int
}

func newSessionTable(rand io.Reader) sessionTable {
	return sessionTable{
		ids:      newIDSpace(rand),
		byID:     make(map[record.ConnectionID]*Session),
		byDevice: make(map[string]*Session),
		byPrefix: make(map[netip.Prefix]int),
		unproven: list.New(),
	}
}

func (t *sessionTable) get(id record.ConnectionID) *Session { return t.byID[id] }

// reserve gives a session an ID.
func (t *sessionTable) reserve(s *Session) error {
	id, err := t.ids.take(func(id record.ConnectionID) bool { return t.byID[id] != nil })
	if err != nil {
		return err
	}
	s.id = id
	t.byID[id] = s
	return nil
}

// adopt takes in a confirmed session from before the server started.
func (t *sessionTable) adopt(s *Session) {
	t.byID[s.id] = s
	t.ids.adopt(s.id)
	t.confirmed++
	t.replace(s)
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
		t.ids.release(s.id)
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
