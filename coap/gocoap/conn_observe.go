package gocoap

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"

	"github.com/pqcoap/pqcoap/coap"
)

// ErrRefused says that a request to observe was answered with another code than 2.05 or 2.03.
var ErrRefused = errors.New("gocoap: observation refused")

// A watch is an observation of the peer's resource, as go-coap has it.
type watch struct {
	conn     *conn
	watch    coap.Watch
	token    message.Token
	ctx      context.Context
	stop     context.CancelFunc
	canceled atomic.Bool
}

// doObserve observes, behind go-coap's DoObserve. The context of the request is that of the
// registration alone.
func (c *conn) doObserve(m *pool.Message, notify func(*pool.Message)) (limitsObservation, error) {
	if value, err := m.Observe(); err != nil || value != 0 {
		return nil, fmt.Errorf("%w: an observation needs an Observe of 0", ErrMessage)
	}
	request, err := outgoingRequest(m)
	if err != nil {
		return nil, err
	}
	observed, err := c.peer.Observe(m.Context(), request)
	if err != nil {
		return nil, err
	}
	first, err := observed.Next(m.Context())
	if err == nil && first.Code != codes.Content && first.Code != codes.Valid {
		err = fmt.Errorf("%w: %v", ErrRefused, first.Code)
	}
	if err != nil {
		observed.Cancel()
		return nil, err
	}
	w := &watch{conn: c, watch: observed, token: m.Token()}
	w.ctx, w.stop = context.WithCancel(c.context)
	w.canceled.Store(!first.Options.HasOption(message.Observe)) // there was one state to see
	go w.run(first, notify)
	return w, nil
}

// run hands states on until there are no more.
func (w *watch) run(state coap.Message, notify func(*pool.Message)) {
	defer w.finish()
	var err error
	for err == nil {
		m := w.conn.incoming(w.ctx, w.token, &state)
		notify(m)
		if !m.IsHijacked() {
			w.conn.ReleaseMessage(m)
		}
		state, err = w.watch.Next(w.ctx)
	}
}

func (w *watch) finish() {
	w.canceled.Store(true)
	w.stop()
	w.watch.Cancel()
}

// Cancel ends the observation and tells the peer. It does not wait for an answer.
func (w *watch) Cancel(context.Context, ...message.Option) error {
	w.finish()
	return nil
}

// Canceled tells whether the observation has ended.
func (w *watch) Canceled() bool { return w.canceled.Load() }

type limitsObservation = interface {
	Cancel(ctx context.Context, opts ...message.Option) error
	Canceled() bool
}
