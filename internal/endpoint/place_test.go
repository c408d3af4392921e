package endpoint

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// respond answers all that the endpoint has asked its peer.
func (r *rig) respond() {
	for id := range r.engine.lastID {
		r.event(session.Event{Kind: session.EventResponse, ID: id + 1})
	}
}

// A handler that asks its peer gives its place to another meanwhile.
func TestPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, handler(func(ctx context.Context, q *coap.Request) *coap.Message {
			q.Peer.Do(ctx, get())
			return coap.Status(coap.Changed)
		}))
		var ids []uint64
		for range 10 { // each begins, since those before wait
			ids = append(ids, r.ask(coap.POST))
		}
		if r.engine.lastID != 10 || r.owner.working != 0 {
			t.Errorf("%d have asked, %d working", r.engine.lastID, r.owner.working)
		}
		r.respond()
		synctest.Wait()
		for _, id := range ids {
			r.wantAnswer(id, coap.Changed)
		}
		if r.running != 0 || r.owner.working != 0 {
			t.Errorf("%d running, %d working", r.running, r.owner.working)
		}
	})
}

// Requests that wait behind a handler are begun when that waits itself.
func TestPlaceOfBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := make(chan struct{})
		r := newRig(t, 100, handler(func(ctx context.Context, q *coap.Request) *coap.Message {
			if q.Code == coap.POST {
				<-g
				q.Peer.Ping(ctx)
			}
			return coap.Status(coap.Changed)
		}))
		for range ownHandlers {
			r.ask(coap.POST)
		}
		id := r.ask(coap.GET)
		r.wantAnswer(id)
		g <- struct{}{}
		time.Sleep(3 * patience)
		r.wantAnswer(id, coap.Changed)
		close(g)
		synctest.Wait()
		r.finish()
	})
}

// However many goroutines of a handler wait, and for how long, it has one place.
func TestPlaceOfGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var outlive sync.WaitGroup
		r := newRig(t, 1, handler(func(ctx context.Context, q *coap.Request) *coap.Message {
			for range 3 {
				outlive.Go(func() { q.Peer.Do(ctx, get()) })
			}
			if q.Code == coap.POST {
				outlive.Wait()
			} else {
				time.Sleep(time.Second)
			}
			return coap.Status(coap.Changed)
		}))
		check := func(when string) {
			t.Helper()
			synctest.Wait()
			r.under(func() {
				if r.running != 0 || r.owner.working != 0 {
					t.Errorf("%s: %d running, %d working", when, r.running, r.owner.working)
				}
			})
		}
		r.ask(coap.POST)
		check("while all wait")
		r.respond()
		check("behind the end")
		r.ask(coap.GET)
		check("while the goroutines wait")
		time.Sleep(2 * time.Second)
		check("when the handler has returned")
		r.respond()
		check("when its goroutines have ended")
		outlive.Wait()
	})
}
