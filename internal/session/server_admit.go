package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// Credential is what the device was let in with: of one that has shown a token, its DeviceID.
func (s *Session) Credential() handshake.ClientCredential { return s.credential }

// Admits tells whether a client, which the Authorizer has returned for Credential, is still who
// the session was opened for: by that name, with that key.
func (s *Session) Admits(c Client) bool {
	return c.Name == s.client.Name && sameKey(c.Key, s.client.Key) && pskMark(c.PSK) == pskMark(s.client.PSK)
}

func sameKey(a, b *handshake.PublicKey) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.DeviceID() == b.DeviceID()
}

// pskMark tells a PSK from a later one under the same identifier, zero where there is none.
func pskMark(p *handshake.PSK) (mark [8]byte) {
	if p != nil {
		mac := hmac.New(sha256.New, p.Key[:])
		mac.Write([]byte("pqcoap saved session"))
		copy(mark[:], mac.Sum(nil))
	}
	return mark
}

// Sessions are those that are confirmed, in no order.
func (s *Server) Sessions() []*Session {
	list := make([]*Session, 0, s.sessions.confirmed)
	for _, session := range s.sessions.byID {
		if session.state == confirmed {
			list = append(list, session)
		}
	}
	return list
}

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
}

// Quiet tells whether no request of either side is under way, in any session.
func (s *Server) Quiet() bool {
	for _, session := range s.sessions.byID {
		if session.state == confirmed && !session.ch.coap.Quiet() {
			return false
		}
	}
	return true
}
