// Package upstream is a [coap.Handler] that sends the requests of devices on to plain CoAP
// servers, by their path, with the authenticated name of the device where that is wanted.
//
//	h, err := upstream.New(ctx, upstream.Config{
//		Routes:  []upstream.Route{{Path: "/", Upstream: "coap://127.0.0.1:5683", Identity: "query:device"}},
//		BuiltIn: application,
//	})
//	srv, err := server.New(folder.Config(h))
//	defer h.Close()
//
// Each session has a socket of its own toward each upstream, so that block-wise transfers and
// observations of devices never mix there, and an upstream can ask the device by sending
// requests to the address that the device's requests come from.
package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/plain"
	"github.com/pqcoap/pqcoap/internal/proxy"
)

// Defaults of a Config.
const (
	DefaultMaxConns    = 4096
	DefaultIdleTimeout = 15 * time.Minute
	// DefaultTimeout is a little less than devices wait for an answer.
	DefaultTimeout = 50 * time.Second
)

// A PacketConn is what is needed of a UDP socket; *net.UDPConn is one.
type PacketConn = plain.PacketConn

// A Config says which requests go where.
type Config struct {
	Routes  []Route
	BuiltIn coap.Handler // of routes to BuiltIn, and of what no route is for

	Timeout     time.Duration // of a request and its answer; 0: 50 s
	MaxConns    int           // sockets toward upstreams at once; 0: 4096
	IdleTimeout time.Duration // after which an unused one is closed; 0: 15 min
	Log         *slog.Logger  // nil: none

	Dial func(server netip.AddrPort) (PacketConn, error) // nil: a UDP socket
}

// A Handler is safe for concurrent use.
type Handler struct {
	cfg      Config
	routes   []target
	pool     *plain.Pool
	backward *proxy.Handler
}

// A target is a route and what serves it.
type target struct {
	route
	handler coap.Handler
	forward *proxy.Handler // nil: built in
}

// New checks routes and makes a handler of them, which is to be closed.
func New(ctx context.Context, cfg Config) (*Handler, error) {
	if cfg.MaxConns == 0 {
		cfg.MaxConns = DefaultMaxConns
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = DefaultIdleTimeout
	}
	h := &Handler{cfg: cfg, pool: plain.NewPool(cfg.MaxConns, cfg.IdleTimeout)}
	h.backward = proxy.New(proxy.Config{Upstream: h.device, Name: name, Timeout: cfg.Timeout, Log: cfg.Log})
	routes, errs := checkAll(ctx, cfg.Routes)
	for i, err := range errs {
		if err != nil {
			h.Close()
			return nil, err
		}
		h.routes = append(h.routes, h.target(routes[i]))
	}
	return h, nil
}

// name stands in what is said about loops (RFC 8768 section 4).
const name = "pqcoap-server"

func (h *Handler) target(r route) target {
	if r.builtIn {
		return target{route: r, handler: h.cfg.BuiltIn}
	}
	forward := proxy.New(proxy.Config{
		Upstream: func(_ context.Context, req *coap.Request) (coap.Peer, func(), error) { return h.conn(r.address, req) },
		Rewrite:  func(req *coap.Request, options message.Options) message.Options { return r.rewrite(req, options) },
		Name:     name, HopLimit: proxy.DefaultHopLimit, Timeout: h.cfg.Timeout, Log: h.cfg.Log,
	})
	return target{route: r, handler: forward, forward: forward}
}

func (r *route) rewrite(req *coap.Request, options message.Options) message.Options {
	if r.host != "" {
		options = proxy.Insert(options, message.Option{ID: message.URIHost, Value: []byte(r.host)})
	}
	return r.identity.attach(options, req.Device)
}

// route is the longest one for a path, nil where there is none.
func (h *Handler) route(path []string) (longest *target) {
	for i := range h.routes {
		t := &h.routes[i]
		if t.matches(path) && (longest == nil || len(t.segments) > len(longest.segments)) {
			longest = t
		}
	}
	return longest
}

// ServeCoAP sends a request where its path leads.
func (h *Handler) ServeCoAP(ctx context.Context, r *coap.Request) *coap.Message {
	t := h.route(segments(r.Options))
	if t == nil {
		return h.cfg.BuiltIn.ServeCoAP(ctx, r)
	}
	return t.handler.ServeCoAP(ctx, r)
}

// Streams implements coap.Streamer: the built-in application may take bodies while they come,
// what goes to an upstream comes whole.
func (h *Handler) Streams(m *coap.Message) (max int) {
	own, ok := h.cfg.BuiltIn.(coap.Streamer)
	if t := h.route(segments(m.Options)); ok && (t == nil || t.builtIn) {
		return own.Streams(m)
	}
	return 0
}

// conn is the socket of the request's session toward an upstream. It is closed with the
// session.
func (h *Handler) conn(address netip.AddrPort, r *coap.Request) (coap.Peer, func(), error) {
	key := r.SessionID + " " + address.String()
	conn, release, err := h.pool.Get(key, func() (*plain.Conn, error) {
		device := via{r.Peer, key}
		conn, err := h.dial(address, plain.Config{Log: h.cfg.Log, Handler: coap.HandlerFunc(
			func(ctx context.Context, r *coap.Request) *coap.Message {
				return h.backward.ServeCoAP(context.WithValue(ctx, viaKey{}, device), r)
			})})
		if err != nil {
			return nil, err
		}
		go func() {
			select {
			case <-device.peer.Done():
				h.pool.Forget(key)
			case <-conn.Done():
			}
		}()
		return conn, nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", proxy.ErrUnavailable, err)
	}
	return conn, release, nil
}

func (h *Handler) dial(address netip.AddrPort, cfg plain.Config) (*plain.Conn, error) {
	if h.cfg.Dial == nil {
		return plain.Dial(address, cfg)
	}
	socket, err := h.cfg.Dial(address)
	if err != nil {
		return nil, err
	}
	return plain.DialOn(socket, address, cfg), nil
}

// A via is the device that an upstream's request is for, and the key of the socket that it
// came through.
type via struct {
	peer coap.Peer
	key  string
}

type viaKey struct{}

// device is the upstream of requests that an upstream makes. Their socket is in use meanwhile.
func (h *Handler) device(ctx context.Context, _ *coap.Request) (coap.Peer, func(), error) {
	v := ctx.Value(viaKey{}).(via)
	_, release, err := h.pool.Get(v.key, func() (*plain.Conn, error) { return nil, plain.ErrClosed })
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", proxy.ErrUnavailable, err)
	}
	return v.peer, release, nil
}

// Conns is how many sockets toward upstreams there are.
func (h *Handler) Conns() int { return h.pool.Len() }

// Close ends observations and closes the sockets toward upstreams. No request may be under way.
func (h *Handler) Close() error {
	for _, t := range h.routes {
		if t.forward != nil {
			t.forward.Close()
		}
	}
	h.backward.Close()
	h.pool.Close()
	return nil
}
