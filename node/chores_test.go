package node

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
)

// A link that says nothing is asked for a sign of life, no more often than configured.
func TestKeepAlive(t *testing.T) {
	for _, every := range []time.Duration{0, 25 * time.Second} {
		inWorld(t, quiet, func(t *testing.T, w *world) {
			cfg := w.config()
			cfg.KeepAlive = every
			c := w.dial(cfg)
			defer c.Close()
			w.ask(c)
			time.Sleep(10 * time.Second)
			n := w.count(func() { time.Sleep(time.Hour) })
			if every == 0 && n != 0 || every != 0 && (n < 200 || n > 300) {
				t.Errorf("every %v: %d datagrams in an hour", every, n)
			}
		})
	}
}

// A server that has gone silent is found out, and the next session begins when it is back.
func TestKeepAliveSilence(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.KeepAlive = 25 * time.Second
		c := w.dial(cfg)
		defer c.Close()
		w.ask(c)
		time.Sleep(time.Second)
		w.net.Filter(func(simnet.Datagram) simnet.Verdict { return simnet.Verdict{Drop: true} })
		time.Sleep(cfg.KeepAlive + silence + time.Second)
		c.mu.Lock()
		if c.active.isOpen() {
			t.Error("the session is taken to be open still")
		}
		c.mu.Unlock()
		time.Sleep(time.Hour)
		w.net.Filter(nil)
		time.Sleep(lastPause + time.Minute)
		c.mu.Lock()
		if !c.active.isOpen() {
			t.Error("no session has begun")
		}
		c.mu.Unlock()
		w.ask(c)
	})
}

// Fresh secrets come beside a session that goes on: no request fails, and none waits for it.
func TestFresh(t *testing.T) {
	for _, loss := range []float64{0, 0.1} {
		inWorld(t, simnet.Link{Delay: delay, Loss: loss}, func(t *testing.T, w *world) {
			cfg := w.config()
			cfg.FreshAfter = time.Minute
			c := w.dial(cfg)
			defer c.Close()
			ids := make(map[[16]byte]bool)
			var longest time.Duration
			var all sync.WaitGroup
			for range 10 * 60 * 10 {
				all.Go(func() { // ten requests a second, whatever becomes of those before
					begin := time.Now()
					w.ask(c)
					w.mu.Lock()
					longest = max(longest, time.Since(begin))
					w.mu.Unlock()
				})
				time.Sleep(100 * time.Millisecond)
				ids[c.Session().SessionID] = true
			}
			all.Wait()
			if n := len(ids); n < 10 || n > 11 || w.server.Opened() != n {
				t.Errorf("loss %v: %d sessions in ten minutes, %d at the server", loss, n, w.server.Opened())
			}
			if len(w.asked) != 6000 {
				t.Errorf("loss %v: %d requests reached the server", loss, len(w.asked))
			}
			if loss == 0 && longest > 3*delay {
				t.Errorf("a request took %v", longest)
			}
			c.by(t, "handshake")
			time.Sleep(30 * time.Second) // to the middle between two of them
			if s := w.server.Stats(); s.Sessions != 1 {
				t.Errorf("loss %v: %d sessions are left", loss, s.Sessions)
			}
		})
	}
}

// What is open when the session is replaced has its time to end, and is asked again behind that.
func TestFreshOpenRequests(t *testing.T) {
	for _, takes := range []time.Duration{5 * time.Second, 30 * time.Second} {
		inWorld(t, quiet, func(t *testing.T, w *world) {
			cfg := w.config()
			cfg.FreshAfter = time.Minute
			c := w.dial(cfg)
			defer c.Close()
			w.ask(c)
			time.Sleep(time.Minute - 100*time.Millisecond)
			w.answer = func(m coap.Message) *coap.Message {
				w.answer = nil
				w.mu.Unlock()
				defer w.mu.Lock()
				time.Sleep(takes)
				return coap.Content(0, nil)
			}
			if _, err := c.Get(t.Context(), "/"); err != nil {
				t.Errorf("one that takes %v: %v", takes, err)
			}
			if n := w.server.Opened(); n != 2 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// A handshake beside the session that fails is tried again later, and the session goes on.
func TestFreshFails(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.FreshAfter = time.Minute
		c := w.dial(cfg)
		defer c.Close()
		w.ask(c)
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			return simnet.Verdict{Drop: d.To == serverAddr && d.Payload[0]>>6 == 1}
		})
		for range 6 {
			time.Sleep(10 * time.Minute)
			w.ask(c)
		}
		if n := w.server.Opened(); n != 1 {
			t.Errorf("%d sessions", n)
		}
		w.net.Filter(nil)
		time.Sleep(lastFreshRetry + time.Minute)
		w.ask(c)
		if n := w.server.Opened(); n < 2 {
			t.Error("no fresh session when it is possible again")
		}
	})
}

// A session that ends while the next begins beside it is followed by that one.
func TestFreshTakesOver(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.FreshAfter = time.Minute
		c := w.dial(cfg)
		defer c.Close()
		w.ask(c)
		time.Sleep(time.Minute - delay)
		c.mu.Lock()
		c.refresh(time.Now().Add(time.Minute))
		now := time.Now()
		c.active.device.Close(now, &c.active.out)
		c.active.flush(now)
		c.settle(now)
		c.mu.Unlock()
		w.ask(c)
		if n := w.server.Opened(); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}

// A machine that was suspended asks for a sign of life before it trusts its session with a
// request. A clock that is set back is nothing.
func TestSuspended(t *testing.T) {
	for _, gone := range []bool{false, true} {
		inWorld(t, quiet, func(t *testing.T, w *world) {
			cfg := w.config()
			cfg.Spread = -1
			c := w.dial(cfg)
			defer c.Close()
			w.ask(c)
			time.Sleep(time.Second)
			suspend := func(d time.Duration) {
				c.mu.Lock()
				c.clock.wall = c.clock.wall.Add(-d)
				c.mu.Unlock()
			}
			suspend(-8 * time.Hour)
			if n := w.count(func() { w.ask(c) }); n != 2 {
				t.Errorf("%d datagrams with a clock set back", n)
			}
			suspend(8 * time.Hour)
			if gone {
				w.crash()
			}
			w.ask(c) // a POST, which is not put at risk
			synctest.Wait()
			if gone {
				c.by(t, "resumption")
			}
			if n := len(w.asked); n != 3 {
				t.Errorf("%d requests", n)
			}
		})
	}
}
