package endpoint

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

var errTest = errors.New("as the test wants it")

// started runs f and returns a channel with its outcome.
func started[T any](f func() (T, error)) <-chan result[T] {
	ch := make(chan result[T], 1)
	go func() {
		v, err := f()
		ch <- result[T]{v, err}
	}()
	synctest.Wait()
	return ch
}

type result[T any] struct {
	value T
	err   error
}

func get(options ...message.Option) coap.Message {
	return coap.Message{Code: coap.GET, Options: options}
}

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		one := started(func() (coap.Message, error) { return r.Do(t.Context(), get(observeZero)) })
		two := started(func() (coap.Message, error) { return r.Do(t.Context(), get()) })
		r.event(session.Event{Kind: session.EventResponse, ID: 2, Message: coap.Message{Code: coap.Valid}})
		r.event(session.Event{Kind: session.EventResponse, ID: 1, Err: errTest})
		if got := <-two; got.err != nil || got.value.Code != coap.Valid {
			t.Errorf("the second: %v, %v", got.value.Code, got.err)
		}
		if got := <-one; !errors.Is(got.err, errTest) {
			t.Errorf("the first: %v", got.err)
		}
		if _, err := r.engine.requests[1].Options.Observe(); err == nil {
			t.Error("Do observes what nobody will look at")
		}
		r.event(session.Event{Kind: session.EventResponse, ID: 2}) // twice
		r.event(session.Event{Kind: session.EventResponse, ID: 77})
		if len(r.waiting) != 0 {
			t.Errorf("%d are waited for", len(r.waiting))
		}
	})
}

func TestDoRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		r.engine.refuse = coap.ErrFormat
		if _, err := r.Do(t.Context(), get()); !errors.Is(err, coap.ErrFormat) {
			t.Errorf("Do: %v", err)
		}
		if _, err := r.Observe(t.Context(), get()); !errors.Is(err, coap.ErrFormat) {
			t.Errorf("Observe: %v", err)
		}
		if err := r.Ping(t.Context()); !errors.Is(err, coap.ErrFormat) {
			t.Errorf("Ping: %v", err)
		}
		if len(r.waiting)+len(r.watches) != 0 {
			t.Error("something is left of what was never sent")
		}
	})
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		pong := started(func() (struct{}, error) { return struct{}{}, r.Ping(t.Context()) })
		r.event(session.Event{Kind: session.EventPong, ID: 1})
		if got := <-pong; got.err != nil {
			t.Error(got.err)
		}
	})
}

// The context ends the wait, and the engine is told. Its deadline is the engine's.
func TestDoContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		if _, err := r.Do(ctx, get()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do: %v", err)
		}
		if got := r.engine.timeouts[1]; got != 7*time.Second {
			t.Errorf("the engine was given %v", got)
		}
		if _, err := r.Do(ctx, get()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do behind the deadline: %v", err)
		}
		if _, err := r.Observe(ctx, get()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Observe behind the deadline: %v", err)
		}
		if got := r.engine.timeouts[2]; got != time.Nanosecond {
			t.Errorf("the engine was given %v of a time that has passed", got)
		}
		if len(r.engine.cancelled) != 3 || len(r.waiting)+len(r.watches) != 0 {
			t.Errorf("cancelled %v, %d and %d are left", r.engine.cancelled, len(r.waiting), len(r.watches))
		}
	})
}

// The end of the session ends all, and nothing begins behind it.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		do := started(func() (coap.Message, error) { return r.Do(t.Context(), get()) })
		begun := started(func() (coap.Watch, error) { return r.Observe(t.Context(), get()) })
		r.event(session.Event{Kind: session.EventResponse, ID: 2, Message: state("", observeZero)})
		w := (<-begun).value
		late := started(func() (coap.Watch, error) { return r.Observe(t.Context(), get()) })
		r.under(func() { r.End(errTest) })
		r.under(func() { r.End(session.ErrClosed) }) // the first reason counts
		if got := <-do; !errors.Is(got.err, errTest) {
			t.Errorf("Do: %v", got.err)
		}
		if got := <-late; !errors.Is(got.err, errTest) {
			t.Errorf("Observe: %v", got.err)
		}
		if w == nil {
			t.Fatal("not observed")
		}
		w.Next(t.Context()) // the first state
		if _, err := w.Next(t.Context()); !errors.Is(err, errTest) {
			t.Errorf("Next: %v", err)
		}
		<-r.Done()
		if _, err := r.Do(t.Context(), get()); !errors.Is(err, errTest) || !errors.Is(r.Err(), errTest) {
			t.Errorf("Do behind the end: %v, Err: %v", err, r.Err())
		}
		w.Cancel()
		if len(r.engine.cancelled) != 0 {
			t.Error("the engine of an ended session was told to cancel")
		}
	})
}

func TestAddresses(t *testing.T) {
	r := newRig(t, 1, nil)
	if r.LocalAddr() != r.engine.LocalAddr() || r.RemoteAddr() != r.engine.RemoteAddr() {
		t.Errorf("addresses %v and %v", r.LocalAddr(), r.RemoteAddr())
	}
	if err := r.Close(); err != nil || !r.engine.closed {
		t.Errorf("Close: %v", err)
	}
}
