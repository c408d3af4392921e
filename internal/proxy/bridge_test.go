package proxy

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// A fakeWatch is an observation at the upstream.
type fakeWatch struct {
	states    chan coap.Message // closed: it fails
	cancelled bool
	mu        sync.Mutex
}

func newFakeWatch() *fakeWatch { return &fakeWatch{states: make(chan coap.Message, 10)} }

// state is one that others may follow.
func state(text string) coap.Message {
	return coap.Message{Code: coap.ContentCode, Payload: []byte(text), Options: message.Options{{ID: message.Observe, Value: []byte{9}}}}
}

func (w *fakeWatch) Next(ctx context.Context) (coap.Message, error) {
	select {
	case m, ok := <-w.states:
		if !ok {
			return m, coap.ErrTimeout
		}
		return m, nil
	case <-ctx.Done():
		return coap.Message{}, ctx.Err()
	}
}

func (w *fakeWatch) Cancel() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancelled = true
}

func (w *fakeWatch) isCancelled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cancelled
}

// A fakeObservation is one of the proxy's client.
type fakeObservation struct {
	mu     sync.Mutex
	states []string
	done   chan struct{}
	ended  bool
}

func (o *fakeObservation) Notify(m *coap.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return coap.ErrObservationEnded
	}
	o.states = append(o.states, fmt.Sprintf("%d.%02d %s", m.Code>>5, m.Code&31, m.Payload))
	if m.Code>>5 != 2 {
		o.end()
	}
	return nil
}

func (o *fakeObservation) Done() <-chan struct{} { return o.done }

func (o *fakeObservation) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end()
}

func (o *fakeObservation) end() {
	if !o.ended {
		o.ended = true
		close(o.done)
	}
}

// observed has a client observe, through a proxy, what the watch says.
func observed(t *testing.T, watch *fakeWatch, room bool) (*world, *fakeObservation, *coap.Message) {
	out := &fakeObservation{done: make(chan struct{})}
	w := newWorld(t, &fakePeer{watch: watch})
	answer := w.ServeCoAP(t.Context(), &coap.Request{
		Message: coap.Message{Code: coap.GET, Options: message.Options{{ID: message.Observe}}},
		Register: func() coap.Observation {
			if !room {
				return nil
			}
			return out
		},
	})
	return w, out, answer
}

func TestBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := newFakeWatch()
		watch.states <- state("1")
		w, out, answer := observed(t, watch, true)
		if answer.Code != coap.ContentCode || string(answer.Payload) != "1" || len(answer.Options) != 0 {
			t.Fatalf("answer %v", answer)
		}
		watch.states <- state("2")
		watch.states <- state("3")
		synctest.Wait()
		if !slices.Equal(out.states, []string{"2.05 2", "2.05 3"}) || watch.isCancelled() || w.using != 1 {
			t.Errorf("states %q, cancelled %v", out.states, watch.isCancelled())
		}
		out.Close() // as the client cancels, or vanishes
		synctest.Wait()
		if !watch.isCancelled() || w.using != 0 {
			t.Error("the upstream has not been told")
		}
	})
}

// What ends the observation at the upstream ends it here too.
func TestBridgeEnds(t *testing.T) {
	last := state("last")
	last.Options = nil
	unsafe := state("x")
	unsafe.Options = append(unsafe.Options, message.Option{ID: 65003})
	for name, c := range map[string]struct {
		state *coap.Message
		want  []string
	}{
		"error":         {&coap.Message{Code: codes.NotFound, Payload: []byte("gone")}, []string{"4.04 gone"}},
		"last state":    {&last, []string{"2.05 last", "5.03 "}},
		"unsafe option": {&unsafe, []string{"5.02 unsafe option not known"}},
		"failure":       {nil, []string{"5.04 no answer in time"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				watch := newFakeWatch()
				watch.states <- state("1")
				w, out, _ := observed(t, watch, true)
				if c.state != nil {
					watch.states <- *c.state
				} else {
					close(watch.states)
				}
				synctest.Wait()
				if !slices.Equal(out.states, c.want) || !watch.isCancelled() || w.using != 0 {
					t.Errorf("states %q, want %q; cancelled %v", out.states, c.want, watch.isCancelled())
				}
			})
		})
	}
}

// Where the first state is the only one there is no observation.
func TestNoBridge(t *testing.T) {
	plain := state("1")
	plain.Options = nil
	for name, c := range map[string]struct {
		state coap.Message
		room  bool
		want  coap.Code
	}{
		"not agreed": {plain, true, coap.ContentCode},
		"error":      {coap.Message{Code: codes.NotFound}, true, coap.NotFound},
		"no room":    {state("1"), false, coap.ContentCode},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				watch := newFakeWatch()
				watch.states <- c.state
				w, out, answer := observed(t, watch, c.room)
				watch.states <- state("2")
				synctest.Wait()
				if answer.Code != c.want || len(out.states) != 0 || !watch.isCancelled() || w.using != 0 {
					t.Errorf("answer %v, states %q, cancelled %v", answer.Code, out.states, watch.isCancelled())
				}
			})
		})
	}
}

func TestBridgeFails(t *testing.T) {
	watch := newFakeWatch()
	close(watch.states)
	_, _, answer := observed(t, watch, true)
	if answer.Code != codes.GatewayTimeout || !watch.isCancelled() {
		t.Errorf("answer %v", answer.Code)
	}
	w := newWorld(t, &fakePeer{refuses: coap.ErrBusy})
	answer = w.serve(t, coap.Message{Code: coap.FETCH, Options: message.Options{{ID: message.Observe}}})
	if answer.Code != codes.ServiceUnavailable {
		t.Errorf("answer %v", answer.Code)
	}
}

// The end of the proxy is told to who observes, and none begins behind it.
func TestBridgeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := newFakeWatch()
		watch.states <- state("1")
		w, out, _ := observed(t, watch, true)
		w.Close()
		if !slices.Equal(out.states, []string{"5.03 "}) || !watch.isCancelled() {
			t.Errorf("states %q", out.states)
		}
		watch.states <- state("1")
		answer := w.ServeCoAP(t.Context(), &coap.Request{
			Message:  coap.Message{Code: coap.GET, Options: message.Options{{ID: message.Observe}}},
			Register: func() coap.Observation { t.Error("an observation begins"); return nil },
		})
		if answer.Code != coap.ContentCode {
			t.Errorf("answer %v", answer.Code)
		}
	})
}

// Only GET and FETCH with an Observe of 0 ask for it.
func TestAsksToObserve(t *testing.T) {
	for _, c := range []struct {
		code  coap.Code
		value []byte
		want  bool
	}{
		{coap.GET, []byte{}, true}, {coap.GET, []byte{0}, true}, {coap.FETCH, []byte{}, true},
		{coap.GET, []byte{1}, false}, {coap.GET, []byte{7}, false}, {coap.PUT, []byte{}, false}, {coap.GET, nil, false},
	} {
		r := &coap.Request{Message: coap.Message{Code: c.code}}
		if c.value != nil {
			r.Options = message.Options{{ID: message.Observe, Value: c.value}}
		}
		if got := asksToObserve(r); got != c.want {
			t.Errorf("%v with %v: %v", c.code, c.value, got)
		}
	}
}
