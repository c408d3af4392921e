package session

import (
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

// A Ref stands for a confirmed session for as long as that lives, awake or at rest. Refs can be
// compared, and are never given twice by one Server.
type Ref struct{ id record.ConnectionID }

// Ref stands for the session also when it is at rest.
func (s *Session) Ref() Ref { return Ref{s.id} }

// Session is the session of a Ref, which is woken if need be; nil if it has ended.
func (s *Server) Session(now time.Time, r Ref) *Session {
	return s.awaken(now)(s.sessions.get(r.id))
}

// Device is the confirmed session of a named device, which is woken if need be; nil if there is
// none.
func (s *Server) Device(now time.Time, name string) *Session {
	return s.awaken(now)(s.sessions.device(name))
}

// awaken makes of what the table has the session to work with.
func (s *Server) awaken(now time.Time) func(*Session, entry) *Session {
	return func(session *Session, atRest entry) *Session {
		switch {
		case atRest != nil:
			return s.wake(now, atRest)
		case session != nil && session.state == confirmed:
			return session
		}
		return nil
	}
}

// present is the session to work with where a caller still has the one that went to rest.
func (s *Server) present(now time.Time, session *Session) *Session {
	if session.state == resting {
		return s.Session(now, session.Ref())
	}
	return s.awaken(now)(session, nil)
}

// Find is what stands for the confirmed session of a named device. It wakes nothing. Of those that
// several shards find for a moment, the one of the highest serial is the newest.
func (s *Server) Find(name string) (r Ref, serial uint64, ok bool) {
	switch session, atRest := s.sessions.device(name); {
	case session != nil:
		return session.Ref(), session.serial, true
	case atRest != nil:
		return Ref{atRest.id()}, atRest.serial(), true
	}
	return Ref{}, 0, false
}

// Heard is when the last record of a device has opened, false where it has no session. It wakes
// nothing.
func (s *Server) Heard(name string) (at time.Time, ok bool) {
	switch session, atRest := s.sessions.device(name); {
	case session != nil:
		return session.heard, true
	case atRest != nil:
		return atRest.heard(), true
	}
	return time.Time{}, false
}

// Listen has the next record of a device that opens come with an EventHeard, once. It wakes nothing.
func (s *Server) Listen(name string) {
	switch session, atRest := s.sessions.device(name); {
	case session != nil:
		session.Listen = true
	case atRest != nil:
		atRest.listen()
	}
}

// Awake are the confirmed sessions that are awake, in no order.
func (s *Server) Awake() (list []*Session) {
	for _, session := range s.sessions.awake {
		if session != nil && session.state == confirmed {
			list = append(list, session)
		}
	}
	return list
}

// A Holder is whom a session was opened for.
type Holder struct {
	Ref        Ref
	Name       string // of the device; empty in mode none
	Suite      handshake.Suite
	Credential handshake.ClientCredential // by which it is asked for again
	mark       [8]byte
}

// Holder is whom the session was opened for.
func (s *Session) Holder() Holder { return Holder{s.Ref(), s.name, s.suite, s.credential, s.mark} }

func (e entry) holder() Holder {
	return Holder{Ref{e.id()}, string(e.name()), e.suite(), e.credential(), e.mark()}
}

// Admits tells whether a client, which the Authorizer has returned for Credential, is still who
// the session was opened for: by that name, with that key.
func (h Holder) Admits(c Client) bool { return c.Name == h.Name && markOf(c) == h.mark }

// A Page is where a list of holders goes on.
type Page struct{ at seat }

// pageSeats is how many places of sessions a page has, of which any may be empty.
const pageSeats = 1024

// Holders are those of confirmed sessions, awake or at rest, a page of them. The zero Page is the
// first, and what next is behind the last.
func (s *Server) Holders(p Page) (list []Holder, next Page) {
	next.at = s.sessions.walk(p.at, pageSeats, func(session *Session, atRest entry) {
		switch {
		case atRest != nil:
			list = append(list, atRest.holder())
		case session.state == confirmed:
			list = append(list, session.Holder())
		}
	})
	return list, next
}

// HoldersOf are those of a named device: of the session that it has, and the one before while that
// retires.
func (s *Server) HoldersOf(name string) (list []Holder) {
	switch one, atRest := s.sessions.device(name); {
	case atRest != nil:
		list = append(list, atRest.holder())
	case one != nil:
		list = append(list, one.Holder())
	}
	if one := s.retiring[name]; one != nil {
		list = append(list, one.Holder())
	}
	return list
}

// AwakeOf is the session of a Ref if that is awake, else nil.
func (s *Server) AwakeOf(r Ref) *Session {
	if session, _ := s.sessions.get(r.id); session != nil && session.state == confirmed {
		return session
	}
	return nil
}
