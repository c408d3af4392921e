package node

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// Devices whose sessions a server has lost come back over a while, and their requests with them.
func TestReset(t *testing.T) {
	const devices = 40
	var at [devices]time.Duration
	inWorld(t, quiet, func(t *testing.T, w *world) {
		var conns []*Conn
		for range devices {
			cfg := w.config()
			cfg.Key, cfg.State = nil, "" // anonymous: they are many
			c := w.dial(cfg)
			defer c.Close()
			conns = append(conns, c)
		}
		time.Sleep(time.Second)
		w.crash()
		begin := time.Now()
		var all sync.WaitGroup
		for i, c := range conns {
			all.Go(func() {
				if _, err := c.Get(t.Context(), "/"); err != nil {
					t.Error(err)
				}
				at[i] = time.Since(begin)
				c.by(t, "resumption")
			})
		}
		all.Wait()
		seconds := make(map[int]int)
		for _, d := range at {
			seconds[int(d.Seconds())]++
		}
		for s, n := range seconds {
			if n > devices/3 || s > 10 {
				t.Errorf("%d of %d come back in second %d", n, devices, s)
			}
		}
		if n := w.server.Opened(); n != 2*devices {
			t.Errorf("%d sessions", n)
		}
	})
}

// Nobody asks anything: the session comes back by itself, so that the server can ask.
func TestResetAlone(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := w.dial(w.config())
		defer c.Close()
		time.Sleep(time.Second)
		w.crash()
		go c.Get(within(t, 2*delay), "/") // gives up before
		time.Sleep(defaultSpread + time.Second)
		c.by(t, "resumption")
	})
}

// What was open goes again where that does no harm. The outcome of the rest is not known.
func TestResetOpenRequests(t *testing.T) {
	for code, again := range map[coap.Code]bool{
		coap.GET: true, coap.PUT: true, coap.DELETE: true, coap.FETCH: true, coap.IPATCH: true,
		coap.POST: false, coap.PATCH: false,
	} {
		inWorld(t, quiet, func(t *testing.T, w *world) {
			cfg := w.config()
			cfg.Spread = -1
			c := w.dial(cfg)
			defer c.Close()
			time.Sleep(time.Second)
			w.crash()
			_, err := c.Do(t.Context(), coap.Message{Code: code})
			switch {
			case again && (err != nil || len(w.asked) != 1):
				t.Errorf("%v: %v, reached the server %d times", code, err, len(w.asked))
			case !again && (!errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, session.ErrReset) || len(w.asked) != 0):
				t.Errorf("%v: %v", code, err)
			}
			w.ask(c)
		})
	}
}

// A request that does not wait for so long fails with its deadline, and with why.
func TestResetDeadline(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Spread = 1000 * time.Hour
		c := w.dial(cfg)
		defer c.Close()
		time.Sleep(time.Second)
		w.crash()
		_, err := c.Get(within(t, 5*time.Second), "/")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, session.ErrReset) {
			t.Errorf("error %v", err)
		}
	})
}

// Attempts that fail are made one at a time and less and less often.
func TestBackOff(t *testing.T) {
	refused := false
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.State = ""
		c := w.dial(cfg)
		defer c.Close()
		refused = true
		c.ticket = nil
		w.crash()
		attempts := 0
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			if d.To == serverAddr && d.Payload[0]>>6 == 1 && len(d.Payload) > 800 {
				attempts++
			}
			return simnet.Verdict{}
		})
		ctx := within(t, time.Hour)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for ctx.Err() == nil {
					var refusal *handshake.Refusal
					if _, err := c.Get(ctx, "/"); err == nil || ctx.Err() == nil && !errors.As(err, &refusal) {
						t.Errorf("error %v", err)
					}
				}
			})
		}
		all.Wait()
		if attempts < 10 || attempts > 40 {
			t.Errorf("%d attempts in an hour", attempts)
		}
		refused = false
		if _, err := c.Get(within(t, lastPause+time.Second), "/"); err != nil {
			t.Errorf("when the server takes it again: %v", err)
		}
	}, func(cfg *session.ServerConfig) {
		allow := cfg.Authorize
		cfg.Authorize = func(s handshake.Suite, c handshake.ClientCredential) (session.Client, error) {
			if refused {
				return session.Client{}, errTest
			}
			return allow(s, c)
		}
	})
}

// Nothing that somebody makes up ends a session.
func TestForgedReset(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := w.dial(w.config())
		defer c.Close()
		w.ask(c)
		forger := w.net.Listen(deviceAddr)
		to := c.LocalAddr()
		for n := range 100 {
			forger.WriteToUDPAddrPort(make([]byte, n), to)
			c.mu.Lock()
			c.receive(time.Now(), append([]byte{0x23}, make([]byte, n)...)) // as if the server had sent it
			c.mu.Unlock()
		}
		w.ask(c)
		if w.server.Opened() != 1 {
			t.Errorf("%d sessions", w.server.Opened())
		}
	})
}
