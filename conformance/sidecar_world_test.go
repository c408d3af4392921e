package conformance

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/plain"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/upstream"
)

// Addresses of the plain programs: of those beside the server, and of those beside the device.
var (
	upstreamAddr = netip.MustParseAddrPort("127.0.0.1:5683")
	proxyAddr    = netip.MustParseAddrPort("127.0.0.2:5683")
	localAddr    = netip.MustParseAddrPort("127.0.0.2:5685")
)

// A sidecar is a plain client, a proxy, a server with an upstream, and a plain program behind
// it, with programs beside the device too.
type sidecar struct {
	*world
	t        *testing.T
	thing    *thing // behind the server
	local    *thing // behind the device
	routes   *upstream.Handler
	proxy    *node.Proxy
	stops    []func()
	thingEnd func()
}

// A shape says how a sidecar differs from the usual.
type shape struct {
	link    simnet.Link // between device and server
	seed    uint64
	routes  []upstream.Route
	serve   bool // what the server asks goes to a program beside the device
	builtIn coap.Handler
	change  func(*node.ProxyConfig)
	idle    time.Duration
}

// beside runs a test with a sidecar in a bubble.
func beside(t *testing.T, s shape, test func(t *testing.T, s *sidecar)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newSidecar(t, s)
		test(t, c)
		for _, stop := range slices.Backward(c.stops) {
			stop()
		}
		c.close()
	})
}

func newSidecar(t *testing.T, s shape) *sidecar {
	t.Helper()
	c := &sidecar{t: t, thing: newThing(), local: newThing()}
	if s.routes == nil {
		s.routes = []upstream.Route{{Path: "/", Upstream: "coap://" + upstreamAddr.String(), Identity: "query:device"}}
	}
	c.world = newWorld(t, s.seed, s.link, func(cfg *server.Config) { c.route(cfg, s) })
	for _, host := range []netip.Addr{upstreamAddr.Addr(), proxyAddr.Addr()} {
		c.net.SetLink(host, host, simnet.Link{})
	}
	c.stops = append(c.stops, func() { c.routes.Close() })
	c.thingEnd = c.program(upstreamAddr, c.thing)
	c.stops = append(c.stops, func() { c.thingEnd() })
	c.stops = append(c.stops, c.program(localAddr, c.local))
	c.startProxy(s)
	return c
}

// route gives the server routes to upstreams, anew each time it is started.
func (c *sidecar) route(cfg *server.Config, s shape) {
	if c.routes != nil {
		c.routes.Close()
	}
	builtIn := s.builtIn
	if builtIn == nil {
		builtIn = cfg.Handler
	}
	var err error
	c.routes, err = upstream.New(context.Background(), upstream.Config{
		Routes: s.routes, BuiltIn: builtIn, IdleTimeout: s.idle,
		Dial: func(netip.AddrPort) (upstream.PacketConn, error) {
			return c.net.Listen(netip.AddrPortFrom(upstreamAddr.Addr(), 0)), nil
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	cfg.Handler, cfg.Forward = c.routes, true
}

// program runs a plain program, and returns what ends it.
func (c *sidecar) program(at netip.AddrPort, h coap.Handler) func() {
	l := plain.NewListener(plain.Config{Handler: h})
	socket, done := c.net.Listen(at), make(chan struct{})
	go func() {
		l.Serve(socket)
		close(done)
	}()
	synctest.Wait()
	return func() {
		l.Close()
		<-done
	}
}

func (c *sidecar) startProxy(s shape) {
	cfg := node.ProxyConfig{
		Device: config(handshake.XWing, handshake.ModeKEM),
		Dial: func(ctx context.Context, device node.Config) (*node.Conn, error) {
			return node.DialOn(ctx, c.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0)), serverAddr, device)
		},
		Plain: func(netip.AddrPort) (node.PacketConn, error) {
			return c.net.Listen(netip.AddrPortFrom(localAddr.Addr(), 0)), nil
		},
	}
	cfg.Device.Server = "coap+pq://example.org"
	if s.serve {
		cfg.Serve = localAddr
	}
	if s.change != nil {
		s.change(&cfg)
	}
	c.proxy = node.NewProxy(cfg)
	socket, done := c.net.Listen(proxyAddr), make(chan struct{})
	go func() {
		c.proxy.Serve(socket)
		close(done)
	}()
	c.stops = append(c.stops, func() {
		c.proxy.Close()
		<-done
	})
}

// client is a plain program that talks to the proxy.
func (c *sidecar) client() *plain.Conn {
	conn := plain.DialOn(c.net.Listen(netip.AddrPortFrom(proxyAddr.Addr(), 0)), proxyAddr, plain.Config{MaxBody: 2 << 20})
	c.stops = append(c.stops, func() { conn.Close() })
	return conn
}

func pathOf(path string, more ...message.Option) message.Options {
	var options message.Options
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		options = append(options, message.Option{ID: message.URIPath, Value: []byte(segment)})
	}
	return append(options, more...)
}

// ask makes a request that must get a code, and returns the body.
func (c *sidecar) ask(peer coap.Peer, want coap.Code, m coap.Message) string {
	c.t.Helper()
	answer, err := peer.Do(c.t.Context(), m)
	if err != nil || answer.Code != want {
		c.t.Errorf("%v: answer %v %q, %v, want %v", m.Code, answer.Code, answer.Payload, err, want)
	}
	return string(answer.Payload)
}

func get(path string, more ...message.Option) coap.Message {
	return coap.Message{Code: coap.GET, Options: pathOf(path, more...)}
}

func put(path string, body []byte) coap.Message {
	return coap.Message{Code: coap.PUT, Options: pathOf(path), Payload: body}
}

// A patient peer waits longer for an answer than those on the way do.
type patient struct{ coap.Peer }

func (p patient) Do(ctx context.Context, m coap.Message) (coap.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return p.Peer.Do(ctx, m)
}
