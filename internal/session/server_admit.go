package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// markOf tells a client's key from any other that the same credential could stand for later.
func markOf(c Client) (mark [8]byte) {
	switch {
	case c.Key != nil:
		id := c.Key.DeviceID()
		copy(mark[:], id[:])
	case c.PSK != nil:
		return pskMark(c.PSK)
	}
	return mark
}

// pskMark tells a PSK from a later one under the same identifier.
func pskMark(p *handshake.PSK) (mark [8]byte) {
	mac := hmac.New(sha256.New, p.Key[:])
	mac.Write([]byte("pqcoap saved session"))
	copy(mark[:], mac.Sum(nil))
	return mark
}

// Extend sets when the next EventDue of a session comes: the Client.Until of a Client that its
// Holder admits. It wakes nothing.
func (s *Server) Extend(now time.Time, r Ref, until time.Time) {
	switch session, atRest := s.sessions.get(r.id); {
	case atRest != nil:
		atRest.setUntil(until)
		s.sweep.note(atRest.dueAt(s.cfg.IdleTimeout))
	case session != nil && session.state == confirmed && !session.until.Equal(until):
		session.until = until
		s.timers.Set(now, &session.timer, session.deadline(s.cfg.IdleTimeout))
	}
}

// lapsed tells whether the time has come to ask about the session's device again.
func (s *Session) lapsed(now time.Time) bool { return !s.until.IsZero() && !now.Before(s.until) }

// SetTickets replaces the keys of tickets; nil: sessions cannot be resumed any more. Work that is
// handed out goes on with the keys it has.
func (s *Server) SetTickets(keys *handshake.TicketKeys) { s.cfg.Tickets = keys }

// A Policy is what of a ServerConfig can change while the server runs. Zero is a default there.
type Policy struct {
	AlwaysEcho  bool
	Limits      handshake.Limits
	Update      Update // of sessions that begin later
	IdleTimeout time.Duration
}

// SetPolicy replaces the policy. Work that is handed out goes on with the one it has.
func (s *Server) SetPolicy(p Policy) {
	s.cfg.AlwaysEcho, s.cfg.Limits, s.cfg.Update, s.cfg.IdleTimeout = p.AlwaysEcho, p.Limits, p.Update, p.IdleTimeout
	s.cfg.setDefaults()
	s.lane.SetAlwaysEcho(p.AlwaysEcho)
	s.sweep.note(sweepNow)
}

// Quiet tells whether no request of either side is under way, in any session.
func (s *Server) Quiet() bool {
	for _, session := range s.sessions.awake {
		if session != nil && session.state == confirmed && !session.ch.coap.Quiet() {
			return false
		}
	}
	return true
}
