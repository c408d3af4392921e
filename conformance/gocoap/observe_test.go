package gocoap

import (
	"errors"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
)

type state struct {
	code codes.Code
	body string
}

func observe(t *testing.T, c mux.Conn, path string) (mux.Observation, <-chan state) {
	t.Helper()
	states := make(chan state, 100)
	o, err := c.Observe(guard(t), path, func(m *pool.Message) {
		body, _ := m.ReadBody()
		states <- state{m.Code(), string(body)}
	})
	if err != nil {
		t.Fatal(err)
	}
	return o, states
}

// expect waits for a state, and lets those that come before it be any of earlier.
func expect(t *testing.T, states <-chan state, want state, earlier ...string) {
	t.Helper()
	for {
		select {
		case got := <-states:
			if got == want {
				return
			}
			if len(earlier) == 0 || got.body < earlier[0] || got.body > want.body {
				t.Fatalf("state %v %.20q, want %v %.20q", got.code, got.body, want.code, want.body)
			}
			earlier[0] = got.body // they come in order
		case <-time.After(patience):
			t.Fatalf("no state, want %v %.20q", want.code, want.body)
		}
	}
}

// eventually waits until the store has so many observers, and so many that have left.
func eventually(t *testing.T, s *Store, open, left int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		o, l := s.Observers()
		if o == open && l == left {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d observers and %d that have left, want %d and %d", o, l, open, left)
		}
	}
}

// TestObserve: two clients and three observations, states in order and the newest at last, of one
// datagram and of many, and cancellation.
func TestObserve(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		s := NewStore()
		dial := b.serve(t, s.Router(), nil)
		first, second := dial(t, mux.NewRouter()), dial(t, mux.NewRouter())
		ask(t, first, codes.PUT, "/things/a", "0", codes.Created, "")
		ask(t, first, codes.PUT, "/things/b", "0", codes.Created, "")
		a, ofA := observe(t, first, "/things/a")
		_, ofB := observe(t, first, "/things/b")
		_, again := observe(t, second, "/things/a")
		for _, states := range []<-chan state{ofA, ofB, again} {
			expect(t, states, state{codes.Content, "0"})
		}
		for _, body := range []string{"1", "2", "3"} {
			ask(t, second, codes.PUT, "/things/a", body, codes.Changed, "")
		}
		expect(t, ofA, state{codes.Content, "3"}, "1")
		expect(t, again, state{codes.Content, "3"}, "1")
		ask(t, second, codes.PUT, "/things/a", content(9000), codes.Changed, "")
		expect(t, ofA, state{codes.Content, content(9000)})
		expect(t, again, state{codes.Content, content(9000)})
		if err := a.Cancel(guard(t)); err != nil {
			t.Fatalf("cancel: %v", err)
		}
		eventually(t, s, 2, 1)
		ask(t, second, codes.PUT, "/things/a", "4", codes.Changed, "")
		ask(t, second, codes.PUT, "/things/b", "1", codes.Changed, "")
		expect(t, again, state{codes.Content, "4"})
		expect(t, ofB, state{codes.Content, "1"})
		select {
		case got := <-ofA:
			t.Errorf("state %v behind cancel", got)
		default:
		}
	})
}

// TestObserveEnds: an error code is the last state.
func TestObserveEnds(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		s := NewStore()
		c := b.dial(t, s.Router())
		ask(t, c, codes.PUT, "/things/a", "0", codes.Created, "")
		_, states := observe(t, c, "/things/a")
		expect(t, states, state{codes.Content, "0"})
		ask(t, c, codes.DELETE, "/things/a", "", codes.Deleted, "")
		expect(t, states, state{codes.NotFound, ""})
		eventually(t, s, 0, 0)
	})
}

// TestObserveRefused: what cannot be observed is an error.
func TestObserveRefused(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		c := b.dial(t, NewStore().Router())
		if _, err := c.Observe(guard(t), "/things/a", func(*pool.Message) {}); err == nil {
			t.Error("no error")
		}
	})
}

// TestObserveNotSupported: a handler that knows nothing of Observe gives one state.
func TestObserveNotSupported(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		c := b.dial(t, Examples(time.Hour, func(string) {}))
		o, states := observe(t, c, "/a")
		expect(t, states, state{codes.Content, "hello world"})
		if !o.Canceled() {
			t.Error("not canceled")
		}
	})
}

// TestObserveWithinHandler: a handler that writes all states itself, before it returns. With
// go-coap each waits for an acknowledgement; here the last replaces those that have not left.
func TestObserveWithinHandler(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		returned := make(chan error, 10)
		c := b.dial(t, mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
			var err error
			for i, body := range []string{"0", "1", "2"} {
				err = errors.Join(err, sendState(w.Conn(), r.Token(), body, int64(i+2)))
			}
			returned <- err
		}))
		_, states := observe(t, c, "/")
		expect(t, states, state{codes.Content, "2"}, "0")
		if err := <-returned; err != nil {
			t.Error(err)
		}
	})
}
