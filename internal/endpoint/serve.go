package endpoint

import (
	"context"
	"errors"
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
		job := &job{place: place{endpoint: p}, endpoint: p, id: ev.ID}
		job.request = p.request(ev, job)
		p.owner.Tasks.Go(job.run)
	}
}

// expect makes the stream of a request whose body is still to come.
func (p *Endpoint) expect(ev session.Event) {
	if !ev.More || p.uploads[ev.ID] != nil {
		return
	}
	if p.uploads == nil {
		p.uploads = make(map[uint64]*stream)
	}
	p.uploads[ev.ID] = newStream(p, func(now time.Time, n int) { p.engine.ConsumedRequest(now, ev.ID, n) })
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

func (p *Endpoint) request(ev session.Event, j *job) *coap.Request {
	r := &coap.Request{
		Message: ev.Message, Device: p.Device, SessionID: p.SessionID, Remote: p.engine.RemoteAddr(), Peer: p,
		Postpone: j.postpone,
	}
	value, err := ev.Message.Options.Observe()
	if err == nil && value == 0 && (ev.Message.Code == coap.GET || ev.Message.Code == coap.FETCH) {
		r.Register = j.register
	}
	if s := p.uploads[ev.ID]; s != nil {
		s.place = &j.place
		r.Body = s
	}
	return r
}

// A job is one request that the handler has. All but the request is under the lock.
type job struct {
	place    place
	endpoint *Endpoint
	id       uint64
	request  *coap.Request
	observed *observation // it has accepted one
	deferred bool         // the response comes when the handler has returned
	answered bool
}

// register accepts an observation, nil where there is no room for one.
func (j *job) register() coap.Observation {
	p := j.endpoint
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	if j.observed == nil {
		if p.err != nil || j.answered || len(p.served) >= maxServed || !p.engine.Room() {
			return nil
		}
		j.observed = p.observation(j.id, j.request.Message)
	}
	return j.observed
}

// postpone is coap.Request.Defer.
func (j *job) postpone() func(*coap.Message) error {
	j.endpoint.owner.Lock.Lock()
	defer j.endpoint.owner.Lock.Unlock()
	j.deferred = true
	return j.later
}

// later takes the response to a request that was deferred.
func (j *job) later(response *coap.Message) error {
	p := j.endpoint
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	switch {
	case p.err != nil:
		return p.err
	case j.answered:
		return coap.ErrUnknownRequest
	}
	now := time.Now()
	j.respond(now, response)
	p.engine.Flush(now)
	return nil
}

// run calls the handler outside the lock and sends its response.
func (j *job) run() {
	p := j.endpoint
	response := p.serve(context.WithValue(p.owner.Context, placeKey{}, &j.place), j.request)
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	j.place.quit()
	p.owner.handlers--
	if p.err != nil {
		closeBody(j.request.Content)
		return
	}
	now := time.Now()
	if !j.answered && (response != nil || !j.deferred) {
		j.respond(now, response)
	}
	p.next(now)
	p.engine.Flush(now)
}

// respond sends a response, 4.04 where there is none. The caller holds the lock.
func (j *job) respond(now time.Time, response *coap.Message) {
	p, o := j.endpoint, j.observed
	j.answered = true
	m := coap.Message{Code: codes.NotFound}
	if response != nil {
		m = *response
	}
	if o != nil && m.Code>>5 == 2 {
		m.Options = WithObserve(m.Options)
	} else { // or the engine would take it for an observation, which nobody has
		m.Options = withoutObserve(m.Options)
	}
	err := p.engine.Respond(now, j.id, m, j.request.Content)
	p.answered(j.id)
	if err != nil {
		closeBody(j.request.Content)
	}
	if errors.Is(err, coap.ErrFormat) { // any other error: the session has ended meanwhile
		p.owner.Log.Error("handler's response has options or a code that it must not", "device", p.Device)
		p.engine.Respond(now, j.id, coap.Message{Code: codes.InternalServerError}, nil)
	}
	if o != nil {
		o.begin(now, err == nil && m.Code>>5 == 2)
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
