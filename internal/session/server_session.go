package session

import (
	"container/list"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/internal/wheel"
	"github.com/pqcoap/pqcoap/record"
)

// sessionState is docs/protocol.md section 10.
type sessionState uint8

const (
	opening   sessionState = iota // holds an ID while its m2 is being made; cannot receive
	halfOpen                      // m2 has been sent; waits for the first record
	confirmed                     // the first record has opened
	resting                       // is in the arena, and this is nothing but its name
	gone                          // has ended
)

// A Session is one device's session at the server, while it is awake. One that is quiet goes to
// rest, and wakes as another Session: what stands for it all the time is its Ref.
type Session struct {
	handshake.Unprintable
	id         record.ConnectionID
	state      sessionState
	name       string // of the device; empty in mode none
	mark       [8]byte
	suite      handshake.Suite
	credential handshake.ClientCredential
	sessionID  [16]byte
	payload    uint16        // largest that the device takes; 0: not told
	idle       time.Duration // that the device has named; 0: none
	ch         *channel
	from       netip.AddrPort // where m1 came from
	at         netip.Addr     // of ours, where it came to; not valid: of no interest
	token      record.ResetToken
	asked      time.Time // when m1 came, before the device was let in
	ticket     []byte    // NewTicket, until it is confirmed
	keyID      [8]byte   // see KeyID
	resumed    bool

	serial   uint64    // in the order of their m1
	retireAt time.Time // zero: not

	prefix   netip.Prefix // of the address m1 came from
	greeting *greeting    // until it is confirmed
	proven   bool         // m1 came with a valid Echo
	class    admission.Class
	requests admission.Bucket // of the device
	place    *list.Element    // among the unproven half-open sessions
	expires  time.Time        // half-open
	heard    time.Time        // when the last record opened
	until    time.Time        // when EventDue comes; zero: not
	restAt   time.Time        // when it may rest, unless it is busy
	told     uint64           // number of its last event

	number       uint32   // among those that are awake
	older, newer *Session // of those, in the order in which they were heard
	timer        wheel.Timer[*Session]

	// Owner is for the caller: what it keeps for the session while that is awake.
	Owner any
	// Listen has the next record that opens come with an EventHeard, once.
	Listen bool
}

func newSession() *Session {
	s := &Session{}
	s.timer.Value = s
	return s
}

// Device is the authenticated name of the device, empty in mode none.
func (s *Session) Device() string { return s.name }

// ID is the session ID of both sides, 16 bytes, for logs.
func (s *Session) ID() [16]byte { return s.sessionID }

// Suite and Mode are those of the handshake.
func (s *Session) Suite() handshake.Suite { return s.suite }

// Mode is how the device has been authenticated.
func (s *Session) Mode() handshake.Mode { return s.credential.Mode }

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

// At is the address of ours by which the device has found the server; not valid where that was of no
// interest.
func (s *Session) At() netip.Addr {
	if s.ch == nil {
		return s.at
	}
	return s.ch.local(s.Peer())
}

// idleAt is when a confirmed session ends of itself.
func (s *Session) idleAt(ours time.Duration) time.Time {
	return s.heard.Add(earliestSpan(s.idle, ours))
}

// deadline is when the session has something to do.
func (s *Session) deadline(idle time.Duration) time.Time {
	if s.state == halfOpen {
		return s.expires
	}
	at := earliest(earliest(s.retireAt, s.until), earliest(s.idleAt(idle), s.ch.deadline()))
	if s.restful() {
		at = earliest(at, s.restAt)
	}
	return at
}

// confirm makes a half-open session the one of its device (docs/protocol.md section 10), and tells
// whether it is. A first record that comes when the device has opened a newer session already was
// held back on its way, and must not take that one's place.
func (s *Server) confirm(now time.Time, session *Session, out *Outbox) bool {
	current, atRest := s.sessions.device(session.name)
	if current != nil && current.serial > session.serial || atRest != nil && atRest.serial() > session.serial ||
		!s.cfg.Group.confirm(now, session.name, session.serial) {
		s.remove(session, errReplaced)
		return false
	}
	if !s.gate.arrivals.confirmed(now, session.name, session.prefix) {
		s.stats.OverAnonymous++
		session.ch.close(now, out, &s.stats.Records)
		s.remove(session, errCrowded)
		return false
	}
	if atRest != nil {
		current = s.wake(now, atRest)
	}
	s.leave(session)
	s.sessions.confirm(session)
	session.state = confirmed
	// The first record has come a round trip behind m2, at the earliest. A server that sends no
	// CON hears of no other.
	session.ch.path.SetRTT(min(now.Sub(session.heard), longestGuess))
	s.remember(now, session.greeting)
	session.greeting = nil
	s.stats.Confirmed++
	s.stats.ConfirmedBy.add(session)
	s.stats.Handshake.Add(now.Sub(session.asked))
	if current != nil {
		session.requests = current.requests
		s.retire(now, current, out)
	}
	if session.ticket != nil {
		session.ch.control.Ticket(session.ticket) // it fits, or newTicket had not made it
		session.ticket = nil
	}
	if session.name != "" {
		s.notifyAll(Notice{kind: noticeOpen, device: session.name, serial: session.serial})
	}
	s.emit(Event{Kind: EventOpen, Session: session})
	return true
}

// retire leaves the session that a new one of the same device replaces the time to answer what it
// is asked: the device may have opened the new one beside it. One of a device retires at a time.
func (s *Server) retire(now time.Time, old *Session, out *Outbox) {
	if older := s.retiring[old.name]; older != nil {
		older.ch.close(now, out, &s.stats.Records)
		s.remove(older, errReplaced)
	}
	s.retiring[old.name] = old
	old.retireAt = now.Add(retirement)
	s.timers.Set(now, &old.timer, old.deadline(s.cfg.IdleTimeout))
}

// longestGuess is the round trip that checks of addresses go by where none is known: T is 1 s.
const longestGuess = time.Second / 3

// retirement is how long a replaced session goes on.
const retirement = 10 * time.Second

// remove ends a session.
func (s *Server) remove(session *Session, err error) {
	if session.state == gone || session.state == resting {
		return
	}
	if session.state == confirmed {
		s.emit(Event{Kind: EventClosed, Session: session, Err: err})
	}
	s.leave(session)
	s.forget(session.greeting)
	if s.retiring[session.name] == session {
		delete(s.retiring, session.name)
	}
	s.timers.Stop(&session.timer)
	s.sessions.remove(session)
	session.state = gone
	if session.ch != nil {
		session.ch.coap.Release()
	}
}
