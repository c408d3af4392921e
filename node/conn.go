package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
)

// ErrClosed is given by the methods of a Conn that has been closed.
var ErrClosed = errors.New("node: connection closed")

// Stats is what the current session has cost: see [session.DeviceStats].
type Stats = session.DeviceStats

// errorPause keeps a socket that reports an error at each read from taking all of a core.
const errorPause = 10 * time.Millisecond

// receiveBuffer holds the largest UDP payload.
const receiveBuffer = 1 << 16

// A Conn is a device's connection to its server, a [coap.Peer]. It outlives its sessions: when
// one has ended, the next request opens another.
type Conn struct {
	cfg      Config
	socket   PacketConn
	server   netip.AddrPort
	tasks    sync.WaitGroup // the reader and handlers
	gone     chan struct{}  // closed by Close
	cancel   context.CancelFunc
	patience patience

	mu     sync.Mutex
	owner  *endpoint.Owner
	device *session.Device
	opened chan struct{}      // closed when the handshake under way has ended, well or not
	end    *endpoint.Endpoint // of the session that is open
	err    error              // why the last session ended
	closed bool
	timer  *time.Timer
	out    session.Outbox
}

// maxHandlers is how many of a device's handlers may be at work at once.
const maxHandlers = 16

// Dial opens a session with the server at addr, or the one that cfg names where addr is
// empty. It returns when the server has proven that it holds the pinned key (in mode psk the
// server proves the pre-shared key by its first record, before any answer is delivered).
func Dial(ctx context.Context, addr string, cfg Config) (*Conn, error) {
	if addr == "" {
		addr = cfg.Server
	}
	server, err := resolve(ctx, addr)
	if err != nil {
		return nil, err
	}
	socket, err := listen(server)
	if err != nil {
		return nil, fmt.Errorf("node: socket: %w", err)
	}
	return DialOn(ctx, socket, server, cfg)
}

// DialOn is Dial on a socket of the caller's, which belongs to the Conn from here on: it is
// closed with it, and when DialOn fails.
func DialOn(ctx context.Context, socket PacketConn, server netip.AddrPort, cfg Config) (*Conn, error) {
	c := &Conn{
		cfg:    cfg,
		socket: socket,
		server: netip.AddrPortFrom(server.Addr().Unmap(), server.Port()),
		gone:   make(chan struct{}),
	}
	handlers, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.owner = &endpoint.Owner{
		Lock: &c.mu, Context: handlers, Handler: cfg.Handler, Log: cfg.Log, Tasks: &c.tasks, Most: maxHandlers,
	}
	if c.owner.Log == nil {
		c.owner.Log = slog.New(slog.DiscardHandler)
	}
	c.timer = time.AfterFunc(time.Hour, c.tick)
	c.timer.Stop()
	c.tasks.Go(c.read)
	if _, err := c.ready(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("node: %s: %w", c.server, err)
	}
	return c, nil
}

