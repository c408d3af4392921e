package gocoap

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

// An observed is a resource whose handler agrees to be observed, and what it has seen.
type observed struct {
	conn  mux.Conn
	token message.Token
	left  []uint32 // Observe values that are not 0
}

func (o *observed) ServeCOAP(w mux.ResponseWriter, r *mux.Message) {
	switch value, err := r.Observe(); {
	case err != nil || value == 0:
		o.conn, o.token = w.Conn(), r.Token()
	case string(r.Token()) == string(o.token):
		o.left = append(o.left, value)
		if err := write(w.Conn(), r.Token(), coap.ContentCode, false); err != nil {
			panic(err) // go-coap's example would log it
		}
	}
	w.SetResponse(coap.ContentCode, message.TextPlain, nil, message.Option{ID: message.Observe, Value: []byte{2}})
}

// begin has a resource observed in a bubble.
func begin(t *testing.T, test func(t *testing.T, p *fakePeer, o *observed, engine *fakeObservation)) {
	synctest.Test(t, func(t *testing.T) {
		p, o := newPeer(t), new(observed)
		got := Handler(o).ServeCoAP(t.Context(), p.observing())
		if got == nil || got.Code != coap.ContentCode || got.Options.HasOption(message.Observe) || len(p.observed) != 1 {
			t.Fatalf("response %v, %d observations", got, len(p.observed))
		}
		test(t, p, o, p.observed[0])
		p.Close()
		synctest.Wait()
		if c := o.conn.(*conn); c.observed != 0 || len(c.exchanges) != 0 {
			t.Errorf("%d observations and %d exchanges are left", c.observed, len(c.exchanges))
		}
	})
}

func TestNotify(t *testing.T) {
	for name, test := range map[string]struct {
		code    coap.Code
		observe bool
		last    bool
	}{
		"state":          {coap.ContentCode, true, false},
		"error":          {coap.NotFound, true, true},
		"without option": {coap.ContentCode, false, true},
	} {
		begin(t, func(t *testing.T, _ *fakePeer, o *observed, engine *fakeObservation) {
			if err := write(o.conn, o.token, test.code, test.observe); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if want := []string{test.code.String() + " "}; !slices.Equal(engine.states, want) {
				t.Errorf("%s: states %q", name, engine.states)
			}
			synctest.Wait()
			if engine.ended != test.last {
				t.Errorf("%s: ended %v", name, engine.ended)
			}
			if err := write(o.conn, o.token, coap.ContentCode, true); errors.Is(err, ErrNoRequest) != test.last {
				t.Errorf("%s: behind it: %v", name, err)
			}
			if len(o.left) != 0 {
				t.Errorf("%s: told of %v", name, o.left)
			}
		})
	}
}

// TestObserverLeaves: the handler is told once, by an Observe of 1 with the same token, and what
// is written then fails.
func TestObserverLeaves(t *testing.T) {
	begin(t, func(t *testing.T, _ *fakePeer, o *observed, engine *fakeObservation) {
		engine.Close()
		if err := write(o.conn, o.token, coap.ContentCode, true); !errors.Is(err, ErrNoRequest) {
			t.Errorf("written: %v", err)
		}
		synctest.Wait()
		if !slices.Equal(o.left, []uint32{1}) {
			t.Errorf("told of %v", o.left)
		}
	})
}

// TestObserverGoneWithSession: that is AddOnClose's.
func TestObserverGoneWithSession(t *testing.T) {
	begin(t, func(t *testing.T, p *fakePeer, o *observed, _ *fakeObservation) {
		p.Close()
		synctest.Wait()
		if len(o.left) != 0 {
			t.Errorf("told of %v", o.left)
		}
		if err := write(o.conn, o.token, coap.ContentCode, true); !errors.Is(err, ErrNoRequest) {
			t.Errorf("written: %v", err)
		}
	})
}

