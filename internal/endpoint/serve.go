package endpoint

import (
	"context"
	"io"
	"runtime/debug"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// ownHandlers is how many handlers one session may have at work. More requests of the
// session wait, as many as the CoAP engine lets it have open, and no other session does.
const ownHandlers = 4

// dispatch starts the handler of a request. The caller holds the lock.
func (p *Endpoint) dispatch(now time.Time, ev session.Event) {
	switch {
	case p.err != nil:
	case p.handler() == nil:
		p.engine.Respond(now, ev.ID, coap.Message{Code: codes.NotFound}, nil)
	case p.running >= ownHandlers:
		p.expect(ev)
		p.backlog = append(p.backlog, ev)
	case p.owner.working >= p.owner.Most:
		p.engine.Respond(now, ev.ID, overloaded(), nil)
		p.answered(ev.ID)
	default:
		p.expect(ev)
		p.occupy(+1)
		p.owner.handlers++
		p.owner.start(now, p.job(ev))
	}
}

// expect makes the stream of a request whose body is still to come.
func (p *Endpoint) expect(ev session.Event) {
	if ev.More && p.uploads[ev.ID] == nil {
		p.upload(ev.ID)
	}
}

func (p *Endpoint) upload(id uint64) {
	if p.uploads == nil {
		p.uploads = make(map[uint64]*stream)
	}
	p.uploads[id] = newStream(p, func(now time.Time, n int) { p.engine.ConsumedRequest(now, id, n) })
}

// answered ends the stream of a request.
func (p *Endpoint) answered(id uint64) {
	p.uploads[id].fail(errAnswered)
	delete(p.uploads, id)
}

// maxServed is how many observations of one session may be open, or about to be: as many as
// the engine has room for. Those that wait for their response count, or two could be promised
// the last place.
const maxServed = 64

// overloaded is a 5.03 that asks to come again in a second (RFC 7252 section 5.9.3.4).
func overloaded() coap.Message {
	return coap.Message{
		Code:    codes.ServiceUnavailable,
		Options: message.Options{{ID: message.MaxAge, Value: []byte{1}}},
	}
}

func closeBody(body coap.Body) {
	if c, ok := body.(io.Closer); ok {
		c.Close()
	}
}

// next starts handlers of requests that waited. The caller holds the lock.
func (p *Endpoint) next(now time.Time) {
	for len(p.backlog) > 0 && p.running < ownHandlers {
		ev := p.backlog[0]
		p.backlog = p.backlog[1:]
		p.dispatch(now, ev)
	}
}

// serve calls the application; nil is no response, or none yet. What panics is answered 5.00
// and logged; other devices must not suffer for it.
func (p *Endpoint) serve(ctx context.Context, request *coap.Request) (response *coap.Message) {
	defer func() {
		if v := recover(); v != nil {
			p.owner.Log.Error("handler panicked", "device", request.Device, "panic", v, "stack", string(debug.Stack()))
			response = &coap.Message{Code: codes.InternalServerError}
		}
	}()
	return p.handler().ServeCoAP(ctx, request)
}

// handler is what serves the session, nil where nothing does.
func (p *Endpoint) handler() coap.Handler {
	if p.Handler != nil {
		return p.Handler
	}
	return p.owner.Handler
}
