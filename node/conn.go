package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
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

// A Conn is a device's connection to its server.
type Conn struct {
	cfg    Config
	socket PacketConn
	server netip.AddrPort
	done   sync.WaitGroup // the reader

	mu      sync.Mutex
	device  *session.Device
	opened  chan struct{} // closed when the handshake under way has ended, well or not
	open    bool
	err     error // why the last session ended
	closed  bool
	waiting map[uint64]chan<- answer
	timer   *time.Timer
	out     session.Outbox
}

type answer struct {
	message coap.Message
	err     error
}

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
		cfg:     cfg,
		socket:  socket,
		server:  netip.AddrPortFrom(server.Addr().Unmap(), server.Port()),
		waiting: make(map[uint64]chan<- answer),
	}
	c.timer = time.AfterFunc(time.Hour, c.tick)
	c.timer.Stop()
	c.done.Add(1)
	go c.read()
	if err := c.ready(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("node: %s: %w", c.server, err)
	}
	return c, nil
}

// ready returns when a session is open; it starts a handshake where none is under way.
func (c *Conn) ready(ctx context.Context) error {
	c.mu.Lock()
	if c.open || c.closed {
		defer c.mu.Unlock()
		if c.closed {
			return ErrClosed
		}
		return nil
	}
	if c.opened == nil {
		if err := c.start(); err != nil {
			c.mu.Unlock()
			return err
		}
	}
	opened := c.opened
	c.mu.Unlock()

	select {
	case <-opened:
	case <-ctx.Done():
		return c.giveUp(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open {
		return c.err
	}
	return nil
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
		IdleTimeout:   c.cfg.IdleTimeout,
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
	defer c.done.Done()
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
		c.open = true
		c.cfg.Memory.note(c.server, now, c.device.Result(), c.device.RTT())
		c.notePath(now)
		close(c.opened)
	case session.EventResponse, session.EventPong:
		c.deliver(ev.ID, answer{ev.Message, ev.Err})
	case session.EventRequest:
		// A device serves nothing.
		c.device.Respond(now, ev.ID, coap.Message{Code: codes.NotFound}, &c.out)
	case session.EventClosed:
		c.notePath(now)
		c.ended(ev.Err)
	}
}

// notePath remembers what the path carries. It may have become less within a session.
func (c *Conn) notePath(now time.Time) {
	configured := c.cfg.MaxUDPPayload
	if configured == 0 {
		configured = session.MaxUDPPayload
	}
	c.cfg.Memory.notePath(c.server, now, c.device.PathPayload(), configured)
}

func (c *Conn) deliver(id uint64, a answer) {
	if ch, ok := c.waiting[id]; ok {
		delete(c.waiting, id)
		ch <- a // has room for the one answer
	}
}

// ended fails what is open. The next request starts a new handshake.
func (c *Conn) ended(err error) {
	c.err = err
	if !c.open {
		close(c.opened)
	}
	c.open, c.opened = false, nil
	for id := range c.waiting {
		c.deliver(id, answer{err: err})
	}
}

// Close ends the session, tells the server, and closes the socket.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	if c.device != nil {
		c.device.Close(&c.out)
		c.flush(time.Now())
	}
	c.closed = true
	c.timer.Stop()
	c.mu.Unlock()
	err := c.socket.Close()
	c.done.Wait()
	return err
}

// Stats is what the current session has cost.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.device.Stats()
}

// Session describes the current session: its ID, suite, mode and parameters. It is nil while
// none is open.
func (c *Conn) Session() *handshake.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.device.Result()
}
