package session

import (
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

// kinds are the events of a session's CoAP as those of the Server.
var kinds = map[coap.EventKind]EventKind{
	coap.EventRequest:      EventRequest,
	coap.EventResponse:     EventResponse,
	coap.EventFailed:       EventResponse,
	coap.EventPong:         EventPong,
	coap.EventNotification: EventNotification,
	coap.EventCancelled:    EventCancelled,
}

func (s *Server) take(session *Session, ev coap.Event) {
	s.events = append(s.events, Event{
		Kind: kinds[ev.Kind], ID: ev.ID, Message: ev.Message, Err: ev.Err, Session: session,
	})
}

// Respond answers an EventRequest.
func (s *Server) Respond(now time.Time, session *Session, id uint64, m coap.Message, out *Outbox) error {
	return s.tell(now, session, out, func(c *coap.Conn) error {
		return c.Respond(now, id, m, &s.scrap)
	})
}

// Notify sends a new state to the observation that the answer to request id opened: see
// [coap.Conn.Notify].
func (s *Server) Notify(now time.Time, session *Session, id uint64, m coap.Message, out *Outbox) error {
	return s.tell(now, session, out, func(c *coap.Conn) error {
		return c.Notify(now, id, m, &s.scrap)
	})
}

// EndObservation forgets an observation without a word.
func (s *Server) EndObservation(now time.Time, session *Session, id uint64) {
	if session.state == confirmed {
		session.ch.coap.EndObservation(now, id)
	}
}

// Request sends a request to the device; its response comes as an EventResponse with the same
// ID and Session.
func (s *Server) Request(now time.Time, session *Session, m coap.Message, opt coap.RequestOptions, out *Outbox) (id uint64, err error) {
	err = s.tell(now, session, out, func(c *coap.Conn) (err error) {
		id, err = c.Request(now, m, opt, &s.scrap)
		return err
	})
	return id, err
}

// Ping asks the device for a sign of life; its answer comes as an EventPong.
func (s *Server) Ping(now time.Time, session *Session, out *Outbox) (id uint64, err error) {
	err = s.tell(now, session, out, func(c *coap.Conn) error {
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
func (s *Server) CloseSession(session *Session, out *Outbox) error {
	if session.state != confirmed {
		return ErrClosed
	}
	session.ch.close(session.peer, out, &s.stats.Records)
	s.remove(session, ErrClosed)
	return nil
}

// Device is the confirmed session of a named device, nil if there is none.
func (s *Server) Device(name string) *Session { return s.sessions.byDevice[name] }

// Cancel forgets a request; no event comes for it.
func (s *Server) Cancel(now time.Time, session *Session, id uint64, out *Outbox) {
	s.tell(now, session, out, func(c *coap.Conn) error {
		c.Cancel(now, id, &s.scrap)
		return nil
	})
}

// tell gives a session's CoAP something to do, and sends what comes of it.
func (s *Server) tell(now time.Time, session *Session, out *Outbox, do func(*coap.Conn) error) error {
	if session.state != confirmed {
		return ErrClosed
	}
	err := do(session.ch.coap)
	s.settle(now, session, out)
	return err
}