// ready returns the open session's endpoint; it starts a handshake where none is under way.
func (c *Conn) ready(ctx context.Context) (*endpoint.Endpoint, error) {
	opened, end, err := c.underway()
	if opened == nil {
		return end, err
	}
	select {
	case <-opened:
	case <-ctx.Done():
		return nil, c.giveUp(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == nil {
		return nil, c.err
	}
	return c.end, nil
}

// underway returns the endpoint, or what is closed when the handshake has ended.
func (c *Conn) underway() (opened chan struct{}, end *endpoint.Endpoint, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, nil, ErrClosed
	case c.end != nil:
		return nil, c.end, nil
	case c.opened == nil:
		err = c.start()
	}
	return c.opened, nil, err
}

// giveUp adds to the context's error what the server, or somebody else, has said so far.
func (c *Conn) giveUp(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.device != nil {
		if hint := c.device.Hint(); hint != nil {
			return fmt.Errorf("%w; %w", ctx.Err(), hint)
		}
	}
	return ctx.Err()
}

// start begins a handshake. The caller holds the lock.
func (c *Conn) start() error {
	now := time.Now()
	known := c.cfg.Memory.of(c.server, now)
	device, err := session.NewDevice(now, session.DeviceConfig{
		Server:        c.cfg.Trust,
		Suite:         c.cfg.Suite,
		Fingerprint:   c.cfg.Fingerprint,
		Key:           c.cfg.Key,
		PSK:           c.cfg.PSK,
		MaxUDPPayload: c.cfg.MaxUDPPayload,
		MaxBody:       c.cfg.MaxBody,
		Stream:        endpoint.Streams(c.cfg.Handler),
		IdleTimeout:   c.cfg.IdleTimeout,
		Forward:       c.cfg.Forward,
		Rand:          rand.Reader,
		PathPayload:   known.path,
		Echo:          known.echo,
		RTT:           known.rtt,
	}, &c.out)
	if err != nil {
		c.out.Reset()
		return err
	}
	c.device, c.err, c.opened = device, nil, make(chan struct{})
	c.flush(now)
	return nil
}

// read takes datagrams until the socket is closed.
func (c *Conn) read() {
	buf := make([]byte, receiveBuffer)
	for {
		n, from, err := c.socket.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(errorPause)
			continue
		}
		if netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) != c.server {
			continue
		}
		c.mu.Lock()
		if c.device != nil {
			now := time.Now()
			c.device.Receive(now, buf[:n], &c.out)
			c.flush(now)
		}
		c.mu.Unlock()
	}
}

// tick runs when the session's deadline has come.
func (c *Conn) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.device != nil && !c.closed {
		now := time.Now()
		c.device.Advance(now, &c.out)
		c.flush(now)
	}
}

// flush sends, takes events and arms the timer. The caller holds the lock.
func (c *Conn) flush(now time.Time) {
	for ev, ok := c.device.Next(); ok; ev, ok = c.device.Next() {
		c.take(now, ev)
	}
	for _, datagram := range c.out.All() {
		// A datagram that cannot be sent is one that was lost.
		c.socket.WriteToUDPAddrPort(datagram, c.server)
	}
	c.out.Reset()
	if deadline := c.device.Deadline(); deadline.IsZero() {
		c.timer.Stop()
	} else {
		c.timer.Reset(max(0, deadline.Sub(now)))
	}
}

// take acts on one event. The caller holds the lock.
func (c *Conn) take(now time.Time, ev session.Event) {
	switch ev.Kind {
	case session.EventOpen:
		c.open()
		c.cfg.Memory.note(c.server, now, c.device.Result(), c.device.RTT())
		c.notePath(now)
		close(c.opened)
	case session.EventClosed:
		c.notePath(now)
		c.ended(ev.Err)
	default:
		c.end.Take(now, ev)
	}
}

func (c *Conn) open() {
	c.end = endpoint.New(c.owner, &engine{c, c.device})
	id := c.device.Result().SessionID
	c.end.SessionID = hex.EncodeToString(id[:])
}

// notePath remembers what the path carries. It may have become less within a session.
func (c *Conn) notePath(now time.Time) {
	configured := c.cfg.MaxUDPPayload
	if configured == 0 {
		configured = session.MaxUDPPayload
	}
	c.cfg.Memory.notePath(c.server, now, c.device.PathPayload(), configured)
}

// ended fails what is open. The next request starts a new handshake.
func (c *Conn) ended(err error) {
	c.err = err
	if c.end == nil {
		close(c.opened)
	} else {
		c.end.End(err)
	}
	c.end, c.opened = nil, nil
}

// Close ends the session, tells the server, and closes the socket.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	if c.device != nil {
		c.device.Close(time.Now(), &c.out)
		c.flush(time.Now())
	}
	c.closed = true
	close(c.gone)
	c.cancel()
	c.timer.Stop()
	c.mu.Unlock()
	err := c.socket.Close()
	c.tasks.Wait()
	return err
}
