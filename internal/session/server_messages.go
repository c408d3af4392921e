package session

import (
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

func (s *Server) take(session *Session, ev coap.Event) {
	event := EventOf(ev)
	event.Session = session
	s.emit(event)
}

// Respond answers an EventRequest. body, unless nil, takes the place of m's payload: see
// [coap.Conn.RespondBody].
func (s *Server) Respond(now time.Time, session *Session, id uint64, m coap.Message, body coap.Body, out *Outbox) error {
	return s.tell(now, session, true, out, func(c *coap.Conn) error {
		return c.RespondBody(now, id, m, body, &s.scrap)
	})
}

// Consumed notes that n bytes of the response to a request have been taken.
func (s *Server) Consumed(now time.Time, session *Session, id uint64, n int, out *Outbox) {
	s.tell(now, session, false, out, func(c *coap.Conn) error {
		c.Consumed(now, id, n, &s.scrap)
		return nil
	})
}

// ConsumedRequest notes that n bytes of a request of the device have been taken.
func (s *Server) ConsumedRequest(now time.Time, session *Session, id uint64, n int, out *Outbox) {
	s.tell(now, session, false, out, func(c *coap.Conn) error {
		c.ConsumedRequest(now, id, n)
		return nil
	})
}

// Notify sends a new state to the observation that the answer to request id opened: see
// [coap.Conn.Notify].
func (s *Server) Notify(now time.Time, session *Session, id uint64, m coap.Message, out *Outbox) error {
	return s.tell(now, session, false, out, func(c *coap.Conn) error {
		return c.Notify(now, id, m, &s.scrap)
	})
}

// EndObservation forgets an observation without a word.
func (s *Server) EndObservation(now time.Time, session *Session, id uint64) {
	if session.state == confirmed { // one at rest observes nothing
		session.ch.coap.EndObservation(now, id)
	}
}

// Request sends a request to the device; its response comes as an EventResponse with the same
// ID and Session.
func (s *Server) Request(now time.Time, session *Session, m coap.Message, opt coap.RequestOptions, out *Outbox) (id uint64, err error) {
	err = s.tell(now, session, false, out, func(c *coap.Conn) (err error) {
		id, err = c.Request(now, m, opt, &s.scrap)
		return err
	})
	return id, err
}

// Ping asks the device for a sign of life; its answer comes as an EventPong.
func (s *Server) Ping(now time.Time, session *Session, out *Outbox) (id uint64, err error) {
	err = s.tell(now, session, false, out, func(c *coap.Conn) error {
		id = c.Ping(now, &s.scrap)
		return nil
	})
	return id, err
}

// Room tells whether the device may open one observation more.
func (s *Server) Room(session *Session) bool {
	return session.state == confirmed && session.ch.coap.Room()
}

// CloseSession ends one session and tells its device.
func (s *Server) CloseSession(now time.Time, session *Session, out *Outbox) error {
	if session = s.present(now, session); session == nil {
		return ErrClosed
	}
	session.ch.close(now, out, &s.stats.Records)
	s.remove(session, ErrClosed)
	return nil
}

// Cancel forgets a request; no event comes for it.
func (s *Server) Cancel(now time.Time, session *Session, id uint64, out *Outbox) {
	s.tell(now, session, false, out, func(c *coap.Conn) error {
		c.Cancel(now, id, &s.scrap)
		return nil
	})
}

// tell gives a session's CoAP something to do, and sends what comes of it: in answer to the
// device, or on the server's own account.
func (s *Server) tell(now time.Time, session *Session, answer bool, out *Outbox, do func(*coap.Conn) error) error {
	if session = s.present(now, session); session == nil {
		return ErrClosed
	}
	err := do(session.ch.coap)
	s.settle(now, session, answer, out)
	return err
}
