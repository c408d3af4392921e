package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

const (
	// registerAgain is how long behind its Max-Age a state may be followed by a newer one,
	// until the server is asked anew: 5 to 15 s (RFC 7641 section 3.3.1).
	registerAgain = 5 * time.Second
	registerSpare = 10 * time.Second
	// A registration that fails is tried again after 1 s, and then less and less often.
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// Observe observes a resource (RFC 7641): m is a GET or FETCH. The first state comes by the
// Watch's Next. The observation outlives sessions: when one has ended, or nothing newer has
// come in the time that the newest state is good for, Next asks the server anew; so Next has
// to be called for an observation to go on. It fails for good where the server refuses the
// device, and with coap.ErrObservationEnded behind a state that is the last.
func (c *Conn) Observe(ctx context.Context, m coap.Message) (coap.Watch, error) {
	w := &watch{conn: c, request: m}
	if err := w.register(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// Watch observes the resource at a path, which may have a query: see [Conn.Observe].
func (c *Conn) Watch(ctx context.Context, path string) (coap.Watch, error) {
	options, err := pathOptions(path, nil)
	if err != nil {
		return nil, err
	}
	return c.Observe(ctx, coap.Message{Code: coap.GET, Options: options})
}

// A watch is an observation across sessions. Next is called by one goroutine at a time.
type watch struct {
	conn    *Conn
	request coap.Message
	staleAt time.Time // when the newest state is too old to be the newest

	mu        sync.Mutex
	current   coap.Watch // within the session that is open
	cancelled bool
}

// register asks the server, in a session that is opened where there is none.
func (w *watch) register(ctx context.Context) error {
	ctx, cancel := limit(ctx)
	defer cancel()
	if held, err := w.conn.patience.wait(ctx, &w.request); held != nil || err != nil {
		return errors.Join(err, errHeld)
	}
	end, err := w.conn.ready(ctx)
	if err != nil {
		return err
	}
	current, err := end.Observe(ctx, w.request)
	if err != nil {
		return err
	}
	w.staleAt = time.Now().Add(defaultMaxAge)
	return w.replace(current)
}

var errHeld = errors.New("node: the server has asked to be asked later")

// replace sets the observation within the session that is open.
func (w *watch) replace(current coap.Watch) error {
	w.mu.Lock()
	old, cancelled := w.current, w.cancelled
	w.current = current
	w.mu.Unlock()
	if cancelled {
		old = current
	}
	if old != nil {
		old.Cancel()
	}
	if cancelled {
		return coap.ErrObservationEnded
	}
	return nil
}

// Next implements coap.Watch.
func (w *watch) Next(ctx context.Context) (coap.Message, error) {
	retry := firstRetry
	for {
		m, err := w.next(ctx)
		switch {
		case err == nil && w.conn.patience.note(time.Now(), &w.request, &m): // come again
		case err == nil:
			w.staleAt = time.Now().Add(maxAge(&m) + registerAgain + rand.N(registerSpare))
			return m, nil
		case ctx.Err() != nil:
			return m, ctx.Err()
		case w.over(err):
			return m, err
		}
		for err = w.register(ctx); err != nil; err = w.register(ctx) {
			if w.over(err) {
				return coap.Message{}, err
			}
			select {
			case <-time.After(retry/2 + rand.N(retry)):
			case <-ctx.Done():
				return coap.Message{}, ctx.Err()
			}
			retry = min(2*retry, lastRetry)
		}
	}
}

// next waits for a state in the session that is open, until one is overdue.
func (w *watch) next(ctx context.Context) (coap.Message, error) {
	w.mu.Lock()
	current := w.current
	w.mu.Unlock()
	ctx, cancel := context.WithDeadline(ctx, w.staleAt)
	defer cancel()
	return current.Next(ctx)
}

// over tells whether an error is not one that another try, or another session, may help.
func (w *watch) over(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	var refusal *handshake.Refusal
	return w.cancelled || errors.Is(err, coap.ErrObservationEnded) || errors.Is(err, ErrClosed) ||
		errors.As(err, &refusal) || errors.Is(err, coap.ErrFormat) || errors.Is(err, coap.ErrTooLarge)
}

// Cancel implements coap.Watch.
func (w *watch) Cancel() {
	w.mu.Lock()
	w.cancelled = true
	current := w.current
	w.mu.Unlock()
	current.Cancel()
}
