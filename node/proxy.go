package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/plain"
	"github.com/pqcoap/pqcoap/internal/proxy"
)

// A ProxyConfig says how to be the way of plain CoAP programs to a server.
type ProxyConfig struct {
	Device Config // the device in whose name requests are made; its Handler is not used
	// Serve is the address of a plain CoAP server, which answers what the server asks the
	// device; invalid: nothing does, and the server is answered 4.04.
	Serve   netip.AddrPort
	Timeout time.Duration // of a request and its answer; 0: 80 s
	MaxOpen int           // requests at once; 0: 1024

	Dial  func(context.Context, Config) (*Conn, error)    // nil: Dial with its Server
	Plain func(server netip.AddrPort) (PacketConn, error) // a socket toward Serve; nil: a UDP socket
}

// A Proxy takes requests of plain CoAP programs and makes them at the device's server, inside
// records. Its methods are safe for concurrent use.
type Proxy struct {
	cfg      ProxyConfig
	log      *slog.Logger
	link     *link
	forward  *proxy.Handler
	backward *proxy.Handler // nil: none
	pool     *plain.Pool
	listener *plain.Listener
	closing  sync.Once
}

// proxyTimeout is a little less than clients wait for an answer (MAX_TRANSMIT_WAIT, RFC 7252
// section 4.8.2).
const proxyTimeout = 80 * time.Second

// localIdle is after which time without a request the socket toward a local server is closed.
const localIdle = 5 * time.Minute

// NewProxy makes a proxy, which does nothing before Serve.
func NewProxy(cfg ProxyConfig) *Proxy {
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, device Config) (*Conn, error) { return Dial(ctx, "", device) }
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = proxyTimeout
	}
	if cfg.Device.Log == nil {
		cfg.Device.Log = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{cfg: cfg, log: cfg.Device.Log}
	p.cfg.Device.Forward, p.cfg.Device.Handler = true, nil
	if cfg.Serve.IsValid() {
		p.pool = plain.NewPool(1, localIdle)
		p.backward = proxy.New(proxy.Config{
			Upstream: p.local, Name: "pqcoap-node", HopLimit: proxy.DefaultHopLimit, Timeout: cfg.Timeout, Log: p.log,
		})
		p.cfg.Device.Handler = p.backward
	}
	p.link = newLink(p.log, func(ctx context.Context) (*Conn, error) { return cfg.Dial(ctx, p.cfg.Device) })
	p.forward = proxy.New(proxy.Config{
		Upstream: p.server, Serves: p.serves, Name: "pqcoap-node", Timeout: cfg.Timeout, MaxOpen: cfg.MaxOpen, Log: p.log,
	})
	p.listener = plain.NewListener(plain.Config{Handler: p.forward, Log: p.log})
	return p
}

// Serve serves plain programs on a socket, which belongs to the proxy from here on, until
// Close; then it returns ErrClosed. The session is opened at once, in the background, and
// again by the first request after its end; with ProxyConfig.Serve as soon as it has ended.
// Where the server refuses the device before there was any session, Serve returns that.
func (p *Proxy) Serve(socket PacketConn) error {
	ctx, cancel := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	tasks.Go(func() { p.keep(ctx) })
	ended := make(chan struct{})
	tasks.Go(func() {
		p.listener.Serve(socket)
		close(ended)
	})
	defer p.Close()
	select {
	case err := <-p.link.refused:
		return err
	case <-ended:
		return ErrClosed
	}
}

// keep opens a session and, where the server may ask for something, another when that has
// ended.
func (p *Proxy) keep(ctx context.Context) {
	for ctx.Err() == nil {
		peer, err := p.link.peer(ctx)
		switch {
		case errors.Is(err, ErrClosed), err == nil && p.backward == nil:
			return
		case err != nil: // refused: not before the next attempt may be made
			select {
			case <-time.After(firstRetry):
			case <-ctx.Done():
			}
			continue
		}
		select {
		case <-peer.Done():
		case <-ctx.Done():
		}
	}
}

// Close ends the session and all requests, tells the server, and closes the sockets.
func (p *Proxy) Close() error {
	err := ErrClosed
	p.closing.Do(func() {
		err = nil
		p.forward.Close()
		p.listener.Close()
		p.link.close()
		if p.backward != nil {
			p.backward.Close()
			p.pool.Close()
		}
	})
	return err
}

// server is the upstream of plain programs.
func (p *Proxy) server(ctx context.Context, _ *coap.Request) (coap.Peer, func(), error) {
	peer, err := p.link.peer(ctx)
	if err != nil {
		return nil, nil, err
	}
	return peer, func() {}, nil
}

// local is the upstream of the server.
func (p *Proxy) local(context.Context, *coap.Request) (coap.Peer, func(), error) {
	conn, release, err := p.pool.Get("", func() (*plain.Conn, error) {
		cfg := plain.Config{Log: p.log}
		if p.cfg.Plain == nil {
			return plain.Dial(p.cfg.Serve, cfg)
		}
		socket, err := p.cfg.Plain(p.cfg.Serve)
		if err != nil {
			return nil, err
		}
		return plain.DialOn(socket, p.cfg.Serve, cfg), nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", proxy.ErrUnavailable, err)
	}
	return conn, release, nil
}

// serves tells whether an authority is that of the server: coap+pq with its port, or coap with
// any, since a program that was written for another server does not know of this one.
func (p *Proxy) serves(scheme, host string, port uint16) bool {
	name, number := authority(p.cfg.Device.Server)
	if scheme == proxy.SchemePQ && port != number {
		return false
	}
	if strings.EqualFold(host, name) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	at := p.link.remote()
	return err == nil && at.IsValid() && ip.Unmap() == at.Addr()
}

// authority takes the server of a configuration apart.
func authority(text string) (host string, port uint16) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, Scheme), "/")
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		host, number = strings.Trim(text, "[]"), DefaultPort
	}
	n, _ := strconv.ParseUint(number, 10, 16) // 0 is no port of a URI
	return host, uint16(n)
}
