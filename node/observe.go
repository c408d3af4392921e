package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/endpoint"
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

// ErrLater says that the server does not want to be asked for a path before a time that is
// beyond the context's deadline: see [Conn.Do].
var ErrLater = errors.New("node: the server has asked to be asked later")

// Observe observes a resource (RFC 7641): m is a GET or FETCH. The first state comes by the
// Watch's Next. The observation outlives sessions: when one has ended, or nothing newer has
// come in the time that the newest state is good for, Next asks the server anew; so Next has
// to be called for an observation to go on. It fails for good where the server refuses the
// device, and with coap.ErrObservationEnded behind a state that is the last.
func (c *Conn) Observe(ctx context.Context, m coap.Message) (coap.Watch, error) {
	return c.observe(ctx, &watch{conn: c, request: m, patient: true, ready: c.ready})
}

// observe begins a watch of which life and the state are not set.
func (c *Conn) observe(ctx context.Context, w *watch) (coap.Watch, error) {
	w.life, w.stop = context.WithCancel(c.owner.Context)
	if err := w.register(ctx); err != nil {
		w.stop()
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
	staleAt time.Time       // when the newest state is too old to be the newest
	life    context.Context // until Cancel, or the Conn is closed
	stop    context.CancelFunc
	// patient has Next wait where the server asks to come again, also before the first state.
	patient bool
	ready   func(context.Context) (*endpoint.Endpoint, error) // opens a session where there is none

	mu        sync.Mutex
	current   coap.Watch // within the session that is open
	cancelled bool
}

// register asks the server, in a session that is opened where there is none.
func (w *watch) register(ctx context.Context) error {
	ctx, cancel := limit(ctx)
	defer cancel()
	held, err := w.conn.patience.wait(ctx, w.conn.gone, &w.request)
	switch {
	case err != nil:
		return err
	case held != nil:
		return ErrLater
	}
	end, err := w.ready(ctx)
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
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.life, cancel)()
	for {
		m, err := w.next(within)
		switch {
		case err == nil && w.conn.patience.note(time.Now(), &w.request, &m) && w.patient: // come again
		case err == nil:
			w.patient = true
			w.staleAt = time.Now().Add(maxAge(&m) + registerAgain + rand.N(registerSpare))
			return m, nil
		case within.Err() != nil || w.over(err):
			return m, w.reason(ctx, err)
		}
		if err := w.again(within); err != nil {
			return coap.Message{}, w.reason(ctx, err)
		}
	}
}

// again registers anew, and tries until that succeeds or no other try can. A try takes no
// longer than a request, whatever ctx allows: behind one that fails in silence there is
// another session.
func (w *watch) again(ctx context.Context) error {
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		try, cancel := context.WithTimeout(ctx, requestTime)
		err := w.register(try)
		cancel()
		if err == nil || ctx.Err() != nil || w.over(err) {
			return err
		}
		select {
		case <-time.After(retry/2 + rand.N(retry)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reason is what Next fails with: the end of the watch, of the Conn or of ctx comes before
// what that has led to.
func (w *watch) reason(ctx context.Context, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.cancelled:
		return coap.ErrObservationEnded
	case w.life.Err() != nil:
		return ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
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
	w.stop()
	current.Cancel()
}
