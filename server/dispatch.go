package server

import (
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
)

// open makes the endpoint of a session, which the session keeps. The caller holds the lock.
func (s *Server) open(opened *session.Session) {
	p := endpoint.New(s.owner, &engine{s, opened})
	id := opened.ID()
	p.Device, p.SessionID = opened.Device(), hex.EncodeToString(id[:])
	if front := s.identity.front; front != nil && isEnrolling(opened.Device()) {
		p.Handler = front.Enrolling(opened.Credential().ID)
	}
	opened.Owner = p
}

// request gives a request to its endpoint, if its device may ask so much. The caller holds the
// lock.
func (s *Server) request(now time.Time, ev session.Event) {
	if wait := s.engine.Spend(now, ev.Session); wait > 0 {
		s.engine.Respond(now, ev.Session, ev.ID, tooMany(wait), nil, &s.out)
		return
	}
	endpointOf(ev.Session).Take(now, ev)
}

// tooMany is a 4.29 (RFC 8516): its Max-Age is for how long the device is to be quiet.
func tooMany(wait time.Duration) coap.Message {
	m := coap.Message{Code: coap.TooManyRequests}
	m.Options = message.Options{{ID: message.MaxAge, Value: []byte{byte(min(255, wait/time.Second+1))}}}
	return m
}

// endpointOf is that of a session which has opened.
func endpointOf(s *session.Session) *endpoint.Endpoint { return s.Owner.(*endpoint.Endpoint) }

// Device is the session that a device has open, by its authenticated name: what it can be
// asked through. It is nil where the device is not connected.
func (s *Server) Device(name string) coap.Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if opened := s.engine.Device(name); opened != nil {
		return endpointOf(opened)
	}
	return nil
}

// An engine is the CoAP of one session, as its endpoint sees it.
type engine struct {
	server  *Server
	session *session.Session
}

func (e *engine) Request(now time.Time, m coap.Message, opt coap.RequestOptions) (uint64, error) {
	return e.server.engine.Request(now, e.session, m, opt, &e.server.out)
}

func (e *engine) Ping(now time.Time) (uint64, error) {
	return e.server.engine.Ping(now, e.session, &e.server.out)
}

func (e *engine) Cancel(now time.Time, id uint64) {
	e.server.engine.Cancel(now, e.session, id, &e.server.out)
}

func (e *engine) Respond(now time.Time, id uint64, m coap.Message, body coap.Body) error {
	return e.server.engine.Respond(now, e.session, id, m, body, &e.server.out)
}

func (e *engine) Consumed(now time.Time, id uint64, n int) {
	e.server.engine.Consumed(now, e.session, id, n, &e.server.out)
}

func (e *engine) ConsumedRequest(now time.Time, id uint64, n int) {
	e.server.engine.ConsumedRequest(now, e.session, id, n, &e.server.out)
}

func (e *engine) Notify(now time.Time, id uint64, m coap.Message) error {
	return e.server.engine.Notify(now, e.session, id, m, &e.server.out)
}

func (e *engine) EndObservation(now time.Time, id uint64) {
	e.server.engine.EndObservation(now, e.session, id)
}

func (e *engine) Room() bool { return e.server.engine.Room(e.session) }

func (e *engine) LocalAddr() netip.AddrPort { return localAddr(e.server.socket) }

func (e *engine) RemoteAddr() netip.AddrPort { return e.session.Peer() }

func (e *engine) Flush(now time.Time) { e.server.flush(now) }

// Close ends the session and tells the device.
func (e *engine) Close() error {
	s := e.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	err := s.engine.CloseSession(time.Now(), e.session, &s.out)
	s.flush(time.Now())
	return err
}

// localAddr is the address of a socket.
func localAddr(socket PacketConn) netip.AddrPort {
	addr, err := netip.ParseAddrPort(socket.LocalAddr().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return addr
}
