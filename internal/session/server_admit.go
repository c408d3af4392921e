package session

import (
	"crypto/hmac"
	"crypto/sha256"

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

// SetTickets replaces the keys of tickets; nil: sessions cannot be resumed any more. Work that is
// handed out goes on with the keys it has.
func (s *Server) SetTickets(keys *handshake.TicketKeys) { s.cfg.Tickets = keys }

// Quiet tells whether no request of either side is under way, in any session.
func (s *Server) Quiet() bool {
	for _, session := range s.sessions.awake {
		if session != nil && session.state == confirmed && !session.ch.coap.Quiet() {
			return false
		}
	}
	return true
}