// TestLeavePanics: what panics there ends nothing else.
func TestLeavePanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		Handler(mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
			if value, _ := r.Observe(); value == 1 {
				panic("as the test wants it")
			}
			w.SetResponse(coap.ContentCode, message.TextPlain, nil, message.Option{ID: message.Observe})
		})).ServeCoAP(t.Context(), p.observing())
		p.observed[0].Close()
		synctest.Wait()
		if c := connOf(p); c.observed != 0 || len(c.exchanges) != 0 {
			t.Errorf("%d observations, %d exchanges", c.observed, len(c.exchanges))
		}
		p.Close()
	})
}

// TestFirstByWrite: the first state by WriteMessage, before and behind the handler.
func TestFirstByWrite(t *testing.T) {
	for _, before := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := newPeer(t)
			var token message.Token
			serve(t, p.observing(), func(w mux.ResponseWriter, r *mux.Message) {
				if token = r.Token(); before {
					write(w.Conn(), token, coap.ContentCode, true)
				}
			})
			if !before {
				write(Conn(p), token, coap.ContentCode, true)
			}
			if err := write(Conn(p), token, coap.ContentCode, true); err != nil {
				t.Error(err)
			}
			if len(p.observed) != 1 || len(p.observed[0].states) != 1 || len(p.responses()) != 1 {
				t.Errorf("before %v: %d observations, responses %v", before, len(p.observed), p.responses())
			}
			p.Close()
		})
	}
}

// TestNotObserved: what begins no observation, whatever the response says.
func TestNotObserved(t *testing.T) {
	for name, change := range map[string]func(r *coap.Request){
		"not asked": func(r *coap.Request) { r.Register = nil },
		"no room":   func(r *coap.Request) { r.Register = func() coap.Observation { return nil } },
	} {
		p, o := newPeer(t), new(observed)
		r := p.observing()
		change(r)
		got := Handler(o).ServeCoAP(t.Context(), r)
		if got == nil || got.Options.HasOption(message.Observe) || connOf(p).observed != 0 || len(connOf(p).exchanges) != 0 {
			t.Errorf("%s: %v", name, got)
		}
		if err := write(o.conn, o.token, coap.ContentCode, true); !errors.Is(err, ErrNoRequest) {
			t.Errorf("%s: written: %v", name, err)
		}
	}
}

// TestLeaveAtEnd: nobody waits for a handler that is stuck when the session has ended.
func TestLeaveAtEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		stuck, calls := make(chan struct{}), new(atomic.Int32)
		h := Handler(mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
			if value, _ := r.Observe(); value == 1 {
				calls.Add(1)
				<-stuck
			}
			w.SetResponse(coap.ContentCode, message.TextPlain, nil, message.Option{ID: message.Observe})
		}))
		for range 3 {
			h.ServeCoAP(t.Context(), p.observing())
		}
		for _, o := range p.observed {
			o.Close()
		}
		synctest.Wait()
		p.Close()
		synctest.Wait()
		close(stuck)
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls, want the one before the end", n)
		}
	})
}

// TestMostObservations: places are not given to more, also while handlers hear that others end.
func TestMostObservations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		stuck, calls := make(chan struct{}), new(atomic.Int32)
		h := Handler(mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
			if value, _ := r.Observe(); value == 1 {
				calls.Add(1)
				<-stuck
			}
			w.SetResponse(coap.ContentCode, message.TextPlain, nil, message.Option{ID: message.Observe})
		}))
		for range maxObserved {
			h.ServeCoAP(t.Context(), p.observing())
		}
		for _, o := range p.observed {
			o.Close()
		}
		synctest.Wait()
		h.ServeCoAP(t.Context(), p.observing())
		if len(p.observed) != maxObserved {
			t.Errorf("%d observations begun, want %d", len(p.observed), maxObserved)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d handlers at once hear that an observer is gone", n)
		}
		close(stuck)
		synctest.Wait()
		h.ServeCoAP(t.Context(), p.observing())
		if len(p.observed) != maxObserved+1 {
			t.Errorf("%d observations begun, want one more than %d", len(p.observed), maxObserved)
		}
		p.Close()
	})
}
