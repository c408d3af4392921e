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

// endpointOf is that of a session which is awake. It is made when it is needed, and kept until the
// session rests. The caller holds the lock.
func (s *shard) endpointOf(one *session.Session) *endpoint.Endpoint {
	if p, ok := one.Owner.(*endpoint.Endpoint); ok {
		return p
	}
	p := endpoint.New(s.owner, &engine{s, one})
	id := one.ID()
	p.Device, p.SessionID, p.Self = one.Device(), hex.EncodeToString(id[:]), peer{s, one.Ref()}
	if front := s.identity.front; front != nil && isEnrolling(one.Device()) {
		p.Handler = front.Enrolling(one.Holder().Credential.ID)
	}
	one.Owner = p
	return p
}

// request gives a request to its endpoint, if its device may ask so much. The caller holds the
// lock.
func (s *shard) request(now time.Time, ev session.Event) {
	if wait := s.engine.Spend(now, ev.Session); wait > 0 {
		s.engine.Respond(now, ev.Session, ev.ID, tooMany(wait), nil, &s.out)
		return
	}
	s.endpointOf(ev.Session).Take(now, ev)
}

// tooMany is a 4.29 (RFC 8516): its Max-Age is for how long the device is to be quiet.
func tooMany(wait time.Duration) coap.Message {
	m := coap.Message{Code: coap.TooManyRequests}
	m.Options = message.Options{{ID: message.MaxAge, Value: []byte{byte(min(255, wait/time.Second+1))}}}
	return m
}

// letGo is asked, under the lock, before a session rests.
func (s *Server) letGo(one *session.Session) bool {
	if p, ok := one.Owner.(*endpoint.Endpoint); ok && !p.LetGo() {
		return false
	}
	s.left(one) // it may end without having been awake again
	return true
}

// An engine is the CoAP of one session, as its endpoint sees it.
type engine struct {
	shard   *shard
	session *session.Session
}

func (e *engine) Request(now time.Time, m coap.Message, opt coap.RequestOptions) (uint64, error) {
	return e.shard.engine.Request(now, e.session, m, opt, &e.shard.out)
}

func (e *engine) Ping(now time.Time) (uint64, error) {
	return e.shard.engine.Ping(now, e.session, &e.shard.out)
}

func (e *engine) Cancel(now time.Time, id uint64) {
	e.shard.engine.Cancel(now, e.session, id, &e.shard.out)
}

func (e *engine) Respond(now time.Time, id uint64, m coap.Message, body coap.Body) error {
	return e.shard.engine.Respond(now, e.session, id, m, body, &e.shard.out)
}

func (e *engine) Consumed(now time.Time, id uint64, n int) {
	e.shard.engine.Consumed(now, e.session, id, n, &e.shard.out)
}

func (e *engine) ConsumedRequest(now time.Time, id uint64, n int) {
	e.shard.engine.ConsumedRequest(now, e.session, id, n, &e.shard.out)
}

func (e *engine) Notify(now time.Time, id uint64, m coap.Message) error {
	return e.shard.engine.Notify(now, e.session, id, m, &e.shard.out)
}

func (e *engine) EndObservation(now time.Time, id uint64) {
	e.shard.engine.EndObservation(now, e.session, id)
}

func (e *engine) Room() bool { return e.shard.engine.Room(e.session) }

// LocalAddr is where the device has found the server.
func (e *engine) LocalAddr() netip.AddrPort {
	local := e.shard.port.LocalAddr()
	if at := e.session.At(); at.IsValid() {
		local = netip.AddrPortFrom(at, local.Port())
	}
	return local
}

func (e *engine) RemoteAddr() netip.AddrPort { return e.session.Peer() }

func (e *engine) Flush(now time.Time) { e.shard.flush(now) }

func (e *engine) Close() error { return peer{e.shard, e.session.Ref()}.Close() }
