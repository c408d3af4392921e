package endpoint

import (
	"bytes"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

// An observation is the peer's of a resource of ours.
type observation struct {
	endpoint *Endpoint
	id       uint64
	request  coap.Message // what EndDenied judges by
	done     chan struct{}
	ended    bool
	open     bool          // the response has gone out
	pending  *coap.Message // the newest state before that
}

// observation begins one, which waits for the response to request id.
func (p *Endpoint) observation(id uint64, request *coap.Message) *observation {
	o := &observation{endpoint: p, id: id, request: judged(request), done: make(chan struct{})}
	if p.served == nil {
		p.served = make(map[uint64]*observation)
	}
	p.served[id] = o
	return o
}

// begin opens the observation behind the handler's response. The caller holds the lock.
func (o *observation) begin(now time.Time, agreed bool) {
	switch {
	case o.ended && agreed: // the handler has closed it already
		o.endpoint.engine.EndObservation(now, o.id)
	case o.ended:
	case !agreed:
		o.end()
	default:
		o.open = true
		if o.pending == nil {
			return
		}
		if err := o.send(now, *o.pending); err != nil && !o.ended { // Notify could not tell
			o.endpoint.owner.Log.Error("handler's notification has options or a code that it must not", "device", o.endpoint.Device)
		}
		o.pending = nil
	}
}

// Notify implements coap.Observation.
func (o *observation) Notify(m *coap.Message) error {
	p := o.endpoint
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	switch {
	case o.ended:
		return coap.ErrObservationEnded
	case !o.open:
		if o.pending == nil || o.pending.Code>>5 == 2 { // else it has ended
			state := *m
			o.pending = &state
		}
		return nil
	}
	now := time.Now()
	err := o.send(now, *m)
	p.engine.Flush(now)
	return err
}

func (o *observation) send(now time.Time, m coap.Message) error {
	err := o.endpoint.engine.Notify(now, o.id, m)
	if gone(err) {
		o.end()
		return coap.ErrObservationEnded
	}
	if err == nil && m.Code>>5 != 2 {
		o.end()
	}
	return err
}

// Done implements coap.Observation.
func (o *observation) Done() <-chan struct{} { return o.done }

// Close implements coap.Observation.
func (o *observation) Close() {
	p := o.endpoint
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	if o.open && !o.ended && p.err == nil {
		p.engine.EndObservation(time.Now(), o.id)
	}
	o.end()
}

// end closes Done, once. The caller holds the lock.
func (o *observation) end() {
	if !o.ended {
		o.ended = true
		delete(o.endpoint.served, o.id)
		close(o.done)
	}
}

// judged is what is kept of a request while its resource is observed: method and path.
func judged(m *coap.Message) coap.Message {
	kept := coap.Message{Code: m.Code}
	for _, o := range m.Options {
		if o.ID == message.URIPath {
			kept.Options = append(kept.Options, message.Option{ID: o.ID, Value: bytes.Clone(o.Value)})
		}
	}
	return kept
}
