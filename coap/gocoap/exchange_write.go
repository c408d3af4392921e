package gocoap

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/pool"
)

// write sends a message with the token of the exchange.
func (x *exchange) write(m *pool.Message) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case !x.answered:
		respond := x.request.Defer()
		response, err := x.answer(m)
		if err != nil {
			return err
		}
		return respond(response)
	case x.observed != nil:
		return x.notify(m)
	case x.leaving && !m.HasOption(message.Observe):
		return nil // the session has answered the one who leaves
	}
	return ErrNoRequest
}

// notify sends a new state. The caller holds x.mu.
func (x *exchange) notify(m *pool.Message) error {
	state, observes, err := outgoing(m)
	if err != nil {
		return err
	}
	o := x.observed
	if err := o.Notify(&state); err != nil {
		return fmt.Errorf("%w: %w", ErrNoRequest, err)
	}
	if !observes || class(state.Code) != 2 {
		x.observed = nil // the handler has ended it, and need not be told
		o.Close()
	}
	return nil
}

// observe begins an observation, and tells whether there is one. The caller holds x.mu.
func (x *exchange) observe() bool {
	if !x.conn.reserve() {
		return false
	}
	if x.observed = x.request.Observe(); x.observed == nil {
		x.conn.unreserve(x)
		return false
	}
	go x.watch(x.observed.Done())
	return true
}

// reserve takes a place for an observation, where there is one.
func (c *conn) reserve() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.observed >= maxObserved {
		return false
	}
	c.observed++
	return true
}

// unreserve gives the place back, and forgets the exchange.
func (c *conn) unreserve(x *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observed--
	delete(c.exchanges, string(x.token))
}

// watch waits for the end of an observation.
func (x *exchange) watch(done <-chan struct{}) {
	<-done
	x.mu.Lock()
	x.leaving = x.observed != nil && !x.conn.over()
	x.observed = nil
	x.mu.Unlock()
	if x.leaving {
		x.leave()
	}
	x.conn.unreserve(x)
}

// leave tells the handler that the observer is gone, as go-coap does when it asks to be: by
// the request again with an Observe of 1. The response is dropped: the session has answered.
// One at a time: a device that comes and goes must not have more handlers at work than others.
func (x *exchange) leave() {
	select {
	case x.conn.leaving <- struct{}{}:
		defer func() { <-x.conn.leaving }()
	case <-x.conn.peer.Done():
		return
	}
	defer func() {
		if v := recover(); v != nil {
			slog.Error("handler panicked", "device", x.request.Device, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	r := x.request
	r.Options = slices.Clone(r.Options)
	for i, o := range r.Options {
		if o.ID == message.Observe {
			r.Options[i].Value = []byte{1}
		}
	}
	w := x.conn.writer(x.token, r.Options)
	x.conn.serve(x.conn.context, x.handler, w, x.token, &r)
	x.conn.ReleaseMessage(w.Message())
}
