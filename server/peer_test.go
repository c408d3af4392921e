package server

import (
	"errors"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A peer stands for its session while that rests, and what is asked of it wakes the session.
func TestPeerOfASessionAtRest(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		held := w.server.Device("a")
		for i, ask := range map[string]func() error{
			"a request": func() error { _, err := held.Do(t.Context(), coap.Message{Code: coap.GET}); return err },
			"a ping":    func() error { return held.Ping(t.Context()) },
			"a stream": func() error {
				_, r, err := held.Stream(t.Context(), coap.Message{Code: coap.GET}, nil)
				return errors.Join(err, r.Close())
			},
			"an address": func() error { held.RemoteAddr(); return nil },
		} {
			time.Sleep(2 * time.Minute)
			woken := w.server.Stats().Woken
			if st := w.server.Stats(); st.Resting != 1 || w.server.Device("a") != held {
				t.Errorf("before %s: %d at rest, another peer %v", i, st.Resting, w.server.Device("a") != held)
			}
			if err := ask(); err != nil {
				t.Errorf("%s: %v", i, err)
			}
			if got := w.server.Stats().Woken; got != woken+1 {
				t.Errorf("%s: %d sessions woken, want 1", i, got-woken)
			}
		}
		if got := held.RemoteAddr(); got != deviceAddr {
			t.Errorf("address %v", got)
		}
		d.close()
	})
}

// Who waits for the end of a session keeps it awake, and is told.
func TestPeerDone(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		held := w.server.Device("a")
		time.Sleep(2 * time.Minute)
		done := held.Done()
		time.Sleep(2 * time.Minute)
		if st := w.server.Stats(); st.Resting != 0 || st.Awake != 1 {
			t.Errorf("%d at rest", st.Resting)
		}
		select {
		case <-done:
			t.Error("done before the end")
		default:
		}
		if err := held.Close(); err != nil {
			t.Error(err)
		}
		<-done
		<-held.Done()
		if err := held.Ping(t.Context()); !errors.Is(err, session.ErrClosed) {
			t.Errorf("a ping behind the end: %v", err)
		}
		if err := held.Close(); !errors.Is(err, session.ErrClosed) {
			t.Errorf("a second end: %v", err)
		}
		if held.RemoteAddr().IsValid() {
			t.Error("an address behind the end")
		}
		d.close()
	})
}

// What is queued for a device whose session rests goes out when it is heard, and its session is
// not woken before.
func TestQueueForASessionAtRest(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		time.Sleep(2 * time.Minute)
		q, err := w.server.Queue("a", coap.Message{Code: coap.GET}, QueueOptions{Expiry: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if st := w.server.Stats(); st.Woken != 0 || st.Resting != 1 {
			t.Errorf("%d woken, %d at rest", st.Woken, st.Resting)
		}
		d.get()
		if _, err := q.Wait(w.within(time.Minute)); err != nil {
			t.Error(err)
		}
		d.close()
	})
}

// Recheck asks about sessions at rest, and ends those that are not let in any more.
func TestRecheckAtRest(t *testing.T) {
	barred := false
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		time.Sleep(2 * time.Minute)
		if n, st := w.server.Recheck(), w.server.Stats(); n != 0 || st.Woken != 0 || st.Resting != 1 {
			t.Errorf("%d ended, %d woken, %d at rest", n, st.Woken, st.Resting)
		}
		barred = true
		if n := w.server.Recheck(); n != 1 || w.server.Device("a") != nil {
			t.Errorf("%d ended", n)
		}
		if err := <-d.ended; errors.Is(err, session.ErrReset) {
			t.Errorf("the device was not told: %v", err)
		}
		d.close()
	}, func(cfg *Config) {
		cfg.Authorize = func(s handshake.Suite, c handshake.ClientCredential) (Client, error) {
			if barred {
				return Client{}, errStranger
			}
			return authorize(s, c)
		}
	})
}
