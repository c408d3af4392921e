package proxy

import (
	"context"

	"github.com/pqcoap/pqcoap/coap"
)

// asksToObserve tells whether a request begins an observation (RFC 7641 section 2).
func asksToObserve(r *coap.Request) bool {
	value, err := r.Options.Observe()
	return err == nil && value == 0 && (r.Code == coap.GET || r.Code == coap.FETCH)
}

// goesOn tells whether a state is not the last (RFC 7641 section 3.2).
func goesOn(m *coap.Message) bool {
	_, err := m.Options.Observe()
	return err == nil && m.Code>>5 == 2
}

// observe observes at the upstream. The first state is the answer; where that is to be
// followed by others, and there is room here for an observation, a bridge begins.
func (h *Handler) observe(ctx context.Context, r *coap.Request, peer coap.Peer, m coap.Message, release func()) (*coap.Message, error) {
	watch, err := peer.Observe(ctx, m)
	if err != nil {
		release()
		return nil, err
	}
	first, err := watch.Next(ctx)
	if err != nil {
		watch.Cancel()
		release()
		return nil, err
	}
	answer := h.incoming(r, &first)
	b := &bridge{handler: h, request: r, watch: watch, release: release}
	if !goesOn(&first) || answer.Code>>5 != 2 || !b.begin() {
		watch.Cancel()
		release()
	}
	return answer, nil
}

// A bridge carries the states of one observation to another.
type bridge struct {
	handler *Handler
	request *coap.Request
	watch   coap.Watch
	release func()
	out     coap.Observation
}

// begin accepts the observation here, and tells whether it has.
func (b *bridge) begin() bool {
	h := b.handler
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	if b.out = b.request.Observe(); b.out == nil {
		return false
	}
	h.bridges.Go(b.run)
	return true
}

// run ends when either side does.
func (b *bridge) run() {
	defer b.release()
	defer b.watch.Cancel()
	ctx, cancel := context.WithCancel(b.handler.ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-b.out.Done():
			cancel()
		case <-stop:
		}
	}()
	for b.carry(ctx) {
	}
}

// carry carries one state, and tells whether others may follow.
func (b *bridge) carry(ctx context.Context) bool {
	state, err := b.watch.Next(ctx)
	switch {
	case ctx.Err() != nil && b.handler.ctx.Err() == nil: // the observer has gone
		return false
	case err != nil:
		b.out.Notify(failed(err)) // where it does not reach the observer, that asks again
		return false
	}
	answer := b.handler.incoming(b.request, &state)
	if err := b.out.Notify(answer); err != nil {
		b.out.Close()
		return false
	}
	if answer.Code>>5 == 2 && !goesOn(&state) { // there is no notification that says this
		b.out.Notify(unavailable(retryAfter))
		return false
	}
	return answer.Code>>5 == 2
}
