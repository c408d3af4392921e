package session

import (
	"container/list"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
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
	id     record.ConnectionID
	state  sessionState
	client Client
	result *handshake.Result
	ch     *channel
	peer   netip.AddrPort // where the newest authentic record came from

	prefix   netip.Prefix // of the address m1 came from
	work     *Work        // while m2 is being made
	digest   digest
	m2       []byte        // while an m1 may come again
	forgetAt time.Time     // when m2 is forgotten; zero: with the half-open session
	proven   bool          // m1 came with a valid Echo
	place    *list.Element // among the unproven half-open sessions
	expires  time.Time     // half-open
	heard    time.Time     // when the last record opened

	timer int // index in the timer heap, -1 if not in it
	due   time.Time

	// Owner is for the caller: what it keeps for the session.
	Owner any
}

// Device is the authenticated name of the device, empty in mode none.
func (s *Session) Device() string { return s.client.Name }

// ID is the session ID of both sides, 16 bytes, for logs.
func (s *Session) ID() [16]byte { return s.result.SessionID }

// Suite and Mode are those of the handshake.
func (s *Session) Suite() handshake.Suite { return s.result.Suite }

// Mode is how the device has been authenticated.
func (s *Session) Mode() handshake.Mode { return s.result.Mode }

// Peer is the address from which the newest authentic record came.
func (s *Session) Peer() netip.AddrPort { return s.peer }

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
	return earliest(s.forgetAt, earliest(s.idleAt(idle), s.ch.coap.Deadline()))
}

// confirm makes a half-open session the one of its device (docs/protocol.md section 10).
func (s *Server) confirm(now time.Time, session *Session, out *Outbox) {
	s.sessions.leaveHalfOpen(session)
	session.state = confirmed
	session.forgetAt = now.Add(digestMemory)
	s.stats.Confirmed++
	s.sessions.confirmed++
	if old := s.sessions.replace(session); old != nil {
		old.ch.close(old.peer, out, &s.stats.Records)
		s.remove(old, errReplaced)
	}
	s.events = append(s.events, Event{Kind: EventOpen, Session: session})
}

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
	s.forget(session)
	s.timers.remove(session)
	s.sessions.remove(session)
	session.state = gone
	if session.ch != nil {
		session.ch.coap.Release()
	}
}
