package server

import (
	"encoding/hex"
	"errors"
	"runtime/debug"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// sessionHandlers is how many handlers one session may have at work. More requests of the
// session wait, as many as the CoAP engine lets it have open, and no other session does.
const sessionHandlers = 4

// A backlog is what the server keeps for a session in Session.Owner.
type backlog struct {
	running int
	waiting []session.Event
}

// dispatch starts the handler of a request. The caller holds the lock.
func (s *Server) dispatch(now time.Time, ev session.Event) {
	b, ok := ev.Session.Owner.(*backlog)
	if !ok {
		b = new(backlog)
		ev.Session.Owner = b
	}
	switch {
	case s.closed:
	case b.running >= sessionHandlers:
		b.waiting = append(b.waiting, ev)
	case s.handlers >= s.cfg.MaxHandlers:
		s.engine.Respond(now, ev.Session, ev.ID, overloaded(), &s.out)
	default:
		b.running++
		s.handlers++
		request := s.request(ev)
		s.tasks.Go(func() { s.handle(ev, b, request) })
	}
}

// overloaded is a 5.03 that asks to come again in a second (RFC 7252 section 5.9.3.4).
func overloaded() coap.Message {
	return coap.Message{
		Code:    codes.ServiceUnavailable,
		Options: message.Options{{ID: message.MaxAge, Value: []byte{1}}},
	}
}

func (s *Server) request(ev session.Event) *coap.Request {
	id := ev.Session.ID()
	return &coap.Request{
		Message:   ev.Message,
		Device:    ev.Session.Device(),
		SessionID: hex.EncodeToString(id[:]),
		Remote:    ev.Session.Peer(),
	}
}

// handle runs a handler outside the lock and sends its response.
func (s *Server) handle(ev session.Event, b *backlog, request *coap.Request) {
	response := s.serve(request)
	s.mu.Lock()
	defer s.mu.Unlock()
	b.running--
	s.handlers--
	if s.closed {
		return
	}
	now := time.Now()
	err := s.engine.Respond(now, ev.Session, ev.ID, *response, &s.out)
	if errors.Is(err, coap.ErrFormat) { // any other error: the session has ended meanwhile
		s.log.Error("handler's response has options or a code that it must not", "device", request.Device)
		s.engine.Respond(now, ev.Session, ev.ID, coap.Message{Code: codes.InternalServerError}, &s.out)
	}
	for len(b.waiting) > 0 && b.running < sessionHandlers {
		next := b.waiting[0]
		b.waiting = b.waiting[1:]
		s.dispatch(now, next)
	}
	s.flush(now)
}

// serve calls the application. What panics is answered 5.00 and logged; other devices must not
// suffer for it.
func (s *Server) serve(request *coap.Request) (response *coap.Message) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("handler panicked", "device", request.Device, "panic", p, "stack", string(debug.Stack()))
			response = &coap.Message{Code: codes.InternalServerError}
		}
	}()
	if response = s.cfg.Handler.ServeCoAP(s.ctx, request); response == nil {
		response = &coap.Message{Code: codes.NotFound}
	}
	return response
}
