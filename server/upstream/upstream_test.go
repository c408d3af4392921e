package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/internal/plain"
)

var (
	address = netip.MustParseAddrPort("127.0.0.1:5683")
	whole   = Route{Path: "/", Upstream: "coap://127.0.0.1:5683", Identity: "query:device"}
)

// A fakeSession is the device's side of a session.
type fakeSession struct {
	coap.Peer
	done chan struct{}
}

func (s *fakeSession) Done() <-chan struct{} { return s.done }

func request(session int, path string) *coap.Request {
	options := message.Options{{ID: message.URIPath, Value: []byte(path)}}
	return &coap.Request{
		Message: coap.Message{Code: coap.GET, Options: options}, Device: fmt.Sprint("device-", session), SessionID: fmt.Sprint(session),
		Peer: &fakeSession{done: make(chan struct{})},
	}
}

// behind runs a test with a handler before an upstream, in a bubble.
func behind(t *testing.T, cfg Config, upstream coap.Handler, test func(t *testing.T, h *Handler)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1, simnet.Link{})
		defer n.Close()
		l, done := plain.NewListener(plain.Config{Handler: upstream, MaxPeers: 5000}), make(chan struct{})
		socket := n.Listen(address)
		go func() {
			l.Serve(socket)
			close(done)
		}()
		cfg.Dial = func(netip.AddrPort) (PacketConn, error) {
			return n.Listen(netip.AddrPortFrom(address.Addr(), 0)), nil
		}
		h, err := New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		test(t, h)
		h.Close()
		l.Close()
		<-done
	})
}

var built = coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return coap.Status(coap.Valid) })

func TestServe(t *testing.T) {
	hello := coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
		device, _ := r.Query("device")
		return coap.Content(message.TextPlain, []byte(r.Path()+" "+device))
	})
	cfg := Config{Routes: []Route{whole, {Path: "/own", Upstream: BuiltIn}}, BuiltIn: built}
	behind(t, cfg, hello, func(t *testing.T, h *Handler) {
		if got := h.ServeCoAP(t.Context(), request(1, "a")); got.Code != coap.ContentCode || string(got.Payload) != "/a device-1" {
			t.Errorf("answer %v %q", got.Code, got.Payload)
		}
		if got := h.ServeCoAP(t.Context(), request(1, "own")); got.Code != coap.Valid {
			t.Errorf("answer %v", got.Code)
		}
	})
	behind(t, Config{BuiltIn: built}, hello, func(t *testing.T, h *Handler) {
		if got := h.ServeCoAP(t.Context(), request(1, "a")); got.Code != coap.Valid {
			t.Errorf("without routes: %v", got.Code)
		}
	})
}

// A name for the upstream goes along as Uri-Host, a device's does not.
func TestUriHost(t *testing.T) {
	host := coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
		name, _ := r.Options.GetString(message.URIHost)
		return coap.Content(message.TextPlain, []byte(name))
	})
	behind(t, Config{Routes: []Route{whole}, BuiltIn: built}, host, func(t *testing.T, h *Handler) {
		for _, name := range []string{"", "things.example"} {
			to := h.routes[0].route
			to.host = name
			h.routes[0].forward.Close()
			h.routes[0] = h.target(to)
			r := request(1, "a")
			r.Options = append(message.Options{{ID: message.URIHost, Value: []byte("evil")}}, r.Options...)
			if got := h.ServeCoAP(t.Context(), r); string(got.Payload) != name {
				t.Errorf("Uri-Host %q, want %q", got.Payload, name)
			}
		}
	})
}

type streamer struct{ coap.Handler }

func (streamer) Streams(*coap.Message) int { return 7 }

// Only the built-in application takes bodies while they come.
func TestStreams(t *testing.T) {
	routes := []Route{{Path: "/far", Upstream: whole.Upstream}, {Path: "/far/own", Upstream: BuiltIn}}
	for _, app := range []coap.Handler{streamer{built}, built} {
		h, err := New(t.Context(), Config{Routes: routes, BuiltIn: app})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{"far": 0, "other": 7} {
			if _, ok := app.(coap.Streamer); !ok {
				want = 0
			}
			if got := h.Streams(&request(1, path).Message); got != want {
				t.Errorf("%s: %d, want %d", path, got, want)
			}
		}
		h.Close()
	}
}

// Sockets are bounded: those that are not in use make room, and where all are in use a device
// is told to come again.
func TestManySessions(t *testing.T) {
	var mu sync.Mutex
	slow := time.Duration(0)
	h := coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message {
		mu.Lock()
		pause := slow
		mu.Unlock()
		time.Sleep(pause)
		return coap.Status(coap.Changed)
	})
	behind(t, Config{Routes: []Route{whole}, BuiltIn: built, MaxConns: 16}, h, func(t *testing.T, h *Handler) {
		for n := range 2000 {
			if got := h.ServeCoAP(t.Context(), request(n, "a")); got.Code != coap.Changed || h.Conns() > 16 {
				t.Fatalf("session %d: %v, %d sockets", n, got.Code, h.Conns())
			}
		}
		mu.Lock()
		slow = 10 * time.Second
		mu.Unlock()
		codes := make(chan coap.Code, 100)
		for n := range 100 {
			go func() { codes <- h.ServeCoAP(t.Context(), request(n, "a")).Code }()
		}
		count := make(map[coap.Code]int)
		for range 100 {
			count[<-codes]++
		}
		if count[coap.Changed] != 16 || count[coap.ServiceUnavailable] != 84 {
			t.Errorf("answers %v", count)
		}
	})
}

// The socket ends with its session.
func TestSessionEnds(t *testing.T) {
	behind(t, Config{Routes: []Route{whole}, BuiltIn: built}, built, func(t *testing.T, h *Handler) {
		r := request(1, "a")
		h.ServeCoAP(t.Context(), r)
		if h.Conns() != 1 {
			t.Fatalf("%d sockets", h.Conns())
		}
		close(r.Peer.(*fakeSession).done)
		synctest.Wait()
		if h.Conns() != 0 {
			t.Errorf("%d sockets behind the session's end", h.Conns())
		}
	})
}

func TestNewErrors(t *testing.T) {
	for name, routes := range map[string][]Route{
		"twice":     {whole, {Path: "/a", Upstream: BuiltIn}, {Path: "/a/", Upstream: BuiltIn}},
		"no URI":    {{Path: "/"}},
		"elsewhere": {{Path: "/", Upstream: "coap://192.0.2.1"}},
	} {
		if _, err := New(t.Context(), Config{Routes: routes, BuiltIn: built}); !errors.Is(err, ErrRoute) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoSocket(t *testing.T) {
	h, err := New(t.Context(), Config{Routes: []Route{whole}, BuiltIn: built, Dial: func(netip.AddrPort) (PacketConn, error) {
		return nil, errors.New("none left")
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if got := h.ServeCoAP(t.Context(), request(1, "a")); got.Code != coap.ServiceUnavailable {
		t.Errorf("answer %v", got.Code)
	}
}
