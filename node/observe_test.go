package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// seen is a state of an observation that goes on.
func seen(body string, age int64) coap.Message {
	m := *later(coap.ContentCode, age)
	m.Options = append(message.Options{{ID: message.Observe}}, m.Options...)
	m.Payload = []byte(body)
	return m
}

// observe has the server agree.
func (f *fakeSession) observe(t *testing.T, first coap.Message) coap.Watch {
	t.Helper()
	watches := make(chan coap.Watch, 1)
	go func() {
		w, err := f.conn.Watch(t.Context(), "/a?b=c")
		if err != nil {
			t.Error(err)
		}
		watches <- w
	}()
	f.answer(first)
	return <-watches
}

// wants checks what Next returns.
func wants(t *testing.T, w coap.Watch, want string) {
	t.Helper()
	if m, err := w.Next(t.Context()); err != nil || string(m.Payload) != want {
		t.Errorf("Next: %q, %v, want %q", m.Payload, err, want)
	}
}

// next calls it, in the background.
func next(ctx context.Context, w coap.Watch) <-chan error {
	ch := make(chan error, 1)
	go func() {
		_, err := w.Next(ctx)
		ch <- err
	}()
	synctest.Wait()
	return ch
}

// A state that is too old to be the newest has the server asked anew, once, and the old
// registration taken back.
func TestWatchStale(t *testing.T) {
	for _, age := range []int64{-1, 0, 5, 3600} {
		synctest.Test(t, func(t *testing.T) {
			_, f := newFake(t)
			w := f.observe(t, seen("1", age))
			wants(t, w, "1")
			began := time.Now()
			done := next(t.Context(), w)
			a := f.answer(seen("2", age))
			good := maxAge(later(coap.ContentCode, age))
			if waited := a.at.Sub(began); waited < good+registerAgain || waited > good+registerAgain+registerSpare {
				t.Errorf("asked again after %v, of a state good for %v", waited, good)
			}
			if value, err := a.message.Options.Observe(); err != nil || value != 0 {
				t.Errorf("asked again with Observe %d, %v", value, err)
			}
			if err := <-done; err != nil || len(f.cancelled) != 1 || f.cancelled[0] != 1 {
				t.Errorf("%v, cancelled %v, want the first", err, f.cancelled)
			}
		})
	}
}

// A session that has ended is followed by another, however long that takes.
func TestWatchOutlivesSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newFake(t)
		w := f.observe(t, seen("1", 60))
		wants(t, w, "1")
		done := next(t.Context(), w)
		c.mu.Lock()
		f.end.End(session.ErrClosed)
		c.mu.Unlock()
		g := c.reopen()
		a := g.answer(seen("2", 60))
		if err := <-done; err != nil || len(a.message.Options) < 3 {
			t.Errorf("%v, asked with %d options", err, len(a.message.Options))
		}
		done = next(t.Context(), w)
		g.tell(session.Event{Kind: session.EventResponse, ID: 1, Err: coap.ErrTimeout})
		a = <-g.asked
		for i := range 5 { // registrations that fail
			g.tell(session.Event{Kind: session.EventResponse, ID: a.id, Err: coap.ErrTimeout})
			failed := time.Now()
			a = <-g.asked
			least := firstRetry << i / 2
			if waited := a.at.Sub(failed); waited < least || waited > 3*least {
				t.Errorf("try %d after %v, want from %v on", i, waited, least)
			}
		}
		g.tell(session.Event{Kind: session.EventResponse, ID: a.id, Message: seen("3", 60)})
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A try that nobody answers ends in time for another session, whatever time the caller has.
func TestWatchTriesAreShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := newFake(t)
		w := f.observe(t, seen("1", 0))
		wants(t, w, "1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		next(ctx, w)
		first, second := <-f.asked, <-f.asked
		if took := second.at.Sub(first.at); took < requestTime || took > requestTime+2*firstRetry {
			t.Errorf("the second try %v behind the first", took)
		}
	})
}

