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

func state(body string, options ...message.Option) coap.Message {
	return coap.Message{Code: coap.ContentCode, Options: options, Payload: []byte(body)}
}

// begin observes and has the peer agree.
func (r *rig) watching(first coap.Message) coap.Watch {
	r.t.Helper()
	begun := started(func() (coap.Watch, error) { return r.Observe(r.t.Context(), get()) })
	r.event(session.Event{Kind: session.EventResponse, ID: r.engine.lastID, Message: first})
	got := <-begun
	if got.err != nil {
		r.t.Fatal(got.err)
	}
	return got.value
}

func (r *rig) news(m coap.Message) {
	r.event(session.Event{Kind: session.EventNotification, ID: r.engine.lastID, Message: m})
}

// sees checks what Next returns.
func sees(t *testing.T, w coap.Watch, want string) {
	t.Helper()
	if m, err := w.Next(t.Context()); err != nil || string(m.Payload) != want {
		t.Errorf("Next: %q, %v, want %q", m.Payload, err, want)
	}
}

func ended(t *testing.T, w coap.Watch, want error) {
	t.Helper()
	for range 2 {
		if m, err := w.Next(t.Context()); !errors.Is(err, want) {
			t.Errorf("Next: %q, %v, want %v", m.Payload, err, want)
		}
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		w := r.watching(state("1", observeZero))
		if value, err := r.engine.requests[1].Options.Observe(); err != nil || value != 0 {
			t.Errorf("asked with Observe %d, %v", value, err)
		}
		sees(t, w, "1")
		r.news(state("2", observeZero))
		r.news(state("3", observeZero)) // nobody has looked
		sees(t, w, "3")
		next := started(func() (coap.Message, error) { return w.Next(t.Context()) })
		select {
		case got := <-next:
			t.Fatalf("Next does not wait: %q, %v", got.value.Payload, got.err)
		default:
		}
		r.news(state("4", observeZero))
		if got := <-next; string(got.value.Payload) != "4" {
			t.Errorf("%q, %v", got.value.Payload, got.err)
		}
		r.news(coap.Message{Code: coap.NotFound})
		if m, err := w.Next(t.Context()); err != nil || m.Code != coap.NotFound {
			t.Errorf("the last: %v, %v", m.Code, err)
		}
		ended(t, w, coap.ErrObservationEnded)
		r.news(state("5", observeZero))
		ended(t, w, coap.ErrObservationEnded)
	})
}

// A peer that does not agree has answered once.
func TestWatchNotAgreed(t *testing.T) {
	for _, m := range []coap.Message{state("1"), {Code: coap.NotFound, Payload: []byte("1")}, {Code: coap.NotFound, Options: message.Options{observeZero}, Payload: []byte("1")}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1, nil)
			w := r.watching(m)
			sees(t, w, "1")
			ended(t, w, coap.ErrObservationEnded)
			w.Cancel()
			if len(r.engine.cancelled) != 0 || len(r.watches) != 0 {
				t.Error("something is left of an observation that was none")
			}
		})
	}
}

// Notifications may be taken before the one who asked has woken up.
func TestWatchOvertaken(t *testing.T) {
	for _, last := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1, nil)
			begun := started(func() (coap.Watch, error) { return r.Observe(t.Context(), get()) })
			r.lock.Lock()
			take := func(kind session.EventKind, m coap.Message) {
				r.Take(time.Now(), session.Event{Kind: kind, ID: 1, Message: m})
			}
			take(session.EventResponse, state("1", observeZero))
			second := state("2", observeZero)
			if last {
				second = state("2")
			}
			take(session.EventNotification, second)
			r.lock.Unlock()
			w := (<-begun).value
			sees(t, w, "2")
			if last {
				ended(t, w, coap.ErrObservationEnded)
			}
		})
	}
}

func TestWatchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		begun := started(func() (coap.Watch, error) { return r.Observe(t.Context(), get()) })
		r.event(session.Event{Kind: session.EventResponse, ID: 1, Err: errTest})
		if got := <-begun; !errors.Is(got.err, errTest) || got.value != nil {
			t.Errorf("%v, %v", got.value, got.err)
		}
		w := r.watching(state("1", observeZero))
		r.news(state("2", observeZero))
		r.event(session.Event{Kind: session.EventResponse, ID: 2, Err: errTest}) // later
		sees(t, w, "2")
		ended(t, w, errTest)
		if len(r.watches) != 0 {
			t.Errorf("%d watches are left", len(r.watches))
		}
	})
}

func TestWatchCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		w := r.watching(state("1", observeZero))
		r.news(state("2", observeZero))
		next := started(func() (struct{}, error) {
			w.Next(t.Context())
			_, err := w.Next(t.Context())
			return struct{}{}, err
		})
		w.Cancel()
		w.Cancel()
		if got := <-next; !errors.Is(got.err, coap.ErrObservationEnded) {
			t.Errorf("Next: %v", got.err)
		}
		ended(t, w, coap.ErrObservationEnded)
		if len(r.engine.cancelled) != 1 || len(r.watches) != 0 {
			t.Errorf("cancelled %v, %d watches are left", r.engine.cancelled, len(r.watches))
		}
	})
}

func TestWatchNextContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		w := r.watching(state("1", observeZero))
		sees(t, w, "1")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Next: %v", err)
		}
		r.news(state("2", observeZero))
		sees(t, w, "2")
	})
}

func TestWithObserve(t *testing.T) {
	o := func(id message.OptionID) message.Option { return message.Option{ID: id, Value: []byte{1}} }
	for _, tt := range []struct{ before, after message.Options }{
		{nil, message.Options{observeZero}},
		{message.Options{o(message.ETag), o(message.URIPath)}, message.Options{o(message.ETag), observeZero, o(message.URIPath)}},
		{message.Options{o(message.URIPath)}, message.Options{observeZero, o(message.URIPath)}},
		{message.Options{o(message.ETag)}, message.Options{o(message.ETag), observeZero}},
		{message.Options{o(message.ETag), o(message.Observe), o(message.URIPath)}, message.Options{o(message.ETag), observeZero, o(message.URIPath)}},
	} {
		got := WithObserve(tt.before)
		same := len(got) == len(tt.after)
		for i := range min(len(got), len(tt.after)) {
			same = same && got[i].ID == tt.after[i].ID && string(got[i].Value) == string(tt.after[i].Value)
		}
		if !same {
			t.Errorf("%v became %v, want %v", tt.before, got, tt.after)
		}
	}
}

// Observations can be ended for another session to take them over, while requests go on.
func TestEndWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		w := r.watching(state("1", observeZero))
		one := started(func() (coap.Message, error) { return r.Do(t.Context(), get()) })
		r.under(func() {
			r.EndWatches(errTest)
			if r.Idle() {
				t.Error("idle with a request open")
			}
		})
		sees(t, w, "1")
		ended(t, w, errTest)
		r.event(session.Event{Kind: session.EventResponse, ID: r.engine.lastID, Message: coap.Message{Code: coap.Valid}})
		if got := <-one; got.err != nil {
			t.Error(got.err)
		}
		r.under(func() {
			if !r.Idle() || len(r.watches) != 0 || len(r.engine.cancelled) != 0 {
				t.Errorf("idle %v, %d watches, cancelled %v", r.Idle(), len(r.watches), r.engine.cancelled)
			}
		})
	})
}
