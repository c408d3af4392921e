package session

import (
	"container/list"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/record"
)

// sessionState is docs/protocol.md section 10.
type sessionState uint8

const (
	opening   sessionState = iota // holds an ID while its m2 is being made; cannot receive
	halfOpen                      // m2 has been sent; waits for the first record
	confirmed                     // the first record has opened
	gone                          // has ended
)

// A Session is one device's session at the server.
type Session struct {
	handshake.Unprintable
	id         record.ConnectionID
	state      sessionState
	client     Client
	credential handshake.ClientCredential
	result     *handshake.Result
	ch         *channel
	from       netip.AddrPort // where m1 came from
	token      record.ResetToken
	keyID      [8]byte   // see KeyID
	asked      time.Time // when m1 came, before the device was let in
	ticket     []byte    // NewTicket, until it is confirmed
	entry      Entry

	serial   uint64    // in the order of their m1
	previous *Session  // of the same device, which retires
	retireAt time.Time // zero: not

	prefix   netip.Prefix // of the address m1 came from
	work     *Work        // while m2 is being made
	digest   digest
	m2       []byte    // while an m1 may come again
	forgetAt time.Time // when m2 is forgotten; zero: with the half-open session
	proven   bool      // m1 came with a valid Echo
	class    admission.Class
	requests admission.Bucket // of the device
	place    *list.Element    // among the unproven half-open sessions
	expires  time.Time        // half-open
	heard    time.Time        // when the last record opened
	until    time.Time        // when EventDue comes; zero: not

	timer int // index in the timer heap, -1 if not in it
	due   time.Time

	// Owner is for the caller: what it keeps for the session.
	Owner any
	// Listen has the next record that opens come with an EventHeard, once.
	Listen bool
}

// Device is the authenticated name of the device, empty in mode none.
func (s *Session) Device() string { return s.client.Name }

// ID is the session ID of both sides, 16 bytes, for logs.
func (s *Session) ID() [16]byte { return s.result.SessionID }

// KeyID is the kid_S by which the device has known the server in its handshake, zero where it has
// resumed or the session was saved.
func (s *Session) KeyID() [8]byte { return s.keyID }

// Suite and Mode are those of the handshake.
func (s *Session) Suite() handshake.Suite { return s.result.Suite }

// Mode is how the device has been authenticated.
func (s *Session) Mode() handshake.Mode { return s.result.Mode }

// Heard is when the last record of the device has opened.
func (s *Session) Heard() time.Time { return s.heard }

// Asked is when the device asked for the session: before it was let in.
func (s *Session) Asked() time.Time { return s.asked }

// origin is where m1 came from, which an Echo has proven or nothing has.
func (s *Session) origin() *record.Path {
	if s.proven {
		return record.NewPath(s.from)
	}
	return record.NewUnheardPath(s.from)
}

// Peer is the proven address of the device.
func (s *Session) Peer() netip.AddrPort {
	if s.ch == nil {
		return s.from
	}
	return s.ch.path.Address()
}

// idleAt is when a confirmed session ends of itself.
func (s *Session) idleAt(ours time.Duration) time.Time {
	if theirs := s.result.Peer.IdleTimeout; theirs > 0 && theirs < ours {
		ours = theirs
	}
	return s.heard.Add(ours)
}

// deadline is when the session has something to do.
func (s *Session) deadline(idle time.Duration) time.Time {
	if s.state == halfOpen {
		return s.expires
	}
	return earliest(earliest(earliest(s.forgetAt, s.retireAt), s.until), earliest(s.idleAt(idle), s.ch.deadline()))
}

// confirm makes a half-open session the one of its device (docs/protocol.md section 10), and tells
// whether it is. A first record that comes when the device has opened a newer session already was
// held back on its way, and must not take that one's place.
func (s *Server) confirm(now time.Time, session *Session, out *Outbox) bool {
	if current := s.sessions.byDevice[session.client.Name]; current != nil && current.serial > session.serial {
		s.remove(session, errReplaced)
		return false
	}
	if !s.gate.arrivals.confirmed(now, session.client.Name, session.prefix) {
		s.stats.OverAnonymous++
		session.ch.close(now, out, &s.stats.Records)
		s.remove(session, errCrowded)
		return false
	}
	s.leave(session)
	s.sessions.leaveHalfOpen(session)
	session.state = confirmed
	// The first record has come a round trip behind m2, at the earliest. A server that sends no
	// CON hears of no other.
	session.ch.path.SetRTT(min(now.Sub(session.heard), longestGuess))
	session.forgetAt = now.Add(digestMemory)
	s.stats.Confirmed++
	s.sessions.confirmed++
	if old := s.sessions.replace(session); old != nil {
		session.requests = old.requests
		s.retire(now, session, old, out)
	}
	if session.ticket != nil {
		session.ch.control.Ticket(session.ticket) // it fits, or newTicket had not made it
		session.ticket = nil
	}
	s.events = append(s.events, Event{Kind: EventOpen, Session: session})
	return true
}

// retire leaves the session that a new one of the same device replaces the time to answer what it
// is asked: the device may have opened the new one beside it. One retires at a time.
func (s *Server) retire(now time.Time, session, old *Session, out *Outbox) {
	if older := old.previous; older != nil && older.state == confirmed {
		older.ch.close(now, out, &s.stats.Records)
		s.remove(older, errReplaced)
	}
	old.previous, session.previous = nil, old
	old.retireAt = now.Add(retirement)
	s.timers.set(old, old.deadline(s.cfg.IdleTimeout))
}

// longestGuess is the round trip that checks of addresses go by where none is known: T is 1 s.
const longestGuess = time.Second / 3

// retirement is how long a replaced session goes on.
const retirement = 10 * time.Second

// forget drops the memory of a session's m1 and m2.
func (s *Server) forget(session *Session) {
	if s.pending[session.digest] == session {
		delete(s.pending, session.digest)
	}
	session.m2, session.forgetAt = nil, time.Time{}
}

// remove ends a session.
func (s *Server) remove(session *Session, err error) {
	if session.state == gone {
		return
	}
	if session.state == confirmed {
		s.events = append(s.events, Event{Kind: EventClosed, Session: session, Err: err})
	}
	s.leave(session)
	s.forget(session)
	s.timers.remove(session)
	s.sessions.remove(session)
	session.state = gone
	if session.ch != nil {
		session.ch.coap.Release()
	}
}
