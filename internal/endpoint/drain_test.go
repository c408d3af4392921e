package endpoint

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

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
