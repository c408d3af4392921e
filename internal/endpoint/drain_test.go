package endpoint

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// A draining owner lets handlers end, those that wait for a device too, and starts no more.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		r := newRig(t, 4, handler(func(ctx context.Context, q *coap.Request) *coap.Message {
			if q.Code == coap.GET {
				q.Peer.Do(ctx, coap.Message{Code: coap.GET}) // until the session ends
			}
			<-let
			return &coap.Message{Code: coap.ContentCode}
		}))
		first := r.ask(coap.PUT)
		r.ask(coap.GET)
		r.under(func() { r.owner.Drain() })
		r.wantAnswer(r.ask(coap.PUT), codes.ServiceUnavailable)
		handlers := func(want int) {
			t.Helper()
			r.under(func() {
				if got := r.owner.Handlers(); got != want {
					t.Errorf("%d handlers, want %d", got, want)
				}
			})
		}
		handlers(2)
		close(let)
		synctest.Wait()
		r.wantAnswer(first, coap.ContentCode)
		handlers(1)
		r.finish()
		handlers(0)
	})
}

// What a peer observes ends with a 5.03 and a Max-Age, once.
func TestEndObservations(t *testing.T) {
	observed(t, func(t *testing.T, r *rig, o coap.Observation, id uint64) {
		for range 2 {
			r.under(func() { r.EndObservations(time.Now()) })
		}
		got := r.engine.notified[id]
		if len(got) != 1 || got[0].Code != codes.ServiceUnavailable || len(got[0].Options) != 1 || open(o) {
			t.Errorf("notified %v", got)
		}
	})
}

// What a peer must not observe any more ends with a 4.03; the rest goes on.
func TestEndDenied(t *testing.T) {
	observed(t, func(t *testing.T, r *rig, o coap.Observation, id uint64) {
		for _, allowed := range []bool{true, false, false} {
			r.under(func() {
				r.EndDenied(time.Now(), func(m *coap.Message) bool { return allowed || m.Code != coap.GET })
			})
			if allowed != open(o) {
				t.Errorf("allowed %v, open %v", allowed, open(o))
			}
		}
		if got := r.engine.notified[id]; len(got) != 1 || got[0].Code != codes.Forbidden {
			t.Errorf("notified %v", got)
		}
	})
}

// An observation that is denied before it has its answer ends behind that, also where the handler
// has more to say.
func TestDeniedBeforeResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registered, let := make(chan coap.Observation), make(chan struct{})
		r := newRig(t, 4, handler(func(_ context.Context, q *coap.Request) *coap.Message {
			o := q.Observe()
			registered <- o
			<-let
			o.Notify(note("later"))
			return note("first")
		}))
		id := r.ask(coap.GET, message.Option{ID: message.Observe})
		o := <-registered
		r.under(func() { r.EndDenied(time.Now(), func(*coap.Message) bool { return false }) })
		close(let)
		synctest.Wait()
		r.wantAnswer(id, coap.ContentCode)
		if got := r.engine.notified[id]; len(got) != 1 || got[0].Code != codes.Forbidden || open(o) {
			t.Errorf("notified %v", got)
		}
		r.finish()
	})
}

// A session may have a handler of its own.
func TestOwnHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4, nil)
		r.wantAnswer(r.ask(coap.GET), codes.NotFound)
		r.Handler = handler(func(context.Context, *coap.Request) *coap.Message { return coap.Status(coap.Changed) })
		r.wantAnswer(r.ask(coap.GET), coap.Changed)
		r.finish()
	})
}

// An endpoint is let go when nobody would miss it, and then says so to whoever asks by it.
func TestLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		r := newRig(t, 4, handler(func(context.Context, *coap.Request) *coap.Message {
			<-let
			return &coap.Message{Code: coap.ContentCode}
		}))
		letGo := func(want bool) {
			t.Helper()
			r.under(func() {
				if got := r.LetGo(); got != want {
					t.Errorf("let go: %v, want %v", got, want)
				}
			})
		}
		r.ask(coap.PUT)
		letGo(false) // a handler is at work
		close(let)
		synctest.Wait()
		watch := r.watching(coap.Message{Code: coap.ContentCode, Options: WithObserve(nil)})
		letGo(false) // somebody watches
		watch.Cancel()
		letGo(true)
		letGo(false) // it is gone
		if err := r.Ping(t.Context()); !errors.Is(err, ErrLetGo) {
			t.Errorf("a ping of what was let go: %v", err)
		}
		r.finish()
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4, nil)
		r.under(func() {
			if done := r.Keep(); done != r.Done() || r.LetGo() {
				t.Error("let go while somebody has Done")
			}
		})
		r.finish()
	})
}
