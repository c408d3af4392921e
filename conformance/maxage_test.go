package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// A toll is a handler that turns requests away until a time.
type toll struct {
	code   coap.Code
	maxAge byte

	mu      sync.Mutex
	opens   time.Time
	early   int // requests of /held turned away
	entered map[string]int
}

func (h *toll) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Path() == "/held" && time.Now().Before(h.opens) {
		h.early++
		return &coap.Message{Code: h.code, Options: message.Options{{ID: message.MaxAge, Value: []byte{h.maxAge}}}}
	}
	h.entered[r.Path()+string(r.Payload)]++
	r.Observe()
	return coap.Content(message.TextPlain, []byte("in"))
}

// tolls runs f with a device whose server turns it away for a minute, with a Max-Age of 40 s.
func tolls(t *testing.T, f func(t *testing.T, c *node.Conn, h *toll)) {
	for _, code := range []coap.Code{coap.TooManyRequests, coap.ServiceUnavailable} {
		for _, loss := range losses {
			h := &toll{code: code, maxAge: 40, entered: make(map[string]int)}
			scenario(t, lossy(loss), func(t *testing.T, w *world) {
				c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
				defer c.Close()
				if err := c.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
				h.opens = time.Now().Add(time.Minute)
				f(t, c, h)
			}, func(cfg *server.Config) { cfg.Handler = h })
		}
	}
}

// TestMaxAgeObeyed: the device comes back when it may, the others of the path wait with it,
// and each POST is taken once. Other paths are not held up.
func TestMaxAgeObeyed(t *testing.T) {
	tolls(t, func(t *testing.T, c *node.Conn, h *toll) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		post := func(body string) {
			answer, err := c.Post(ctx, "/held", message.TextPlain, []byte(body))
			if err != nil || answer.Code != coap.ContentCode || time.Now().Before(h.opens) {
				t.Errorf("POST: %v, %v", answer.Code, err)
			}
		}
		wg.Go(func() { post("0") })
		time.Sleep(20 * time.Second) // it has been told
		for i := range 5 {
			wg.Go(func() { post(fmt.Sprint(i + 1)) })
		}
		began := time.Now()
		if answer, err := c.Get(ctx, "/free"); err != nil || answer.Code != coap.ContentCode || time.Since(began) > 10*time.Second {
			t.Errorf("another path: %v, %v after %v", answer.Code, err, time.Since(began))
		}
		wg.Wait()
		for i := range 6 {
			if n := h.entered[fmt.Sprint("/held", i)]; n != 1 {
				t.Errorf("POST %d was taken %d times", i, n)
			}
		}
		if h.early > 7 { // the first, and those that come together when its Max-Age has passed
			t.Errorf("%d requests were turned away", h.early)
		}
	})
}

// TestMaxAgeBeyondDeadline: who cannot wait has the server's answer, at once when it is known.
func TestMaxAgeBeyondDeadline(t *testing.T) {
	tolls(t, func(t *testing.T, c *node.Conn, h *toll) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if answer, err := c.Get(ctx, "/held"); err != nil || answer.Code != h.code {
			t.Errorf("GET: %v, %v", answer.Code, err)
		}
		began := time.Now()
		if answer, err := c.Get(ctx, "/held"); err != nil || answer.Code != h.code || time.Since(began) != 0 {
			t.Errorf("again: %v, %v after %v", answer.Code, err, time.Since(began))
		}
		if _, err := c.Watch(ctx, "/held"); !errors.Is(err, node.ErrLater) {
			t.Errorf("Watch: %v", err)
		}
		if h.early != 1 {
			t.Errorf("the server was asked %d times", h.early)
		}
	})
}

// TestMaxAgeObserve: the first that is seen of an observation is a state.
func TestMaxAgeObserve(t *testing.T) {
	tolls(t, func(t *testing.T, c *node.Conn, h *toll) {
		w, err := c.Watch(t.Context(), "/held")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Cancel()
		m, err := w.Next(t.Context())
		if err != nil || string(m.Payload) != "in" || time.Now().Before(h.opens) || h.early > 2 {
			t.Errorf("%v %q, %v, turned away %d times", m.Code, m.Payload, err, h.early)
		}
	})
}
