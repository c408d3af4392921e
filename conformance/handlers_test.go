package conformance

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// gauge counts how many of its calls are at work at once.
type gauge struct {
	mu        sync.Mutex
	now, most int
}

// ServeCoAP takes a second; what asks for /panic panics, and /nothing gets no answer.
func (g *gauge) ServeCoAP(ctx context.Context, r *coap.Request) *coap.Message {
	switch r.Path() {
	case "/panic":
		panic("as the test wants it")
	case "/nothing":
		return nil
	case "/block": // which is the engine's business
		return &coap.Message{Code: coap.ContentCode, Options: message.Options{{ID: message.Block2, Value: []byte{6}}}}
	}
	g.mu.Lock()
	g.now++
	g.most = max(g.most, g.now)
	g.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	g.mu.Lock()
	g.now--
	g.mu.Unlock()
	return coap.Content(message.TextPlain, []byte("done"))
}

// TestHandlersOfASession: a session's handlers are few at once; its other requests wait and are
// all served.
func TestHandlersOfASession(t *testing.T) {
	g := new(gauge)
	scenario(t, quiet, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				if answer, err := c.Get(t.Context(), "/x"); err != nil || answer.Code != coap.ContentCode {
					t.Errorf("answer %v, %v", answer.Code, err)
				}
			})
		}
		wg.Wait()
		if g.most != 4 {
			t.Errorf("%d handlers of one session at work at once, want 4", g.most)
		}
	}, func(cfg *server.Config) { cfg.Handler = g })
}

// TestHandlersOverloaded: where all places are taken a request gets 5.03 with Max-Age, which the
// device obeys.
func TestHandlersOverloaded(t *testing.T) {
	g := new(gauge)
	scenario(t, quiet, func(t *testing.T, w *world) {
		first := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer first.Close()
		second, err := node.DialOn(t.Context(), w.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0)), serverAddr,
			config(handshake.XWing, handshake.ModePSK))
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		done := make(chan coap.Code, 1)
		go func() {
			answer, _ := first.Get(t.Context(), "/x")
			done <- answer.Code
		}()
		time.Sleep(rtt)
		impatient, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		answer, err := second.Get(impatient, "/x")
		age, ageErr := answer.Options.GetUint32(message.MaxAge)
		if err != nil || answer.Code != coap.ServiceUnavailable || ageErr != nil || age == 0 {
			t.Errorf("answer %v with Max-Age %d, %v: want 5.03 with one", answer.Code, age, err)
		}
		if code := <-done; code != coap.ContentCode {
			t.Errorf("the one at work: %v", code)
		}
		began := time.Now()
		if answer, err = second.Get(t.Context(), "/x"); err != nil || answer.Code != coap.ContentCode {
			t.Errorf("asked again: %v, %v", answer.Code, err)
		}
		if waited := time.Since(began); waited < 500*time.Millisecond {
			t.Errorf("asked again after %v, before the Max-Age of 1 s", waited)
		}
	}, func(cfg *server.Config) { cfg.Handler, cfg.MaxHandlers = g, 1 })
}

// TestHandlerPanics: 5.00 for its request, and the session goes on.
func TestHandlerPanics(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		for path, want := range map[string]coap.Code{"/panic": coap.InternalServerError, "/block": coap.InternalServerError, "/nothing": coap.NotFound, "/x": coap.ContentCode} {
			if answer, err := c.Get(t.Context(), path); err != nil || answer.Code != want {
				t.Errorf("%s: %v, %v, want %v", path, answer.Code, err, want)
			}
		}
	}, func(cfg *server.Config) { cfg.Handler = new(gauge) })
}

// TestCloseCancelsHandlers: Close does not wait for a handler longer than that takes to notice.
func TestCloseCancelsHandlers(t *testing.T) {
	scenario(t, simnet.Link{}, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		go c.Get(t.Context(), "/x")
		time.Sleep(100 * time.Millisecond)
		start := time.Now()
		w.server.Close()
		<-w.done
		w.done <- nil // for the end of the scenario
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v", took)
		}
	}, func(cfg *server.Config) { cfg.Handler = new(gauge) })
}
