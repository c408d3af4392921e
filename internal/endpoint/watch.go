package endpoint

import (
	"context"
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

// A Watch is an observation of a resource of the peer's (RFC 7641), within one session.
type Watch struct {
	endpoint *Endpoint
	id       uint64
	fresh    chan struct{} // has a value when newest is, or the end has come
	newest   *coap.Message // not yet seen
	err      error         // why there will be no more
}

// Observe sends a GET or FETCH with an Observe option of 0. The first state comes by Next. A
// server that does not agree has answered once, and the watch has ended behind that answer.
func (p *Endpoint) Observe(ctx context.Context, m coap.Message) (coap.Watch, error) {
	m.Options = WithObserve(m.Options)
	w := &Watch{endpoint: p, fresh: make(chan struct{}, 1)}
	ch := make(chan answer, 1)
	id, err := p.begin(func(now time.Time) (uint64, error) {
		return p.engine.Request(now, m, coap.RequestOptions{Timeout: timeout(ctx, now)})
	}, func(id uint64) {
		w.id, p.waiting[id] = id, ch
		p.watch(w)
	})
	if err != nil {
		return nil, err
	}
	defer leave(ctx)()
	select {
	case a := <-ch:
		if err := w.begun(a); err != nil {
			return nil, err
		}
		return w, nil
	case <-ctx.Done():
		p.cancel(id)
		return nil, ctx.Err()
	}
}

func (p *Endpoint) watch(w *Watch) {
	if p.watches == nil {
		p.watches = make(map[uint64]*Watch)
	}
	p.watches[w.id] = w
}

// begun takes the answer to the registration.
func (w *Watch) begun(a answer) error {
	w.endpoint.owner.Lock.Lock()
	defer w.endpoint.owner.Lock.Unlock()
	if a.err != nil {
		w.fail(a.err)
		return a.err
	}
	if w.newest == nil { // else a notification has come behind it
		w.put(a.message)
	} else if !goesOn(&a.message) {
		w.fail(coap.ErrObservationEnded)
	}
	return nil
}

// put takes a state, which replaces one that nobody has seen. The caller holds the lock.
func (w *Watch) put(m coap.Message) {
	w.newest = &m
	if !goesOn(&m) {
		w.fail(coap.ErrObservationEnded)
		return
	}
	w.wake()
}

// goesOn tells whether a state is not the last (RFC 7641 section 3.2).
func goesOn(m *coap.Message) bool {
	_, err := m.Options.Observe()
	return err == nil && m.Code>>5 == 2
}

func (w *Watch) wake() {
	select {
	case w.fresh <- struct{}{}:
	default:
	}
}

// fail ends the watch. What has come before can still be seen. The caller holds the lock.
func (w *Watch) fail(err error) {
	if w.err == nil {
		w.err = err
		delete(w.endpoint.watches, w.id)
		w.wake()
	}
}

// Next returns the newest state not yet seen, the first time the answer to the registration.
// Behind the last one it fails with coap.ErrObservationEnded, or why the session ended.
func (w *Watch) Next(ctx context.Context) (coap.Message, error) {
	for {
		if m, err := w.take(); m != nil || err != nil {
			if err != nil {
				return coap.Message{}, err
			}
			return *m, nil
		}
		select {
		case <-w.fresh:
		case <-ctx.Done():
			return coap.Message{}, ctx.Err()
		}
	}
}

// take returns what Next does, nothing where it has to wait.
func (w *Watch) take() (*coap.Message, error) {
	w.endpoint.owner.Lock.Lock()
	defer w.endpoint.owner.Lock.Unlock()
	m := w.newest
	w.newest = nil
	if m != nil {
		if w.err != nil {
			w.wake()
		}
		return m, nil
	}
	if w.err != nil {
		w.wake() // for the next call
	}
	return nil, w.err
}

// Cancel ends the watch, and tells the peer (RFC 7641 section 3.6).
func (w *Watch) Cancel() {
	w.endpoint.owner.Lock.Lock()
	ended := w.err != nil
	w.newest = nil
	w.fail(coap.ErrObservationEnded)
	w.endpoint.owner.Lock.Unlock()
	if !ended {
		w.endpoint.cancel(w.id)
	}
}

// WithObserve returns options with an Observe of 0, in its place, and no other.
func WithObserve(options message.Options) message.Options {
	kept := slices.Clone(withoutObserve(options))
	i := slices.IndexFunc(kept, func(o message.Option) bool { return o.ID > message.Observe })
	if i < 0 {
		i = len(kept)
	}
	return slices.Insert(kept, i, message.Option{ID: message.Observe})
}

// withoutObserve returns options without that one: a copy where it is among them.
func withoutObserve(options message.Options) message.Options {
	if !options.HasOption(message.Observe) {
		return options
	}
	return slices.DeleteFunc(slices.Clone(options), func(o message.Option) bool { return o.ID == message.Observe })
}