// What is no use to try again ends it.
func TestWatchOver(t *testing.T) {
	refusal := &handshake.Refusal{Code: handshake.RefusedCredential}
	for _, want := range []error{refusal, coap.ErrFormat, coap.ErrTooLarge, ErrClosed} {
		synctest.Test(t, func(t *testing.T) {
			_, f := newFake(t)
			w := f.observe(t, seen("1", 60))
			wants(t, w, "1")
			f.tell(session.Event{Kind: session.EventResponse, ID: 1, Err: want})
			if _, err := w.Next(t.Context()); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}

func TestWatchLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := newFake(t)
		w := f.observe(t, coap.Message{Code: coap.NotFound, Payload: []byte("none")})
		wants(t, w, "none")
		for range 2 {
			if _, err := w.Next(t.Context()); !errors.Is(err, coap.ErrObservationEnded) {
				t.Errorf("behind the last: %v", err)
			}
		}
		if len(f.asked) != 0 {
			t.Error("the server was asked again")
		}
	})
}

// 5.03 to the registration, or as a notification: it is made again when Max-Age has passed,
// and nobody sees the 5.03.
func TestWatchLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := newFake(t)
		began := time.Now()
		w := f.observe(t, *later(coap.ServiceUnavailable, 20))
		done := next(t.Context(), w)
		if a := f.answer(seen("1", 60)); a.at.Sub(began) < 20*time.Second {
			t.Errorf("asked again after %v", a.at.Sub(began))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		done = next(t.Context(), w)
		began = time.Now()
		f.tell(session.Event{Kind: session.EventNotification, ID: f.lastID, Message: *later(coap.TooManyRequests, 200)})
		if a := f.answer(seen("2", 60)); a.at.Sub(began) < 200*time.Second {
			t.Errorf("asked again after %v", a.at.Sub(began))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Who cannot wait is told so.
func TestObserveHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newFake(t)
		c.patience.note(time.Now(), to("a"), later(coap.ServiceUnavailable, 100))
		if _, err := c.Watch(t.Context(), "/a"); !errors.Is(err, ErrLater) || len(f.asked) != 0 {
			t.Errorf("%v, asked %d times", err, len(f.asked))
		}
		if _, err := c.Watch(t.Context(), "//x"); err == nil {
			t.Error("a path that is none")
		}
	})
}

// Cancel and Close end a Next, whatever that waits for.
func TestWatchEnds(t *testing.T) {
	waits := map[string]func(*Conn, *fakeSession){
		"a state": func(*Conn, *fakeSession) {},
		"Max-Age": func(_ *Conn, f *fakeSession) {
			f.tell(session.Event{Kind: session.EventNotification, ID: 1, Message: *later(coap.ServiceUnavailable, 50)})
		},
		"the next try": func(c *Conn, f *fakeSession) {
			f.tell(session.Event{Kind: session.EventNotification, ID: 1, Message: *later(coap.ServiceUnavailable, 5000)})
			time.Sleep(10 * time.Minute)
		},
		"an answer": func(_ *Conn, f *fakeSession) { time.Sleep(100 * time.Second) },
	}
	for name, wait := range waits {
		for _, closed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c, f := newFake(t)
				w := f.observe(t, seen("1", 60))
				wants(t, w, "1")
				done := next(t.Context(), w)
				wait(c, f)
				synctest.Wait()
				began, want := time.Now(), coap.ErrObservationEnded
				if closed {
					want = ErrClosed
					close(c.gone)
					c.cancel()
				} else {
					w.Cancel()
				}
				if err := <-done; !errors.Is(err, want) || time.Since(began) != 0 {
					t.Errorf("%s, closed %v: %v after %v", name, closed, err, time.Since(began))
				}
				if _, err := w.Next(t.Context()); !errors.Is(err, want) {
					t.Errorf("%s, closed %v: then %v", name, closed, err)
				}
			})
		}
	}
}

func TestWatchNextContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := newFake(t)
		w := f.observe(t, seen("1", 60))
		wants(t, w, "1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := <-next(ctx, w); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next: %v", err)
		}
		f.tell(session.Event{Kind: session.EventNotification, ID: 1, Message: seen("2", 60)})
		wants(t, w, "2") // it goes on
	})
}

// Whoever is cancelled while it registers takes that back.
func TestWatchCancelledWhileRegistering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := newFake(t)
		w := f.observe(t, seen("1", 0))
		wants(t, w, "1")
		done := next(t.Context(), w)
		a := <-f.asked
		w.Cancel()
		f.tell(session.Event{Kind: session.EventResponse, ID: a.id, Message: seen("2", 0)})
		if err := <-done; !errors.Is(err, coap.ErrObservationEnded) {
			t.Errorf("Next: %v", err)
		}
		if len(f.cancelled) != 2 {
			t.Errorf("cancelled %v, want both", f.cancelled)
		}
	})
}
