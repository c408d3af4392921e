package endpoint

import (
	"context"
	"errors"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A job is one request that the handler has, and the context of its call. All but the request
// is under the lock. One that has ended serves again, so that a request costs no allocation.
type job struct {
	context.Context
	place    place
	endpoint *Endpoint
	id       uint64
	request  coap.Request
	observed *observation // it has accepted one
	deferred bool         // the response comes when the handler has returned
	answered bool
	turn     uint64 // of the owner's workers, when it came

	register func() coap.Observation
	postpone func() func(*coap.Message) error
}

// Value implements context.Context: see leave.
func (j *job) Value(key any) any {
	if key == (placeKey{}) {
		return &j.place
	}
	return j.Context.Value(key)
}

// job makes one of a request. The caller holds the lock.
func (p *Endpoint) job(ev session.Event) *job {
	j := p.owner.unused()
	j.Context, j.endpoint, j.id = p.owner.Context, p, ev.ID
	j.place.endpoint, j.place.left = p, false
	j.request = coap.Request{
		Message: ev.Message, Device: p.Device, SessionID: p.SessionID, Remote: p.engine.RemoteAddr(), Peer: p.Self,
		Postpone: j.postpone,
	}
	value, err := ev.Message.Options.Observe()
	if err == nil && value == 0 && (ev.Message.Code == coap.GET || ev.Message.Code == coap.FETCH) {
		j.request.Register = j.register
	}
	if s := p.uploads[ev.ID]; s != nil {
		s.place = &j.place
		j.request.Body = s
	}
	return j
}

// accept is coap.Request.Observe: nil where there is no room for an observation.
func (j *job) accept() coap.Observation {
	p := j.endpoint
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	if j.observed == nil {
		if p.err != nil || j.answered || len(p.served) >= maxServed || !p.engine.Room() {
			return nil
		}
		j.observed = p.observation(j.id, &j.request.Message)
	}
	return j.observed
}

// later is coap.Request.Defer.
func (j *job) later() func(*coap.Message) error {
	j.endpoint.owner.Lock.Lock()
	defer j.endpoint.owner.Lock.Unlock()
	j.deferred = true
	return j.answer
}

// answer takes the response to a request that was deferred.
func (j *job) answer(response *coap.Message) error {
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

// done sends the response of a handler that has returned. The caller holds the lock.
func (j *job) done(response *coap.Message) {
	p := j.endpoint
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
	p.owner.reuse(j)
	p.next(now)
	p.owner.send(now, p)
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
