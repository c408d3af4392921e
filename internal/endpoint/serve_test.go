package endpoint

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A gate is a handler whose calls wait until they are let through.
type gate struct {
	entered atomic.Int32
	through chan struct{}
}

func (g *gate) ServeCoAP(context.Context, *coap.Request) *coap.Message {
	g.entered.Add(1)
	<-g.through
	return coap.Status(coap.Changed)
}

func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, nil)
		r.wantAnswer(r.ask(coap.GET), coap.NotFound)
	})
	for name, tt := range map[string]struct {
		serve handlerFunc
		want  coap.Code
	}{
		"answer":  {func(context.Context, *coap.Request) *coap.Message { return coap.Status(coap.Valid) }, coap.Valid},
		"nothing": {func(context.Context, *coap.Request) *coap.Message { return nil }, coap.NotFound},
		"panic":   {func(context.Context, *coap.Request) *coap.Message { panic(1) }, coap.InternalServerError},
		"who": {func(_ context.Context, q *coap.Request) *coap.Message {
			if q.Device != "sensor-1" || q.SessionID != "ab" || q.Remote.Port() != 2 || q.Peer == nil || q.Code != coap.PUT {
				t.Errorf("the request is %+v", q)
			}
			return coap.Status(coap.Valid)
		}, coap.Valid},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1, handler(tt.serve))
			id := r.ask(coap.PUT)
			r.wantAnswer(id, tt.want)
			if r.running != 0 || r.owner.working != 0 {
				t.Errorf("%s: %d running, %d working", name, r.running, r.owner.working)
			}
		})
	}
}

type handlerFunc = func(context.Context, *coap.Request) *coap.Message

// What the engine refuses is answered 5.00.
func TestServeBadResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, handler(func(context.Context, *coap.Request) *coap.Message { return coap.Status(coap.Valid) }))
		r.engine.refuseOne = coap.ErrFormat
		r.wantAnswer(r.ask(coap.GET), coap.InternalServerError)
		r.engine.refuseOne = coap.ErrUnknownRequest
		r.wantAnswer(r.ask(coap.GET))
	})
}

// A session has few handlers at work; its other requests wait. Where all places of the owner
// are taken they are turned away.
func TestServeBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{through: make(chan struct{})}
		r := newRig(t, 100, g)
		var ids []uint64
		for range ownHandlers + 3 {
			ids = append(ids, r.ask(coap.POST))
		}
		if g.entered.Load() != ownHandlers {
			t.Errorf("%d handlers at work, want %d", g.entered.Load(), ownHandlers)
		}
		g.through <- struct{}{}
		synctest.Wait()
		if g.entered.Load() != ownHandlers+1 {
			t.Errorf("%d handlers were begun when one had ended", g.entered.Load())
		}
		close(g.through)
		synctest.Wait()
		for _, id := range ids {
			r.wantAnswer(id, coap.Changed)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		g := &gate{through: make(chan struct{})}
		r := newRig(t, 2, g)
		one, two, three := r.ask(coap.POST), r.ask(coap.POST), r.ask(coap.POST)
		r.wantAnswer(three, coap.ServiceUnavailable)
		if age, err := r.engine.responses[three][0].Options.GetUint32(message.MaxAge); err != nil || age != 1 {
			t.Errorf("Max-Age %d, %v", age, err)
		}
		close(g.through)
		synctest.Wait()
		r.wantAnswer(one, coap.Changed)
		r.wantAnswer(two, coap.Changed)
	})
}

// What waits when the session ends is never begun.
func TestServeBacklogOfEndedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{through: make(chan struct{})}
		r := newRig(t, 100, g)
		for range ownHandlers + 1 {
			r.ask(coap.POST)
		}
		r.under(func() { r.End(errTest) })
		close(g.through)
		synctest.Wait()
		if late := r.ask(coap.POST); g.entered.Load() != ownHandlers || len(r.engine.responses) != 0 || r.answered(late) != nil {
			t.Errorf("%d handlers begun, %d responses", g.entered.Load(), len(r.engine.responses))
		}
		if r.owner.working != 0 {
			t.Errorf("%d working", r.owner.working)
		}
	})
}

func TestDefer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var respond func(*coap.Message) error
		var early *coap.Message
		r := newRig(t, 1, handler(func(_ context.Context, q *coap.Request) *coap.Message {
			respond = q.Defer()
			return early
		}))
		id := r.ask(coap.POST)
		r.wantAnswer(id)
		if r.owner.working != 0 {
			t.Error("a handler that has returned keeps its place")
		}
		if err := respond(coap.Status(coap.Changed)); err != nil {
			t.Error(err)
		}
		if err := respond(coap.Status(coap.Changed)); !errors.Is(err, coap.ErrUnknownRequest) {
			t.Errorf("a second response: %v", err)
		}
		r.wantAnswer(id, coap.Changed)

		id = r.ask(coap.POST)
		if err := respond(nil); err != nil { // as a handler's nil
			t.Error(err)
		}
		r.wantAnswer(id, coap.NotFound)

		early = coap.Status(coap.Valid)
		id = r.ask(coap.POST)
		if err := respond(coap.Status(coap.Changed)); !errors.Is(err, coap.ErrUnknownRequest) {
			t.Errorf("behind a response: %v", err)
		}
		r.wantAnswer(id, coap.Valid)

		early = nil
		id = r.ask(coap.POST)
		r.under(func() { r.End(errTest) })
		if err := respond(coap.Status(coap.Changed)); !errors.Is(err, errTest) {
			t.Errorf("behind the end of the session: %v", err)
		}
		r.wantAnswer(id)
	})
}

func TestDeferWithinHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, handler(func(_ context.Context, q *coap.Request) *coap.Message {
			q.Defer()(coap.Status(coap.Changed))
			return nil
		}))
		r.wantAnswer(r.ask(coap.POST), coap.Changed)
	})
}

// A handler that panics has answered, deferred or not.
func TestDeferPanics(t *testing.T) {
	for _, before := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var respond func(*coap.Message) error
			r := newRig(t, 1, handler(func(_ context.Context, q *coap.Request) *coap.Message {
				respond = q.Defer()
				if before {
					respond(coap.Status(coap.Changed))
				}
				panic(1)
			}))
			id := r.ask(coap.POST)
			if before {
				r.wantAnswer(id, coap.Changed)
			} else {
				r.wantAnswer(id, coap.InternalServerError)
			}
			if err := respond(coap.Status(coap.Changed)); !errors.Is(err, coap.ErrUnknownRequest) {
				t.Errorf("a second response: %v", err)
			}
		})
	}
}

// An observation that was accepted before Defer begins with the response.
func TestDeferObserves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var respond func(*coap.Message) error
		var o coap.Observation
		r := newRig(t, 1, handler(func(_ context.Context, q *coap.Request) *coap.Message {
			respond, o = q.Defer(), q.Observe()
			return nil
		}))
		id := r.ask(coap.GET, observeZero)
		o.Notify(note("1"))
		if len(r.engine.notified) != 0 {
			t.Error("a notification before the response")
		}
		respond(note("0"))
		o.Notify(note("2"))
		if got := r.engine.notified[id]; len(got) != 2 || string(got[0].Payload) != "1" {
			t.Errorf("notified %v", got)
		}
		r.event(session.Event{Kind: session.EventCancelled, ID: id})
		if open(o) {
			t.Error("it goes on")
		}
	})
}
