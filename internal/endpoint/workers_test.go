package endpoint

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
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
		if n := runtime.NumGoroutine(); n > before || len(jobs) != 1 || r.owner.idle != 1 {
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

// together has the endpoint take requests of as many sessions at once, and returns their IDs.
func (r *rig) together(codes ...coap.Code) (ids []uint64) {
	r.under(func() {
		for _, code := range codes {
			r.nextID++
			ids = append(ids, 1000+r.nextID)
			p := New(r.owner, r.engine)
			p.Take(time.Now(), session.Event{Kind: session.EventRequest, ID: ids[len(ids)-1], Message: coap.Message{Code: code}})
		}
	})
	return ids
}

// What many requests cause at once is sent at once, and soon where one of their handlers is slow,
// which keeps the others up for a moment.
func TestWorkersTogether(t *testing.T) {
	const slow = time.Minute
	synctest.Test(t, func(t *testing.T) {
		var began []time.Duration
		var lock sync.Mutex
		start := time.Now()
		r := newRig(t, 100, handler(func(_ context.Context, q *coap.Request) *coap.Message {
			lock.Lock()
			began = append(began, time.Since(start))
			lock.Unlock()
			if q.Code == coap.POST {
				time.Sleep(slow)
			}
			return coap.Status(coap.Changed)
		}))
		var flushed []time.Duration
		r.owner.Flush = func(now time.Time) {
			lock.Lock()
			defer lock.Unlock()
			flushed = append(flushed, now.Sub(start))
		}
		noted := func() (sent, begun []time.Duration) {
			synctest.Wait()
			lock.Lock()
			defer lock.Unlock()
			sent, begun = flushed, began
			start, flushed, began = time.Now(), nil, nil
			return sent, begun
		}

		r.together(coap.GET, coap.GET, coap.GET, coap.GET, coap.GET)
		if sent, begun := noted(); len(sent) != 1 || sent[0] != 0 || len(begun) != 5 {
			t.Errorf("sent at %v, begun at %v", sent, begun)
		}

		r.together(coap.GET, coap.POST, coap.GET, coap.GET)
		time.Sleep(slow / 2)
		sent, begun := noted()
		if len(sent) != 2 || sent[0] > patience || sent[1] > 3*patience || len(begun) != 4 || begun[3] > 3*patience {
			t.Errorf("sent at %v, begun at %v", sent, begun)
		}
		time.Sleep(slow)

		many := make([]coap.Code, 64)
		for i := range many {
			many[i] = coap.POST
		}
		noted()
		r.together(many...)
		time.Sleep(slow / 2)
		if _, begun = noted(); len(begun) != len(many) || begun[len(begun)-1] > 10*patience {
			t.Errorf("%d begun at %v", len(begun), begun)
		}
		time.Sleep(slow)
		synctest.Wait()
		if r.owner.working != 0 || r.owner.awake != 0 || r.owner.unsent != 0 {
			t.Errorf("%d working, %d awake, %d not sent", r.owner.working, r.owner.awake, r.owner.unsent)
		}
		r.finish()
	})
}

// A handler that waits for its peer keeps no other up, and neither does one that leaves its
// goroutines waiting.
func TestWorkersOfPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var outlive sync.WaitGroup
		var began []time.Duration
		start := time.Now()
		r := newRig(t, 100, handler(func(ctx context.Context, q *coap.Request) *coap.Message {
			began = append(began, time.Since(start))
			switch q.Code {
			case coap.POST:
				q.Peer.Ping(ctx)
			case coap.PUT:
				outlive.Go(func() { q.Peer.Ping(ctx) })
				time.Sleep(patience / 2)
			}
			return coap.Status(coap.Changed)
		}))
		r.under(func() {
			for i, code := range []coap.Code{coap.POST, coap.PUT, coap.GET} {
				r.Take(time.Now(), session.Event{Kind: session.EventRequest, ID: uint64(i + 1), Message: coap.Message{Code: code}})
			}
		})
		time.Sleep(10 * patience)
		synctest.Wait()
		if len(began) != 3 || began[1] != 0 || began[2] > patience {
			t.Errorf("begun at %v", began)
		}
		r.respond()
		outlive.Wait()
		if r.owner.awake != 0 || r.owner.working != 0 {
			t.Errorf("%d awake, %d working", r.owner.awake, r.owner.working)
		}
		r.finish()
	})
}

// A request whose session ends before its turn has come is not begun.
func TestWorkersOfEndedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{through: make(chan struct{})}
		r := newRig(t, 100, g)
		r.under(func() {
			for id := range uint64(2) {
				r.Take(time.Now(), session.Event{Kind: session.EventRequest, ID: id + 1, Message: coap.Message{Code: coap.POST}})
			}
			r.End(errTest)
		})
		close(g.through)
		time.Sleep(time.Second)
		synctest.Wait()
		if g.entered.Load() != 0 || r.owner.working != 0 || r.owner.handlers != 0 {
			t.Errorf("%d begun, %d working, %d handlers", g.entered.Load(), r.owner.working, r.owner.handlers)
		}
		r.finish()
	})
}
