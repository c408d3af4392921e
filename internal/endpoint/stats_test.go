package endpoint

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// slow takes 30 ms for each request.
func slow(code coap.Code) coap.Handler {
	return handler(func(context.Context, *coap.Request) *coap.Message {
		time.Sleep(30 * time.Millisecond)
		return coap.Status(code)
	})
}

// The time of a request ends when its answer is sent, also where it has waited for a handler of
// its session.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 100, slow(coap.Changed))
		r.owner.Measured = true
		r.under(func() {
			for i := range uint64(ownHandlers + 1) {
				r.Take(time.Now(), session.Event{Kind: session.EventRequest, ID: 1 + i, Message: coap.Message{Code: coap.POST}})
			}
			if st := r.owner.Stats(); st.Waiting != ownHandlers+1 || st.Handlers != ownHandlers || st.Working != ownHandlers {
				t.Errorf("%+v as the requests have come", st)
			}
		})
		time.Sleep(time.Second)
		r.under(func() {
			if st := r.owner.Stats(); st.Latency.Sum != 0 || st.Answers.Success != ownHandlers+1 || st.Waiting != 0 {
				t.Errorf("%+v, and nothing is sent", st)
			}
			r.owner.Sent()
			r.owner.Sent()
			if st := r.owner.Stats(); st.Latency.Sum != (ownHandlers+1)*time.Second || st.Latency.Counts[12] != ownHandlers+1 {
				t.Errorf("%+v, all sent behind a second", st)
			}
		})
		r.finish()
	})
}

// Each response counts for its class, a mistake of the handler's as an error of the server's. An
// owner that is not measured keeps no times.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		code := coap.Code(0)
		r := newRig(t, 1, handler(func(context.Context, *coap.Request) *coap.Message { return coap.Status(code) }))
		r.owner.Measured = true
		for _, code = range []coap.Code{coap.Changed, coap.NotFound, coap.InternalServerError} {
			r.ask(coap.POST)
		}
		r.engine.refuseOne = coap.ErrFormat
		r.ask(coap.POST)
		r.owner.Most = 0
		r.ask(coap.POST)
		if st := r.owner.Stats(); st.Answers != (Answers{1, 1, 2}) || st.Overloaded != 1 {
			t.Errorf("%+v", st)
		}
		r.owner.Measured, r.owner.Most = false, 1
		kept := len(r.owner.unsentSince)
		r.ask(coap.POST)
		if len(r.owner.unsentSince) != kept || kept != 4 {
			t.Errorf("%d times kept, %d before", len(r.owner.unsentSince), kept)
		}
		r.finish()
	})
}

// Requests that wait when their session ends are not counted as waiting any more.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 100, slow(coap.Changed))
		r.under(func() {
			for i := range uint64(ownHandlers + 3) {
				r.Take(time.Now(), session.Event{Kind: session.EventRequest, ID: 1 + i, Message: coap.Message{Code: coap.POST}})
			}
		})
		r.finish()
		if st := r.owner.Stats(); st.Waiting != 0 || st.Handlers != 0 {
			t.Errorf("%+v", st)
		}
	})
}
