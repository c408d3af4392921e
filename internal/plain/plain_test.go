package plain

import (
	"bytes"
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
)

var (
	serverAddr = netip.MustParseAddrPort("192.0.2.1:5683")
	clientAddr = netip.MustParseAddr("192.0.2.2")
)

// A world is a listener on a simulated network, in a bubble of its own.
type world struct {
	t        *testing.T
	net      *simnet.Network
	listener *Listener
	done     chan error
}

// run runs a test in a bubble with a listener.
func run(t *testing.T, link simnet.Link, cfg Config, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: simnet.New(1, link), listener: NewListener(cfg), done: make(chan error, 1)}
		socket := w.net.Listen(serverAddr)
		go func() { w.done <- w.listener.Serve(socket) }()
		synctest.Wait()
		test(t, w)
		w.listener.Close()
		if err := <-w.done; err != ErrClosed {
			t.Errorf("Serve: %v", err)
		}
		w.net.Close()
	})
}

// dial connects from an address of its own.
func (w *world) dial(cfg Config) *Conn {
	c := DialOn(w.net.Listen(netip.AddrPortFrom(clientAddr, 0)), serverAddr, cfg)
	w.t.Cleanup(func() { c.Close() })
	return c
}

// peers is how many clients are known.
func (w *world) peers() int {
	w.listener.hub.mu.Lock()
	defer w.listener.hub.mu.Unlock()
	return len(w.listener.hub.peers)
}

func (w *world) held() int {
	w.listener.hub.mu.Lock()
	defer w.listener.hub.mu.Unlock()
	return w.listener.hub.held
}

func body(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	return b
}

// echo gives bodies back.
var echo = coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
	return &coap.Message{Code: coap.Changed, Payload: r.Payload}
})

func path(segment string) message.Options {
	return message.Options{{ID: message.URIPath, Value: []byte(segment)}}
}

func (w *world) echoed(c *Conn, n int) {
	w.t.Helper()
	answer, err := c.Do(w.t.Context(), coap.Message{Code: coap.PUT, Options: path("a"), Payload: body(n)})
	if err != nil || !bytes.Equal(answer.Payload, body(n)) {
		w.t.Errorf("%d bytes: answer %v with %d bytes, %v", n, answer.Code, len(answer.Payload), err)
	}
}

// Whole bodies go both ways, whatever the path does.
func TestBodies(t *testing.T) {
	for _, link := range []simnet.Link{{}, {Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: .1, Duplicate: .1}} {
		run(t, link, Config{Handler: echo}, func(_ *testing.T, w *world) {
			c := w.dial(Config{})
			for _, n := range []int{0, 1, 1024, 1025, 100_000} {
				w.echoed(c, n)
			}
		})
	}
}

// Who is asked can ask back, through the address that the request came from.
func TestBothWays(t *testing.T) {
	back := coap.HandlerFunc(func(ctx context.Context, r *coap.Request) *coap.Message {
		answer, err := r.Peer.Do(ctx, coap.Message{Code: coap.GET, Options: path("name")})
		if err != nil {
			return coap.Status(coap.InternalServerError)
		}
		return coap.Content(message.TextPlain, answer.Payload)
	})
	name := coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message {
		return coap.Content(message.TextPlain, []byte("me"))
	})
	run(t, simnet.Link{}, Config{Handler: back}, func(t *testing.T, w *world) {
		answer, err := w.dial(Config{Handler: name}).Do(t.Context(), coap.Message{Code: coap.GET})
		if err != nil || string(answer.Payload) != "me" {
			t.Errorf("answer %v %q, %v", answer.Code, answer.Payload, err)
		}
		if answer, err = w.dial(Config{}).Do(t.Context(), coap.Message{Code: coap.GET}); answer.Code != coap.ContentCode || err != nil {
			t.Errorf("a client without resources: %v, %v", answer.Code, err)
		}
	})
}

func TestNoHandler(t *testing.T) {
	run(t, simnet.Link{}, Config{}, func(t *testing.T, w *world) {
		answer, err := w.dial(Config{}).Do(t.Context(), coap.Message{Code: coap.GET})
		if err != nil || answer.Code != coap.NotFound {
			t.Errorf("answer %v, %v", answer.Code, err)
		}
	})
}
