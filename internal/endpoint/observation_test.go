package endpoint

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// observed runs f with a rig whose handler has accepted one observation, of request id.
func observed(t *testing.T, f func(t *testing.T, r *rig, o coap.Observation, id uint64)) {
	synctest.Test(t, func(t *testing.T) {
		var o coap.Observation
		r := newRig(t, 1, handler(func(_ context.Context, q *coap.Request) *coap.Message {
			o = q.Observe()
			return &coap.Message{Code: coap.ContentCode}
		}))
		id := r.ask(coap.GET, observeZero)
		if _, err := r.engine.responses[id][0].Options.Observe(); err != nil || o == nil {
			t.Fatalf("the response opens no observation: %v", err)
		}
		f(t, r, o, id)
		r.finish()
	})
}

func open(o coap.Observation) bool {
	select {
	case <-o.Done():
		return false
	default:
		return true
	}
}

func note(body string) *coap.Message { m := state(body); return &m }

func TestNotify(t *testing.T) {
	observed(t, func(t *testing.T, r *rig, o coap.Observation, id uint64) {
		if err := o.Notify(note("1")); err != nil {
			t.Error(err)
		}
		r.engine.refuseOne = coap.ErrFormat
		if err := o.Notify(note("2")); !errors.Is(err, coap.ErrFormat) || !open(o) {
			t.Errorf("what must not be sent: %v", err)
		}
		if err := o.Notify(&coap.Message{Code: coap.NotFound}); err != nil || open(o) {
			t.Errorf("the last: %v", err)
		}
		if err := o.Notify(note("3")); !errors.Is(err, coap.ErrObservationEnded) {
			t.Errorf("behind the last: %v", err)
		}
		if got := r.engine.notified[id]; len(got) != 2 || got[1].Code != coap.NotFound {
			t.Errorf("notified %v", got)
		}
		if len(r.engine.ended) != 0 || len(r.served) != 0 {
			t.Errorf("ended %v, %d left", r.engine.ended, len(r.served))
		}
	})
}

func TestObservationEnds(t *testing.T) {
	for name, end := range map[string]func(*rig, uint64){
		"cancelled": func(r *rig, id uint64) { r.event(session.Event{Kind: session.EventCancelled, ID: id}) },
		"session":   func(r *rig, _ uint64) { r.under(func() { r.End(errTest) }) },
	} {
		observed(t, func(t *testing.T, r *rig, o coap.Observation, id uint64) {
			end(r, id)
			if err := o.Notify(note("1")); !errors.Is(err, coap.ErrObservationEnded) || open(o) {
				t.Errorf("%s: %v", name, err)
			}
			o.Close()
			if len(r.served) != 0 || len(r.engine.ended) != 0 {
				t.Errorf("%s: %d left, ended %v", name, len(r.served), r.engine.ended)
			}
		})
	}
	observed(t, func(t *testing.T, r *rig, o coap.Observation, id uint64) {
		r.engine.refuseOne = coap.ErrUnknownRequest // it has ended, which nobody has said yet
		if err := o.Notify(note("1")); !errors.Is(err, coap.ErrObservationEnded) || open(o) {
			t.Errorf("forgotten: %v", err)
		}
	})
	observed(t, func(t *testing.T, r *rig, o coap.Observation, id uint64) {
		o.Close()
		o.Close()
		if len(r.engine.ended) != 1 || r.engine.ended[0] != id || open(o) {
			t.Errorf("closed: ended %v", r.engine.ended)
		}
	})
}

// Until the response is out, states wait for it, and the newest goes.
func TestNotifyBeforeResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o coap.Observation
		r := newRig(t, 1, handler(func(_ context.Context, q *coap.Request) *coap.Message {
			o = q.Observe()
			if q.Observe() != o {
				t.Error("a second observation of one request")
			}
			o.Notify(note("1"))
			o.Notify(note("2"))
			return note("0")
		}))
		id := r.ask(coap.FETCH, observeZero)
		if got := r.engine.notified[id]; len(got) != 1 || string(got[0].Payload) != "2" {
			t.Errorf("notified %v", got)
		}
		r.finish()
	})
}

// A handler that fails, or closes the observation, has not begun one.
func TestObservationNotBegun(t *testing.T) {
	for name, tt := range map[string]struct {
		serve func(coap.Observation) *coap.Message
		ended int
	}{
		"error":     {func(coap.Observation) *coap.Message { return coap.Status(coap.NotFound) }, 0},
		"nothing":   {func(coap.Observation) *coap.Message { return nil }, 0},
		"panic":     {func(coap.Observation) *coap.Message { panic("as the test wants it") }, 0},
		"closed":    {func(o coap.Observation) *coap.Message { o.Close(); return note("0") }, 1},
		"last word": {func(o coap.Observation) *coap.Message { o.Notify(coap.Status(coap.NotFound)); return note("0") }, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var o coap.Observation
			r := newRig(t, 1, handler(func(_ context.Context, q *coap.Request) *coap.Message {
				o = q.Observe()
				return tt.serve(o)
			}))
			id := r.ask(coap.GET, observeZero)
			if open(o) || len(r.served) != 0 || len(r.engine.ended) != tt.ended {
				t.Errorf("%s: open %v, %d left, ended %v", name, open(o), len(r.served), r.engine.ended)
			}
			_, err := r.engine.responses[id][0].Options.Observe()
			if agreed := err == nil; agreed != (name == "closed" || name == "last word") {
				t.Errorf("%s: the response says that it observes: %v", name, agreed)
			}
			r.finish()
		})
	}
}

// Who does not ask to observe, or finds no room, gets an ordinary answer.
func TestObserveRefused(t *testing.T) {
	one := message.Option{ID: message.Observe, Value: []byte{1}}
	for name, tt := range map[string]struct {
		code    coap.Code
		options message.Options
		full    bool
		want    bool
	}{
		"GET": {coap.GET, message.Options{observeZero}, false, true}, "FETCH": {coap.FETCH, message.Options{observeZero}, false, true},
		"no option": {coap.GET, nil, false, false}, "1": {coap.GET, message.Options{one}, false, false},
		"POST": {coap.POST, message.Options{observeZero}, false, false}, "full": {coap.GET, message.Options{observeZero}, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1, handler(func(_ context.Context, q *coap.Request) *coap.Message {
				if got := q.Observe() != nil; got != tt.want {
					t.Errorf("%s: observes %v", name, got)
				}
				m := note("0")
				m.Options = message.Options{observeZero} // which is not the handler's to say
				return m
			}))
			r.engine.full = tt.full
			id := r.ask(tt.code, tt.options...)
			if _, err := r.engine.responses[id][0].Options.Observe(); (err == nil) != tt.want {
				t.Errorf("%s: the response says that it observes: %v", name, err == nil)
			}
			r.finish()
		})
	}
}

// Observations that wait for their response have a place too.
func TestObserveRoomOfThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accepted := 0
		var responds []func(*coap.Message) error
		r := newRig(t, 1000, handler(func(_ context.Context, q *coap.Request) *coap.Message {
			if q.Observe() != nil {
				accepted++
			}
			responds = append(responds, q.Defer())
			return nil
		}))
		for range maxServed + 3 {
			r.ask(coap.GET, observeZero)
		}
		if accepted != maxServed {
			t.Errorf("%d observations accepted, want %d", accepted, maxServed)
		}
		responds[0](coap.Status(coap.NotFound))
		r.ask(coap.GET, observeZero)
		if accepted != maxServed+1 {
			t.Error("a place that came free was not given away")
		}
		r.finish()
	})
}
