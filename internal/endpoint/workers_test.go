package endpoint

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

// Requests, one after another, have one goroutine call their handlers, and share a job.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := make(map[context.Context]bool)
		r := newRig(t, 100, handler(func(ctx context.Context, _ *coap.Request) *coap.Message {
			jobs[ctx] = true
			return coap.Status(coap.Changed)
		}))
		r.wantAnswer(r.ask(coap.POST), coap.Changed)
		before := runtime.NumGoroutine()
		for range 100 {
			r.wantAnswer(r.ask(coap.POST), coap.Changed)
		}
		if n := runtime.NumGoroutine(); n != before || len(jobs) != 1 || r.owner.idle != 1 {
			t.Errorf("%d goroutines more, %d jobs, %d idle", n-before, len(jobs), r.owner.idle)
		}
		r.finish()
		if r.owner.idle != 0 {
			t.Errorf("%d idle behind the end", r.owner.idle)
		}
	})
}

// Of many workers that a burst has made a few stay.
func TestWorkersOfBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := make(chan struct{})
		r := newRig(t, 1000, handler(func(context.Context, *coap.Request) *coap.Message {
			<-g
			return coap.Status(coap.Changed)
		}))
		for range 2 * idleWorkers { // a session has a few at once only
			r.Endpoint = New(r.owner, r.engine)
			r.ask(coap.POST)
		}
		close(g)
		synctest.Wait()
		if r.owner.idle != idleWorkers || r.owner.working != 0 || len(r.owner.free) == 0 {
			t.Errorf("%d idle, %d working, %d jobs kept", r.owner.idle, r.owner.working, len(r.owner.free))
		}
		r.finish()
	})
}

// A request that somebody may still refer to is not used again: one that is observed, one that is
// answered later, one whose goroutines have outlived the handler.
func TestJobsNotShared(t *testing.T) {
	for name, hold := range map[string]func(ctx context.Context, r *coap.Request, outlive *sync.WaitGroup) bool{
		"observed": func(_ context.Context, r *coap.Request, _ *sync.WaitGroup) bool { return r.Observe() != nil },
		"deferred": func(_ context.Context, r *coap.Request, _ *sync.WaitGroup) bool { return r.Defer() != nil },
		"outlived": func(ctx context.Context, r *coap.Request, outlive *sync.WaitGroup) bool {
			outlive.Go(func() { r.Peer.Ping(ctx) })
			time.Sleep(time.Second)
			return true
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var outlive sync.WaitGroup
			r := newRig(t, 100, handler(func(ctx context.Context, q *coap.Request) *coap.Message {
				if !hold(ctx, q, &outlive) {
					t.Errorf("%s: nothing is held", name)
				}
				return coap.Status(coap.Changed)
			}))
			r.ask(coap.GET, observeZero)
			time.Sleep(2 * time.Second)
			if len(r.owner.free) != 0 {
				t.Errorf("%s: the job is to be used again", name)
			}
			r.respond()
			r.finish()
			outlive.Wait()
		})
	}
}

// A goroutine that has outlived its handler by far, and asks the peer under the context of that,
// disturbs nobody's place.
func TestJobOfLateGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late context.Context
		r := newRig(t, 1, handler(func(ctx context.Context, _ *coap.Request) *coap.Message {
			late = ctx
			return coap.Status(coap.Changed)
		}))
		r.ask(coap.POST)
		var outlive sync.WaitGroup
		outlive.Go(func() { r.Ping(late) })
		synctest.Wait()
		r.wantAnswer(r.ask(coap.POST), coap.Changed)
		r.respond()
		outlive.Wait()
		r.wantAnswer(r.ask(coap.POST), coap.Changed)
		if r.owner.working != 0 || r.running != 0 {
			t.Errorf("%d working, %d running", r.owner.working, r.running)
		}
		r.finish()
	})
}
