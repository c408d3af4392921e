package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/alarm"
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
// one has ended, the next begins with the next request, by the ticket that the server has given,
// or by a handshake where that does not do. See [Config] for what makes it begin by itself.
type Conn struct {
	handshake.Unprintable
	cfg      Config
	socket   PacketConn
	server   netip.AddrPort
	tasks    sync.WaitGroup // the reader and handlers
	gone     chan struct{}  // closed by Close
	cancel   context.CancelFunc
	patience patience
	stirred  chan struct{} // has a value when something has happened that Sleep may wait for

	mu       sync.Mutex
	owner    *endpoint.Owner
	clock    clock
	active   *strand // of the session that is open, or begins, or was the last; nil before the first
	fresh    *strand // begins beside it, with a full handshake
	old      *strand // has been replaced, until its requests have ended
	oldUntil time.Time

	wanted     bool      // the next session begins without a request
	pauseUntil time.Time // and not before this
	failures   int       // attempts in a row

	ticket *handshake.ResumptionState // for the next session
	vault  *vault                     // nil: nothing is on disk
	fullAt time.Time                  // of the last full handshake, by the wall clock

	probe      *probe
	sentAt     time.Time // the last datagram
	freshRetry time.Time
	freshPause time.Duration
	chores     *alarm.Alarm

	known     known       // about the server
	token     []byte      // the device's own credential, nil: none
	claims    *cwt.Claims // of token
	unsure    bool        // a renewal is due, since nobody knows how much time has passed
	renewedAt time.Time
	certified *handshake.ServerCredential // known.server
	newest    time.Time                   // when the newest credential of the server was issued
	floorAt   time.Time                   // when it was as late as known.floor
	floorKept time.Time                   // what of it is in the file

	onErrand    bool
	errandRetry time.Time
	errandPause time.Duration

	sleeping bool // no request begins any more
	closed   bool
}

// maxHandlers is how many of a device's handlers may be at work at once.
const maxHandlers = 16

// Dial opens a session with the server at addr, or the one that cfg names where addr is
// empty. It returns when the server has proven that it holds the pinned key (in mode psk the
// server proves the pre-shared key by its first record, before any answer is delivered). Where
// the state file has a session that was put to sleep, that goes on and nothing is sent.
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
	c := newConn(socket, netip.AddrPortFrom(server.Addr().Unmap(), server.Port()), cfg)
	c.mu.Lock()
	now := c.now()
	err := c.recall(now)
	if err == nil {
		c.wake(now)
	}
	c.mu.Unlock()
	c.tasks.Go(c.read)
	if err == nil {
		_, err = c.ready(ctx)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("node: %s: %w", c.server, err)
	}
	return c, nil
}

func newConn(socket PacketConn, server netip.AddrPort, cfg Config) *Conn {
	c := &Conn{cfg: cfg, socket: socket, server: server, gone: make(chan struct{}), stirred: make(chan struct{}, 1)}
	handlers, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.owner = &endpoint.Owner{
		Lock: &c.mu, Context: handlers, Handler: cfg.Handler, Log: cfg.Log, Tasks: &c.tasks, Most: maxHandlers,
	}
	if c.owner.Log == nil {
		c.owner.Log = slog.New(slog.DiscardHandler)
	}
	c.chores = alarm.New(c.chore)
	return c
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
		if !c.closed {
			c.receive(c.now(), buf[:n])
		}
		c.mu.Unlock()
	}
}

// receive gives a datagram to the session it is for. Devices have no connection IDs, so each
// session tries, in place: all but the last get a copy. What opens in none changes none.
func (c *Conn) receive(now time.Time, datagram []byte) {
	links := []*strand{c.active, c.fresh, c.old}
	if c.fresh != nil && len(datagram) > 0 && datagram[0]>>6 == 1 { // not a record (docs/protocol.md section 1)
		links = []*strand{c.fresh}
	}
	for _, l := range links {
		if l == nil || l.err != nil {
			continue
		}
		b := datagram
		if c.fresh != nil || c.old != nil {
			b = bytes.Clone(datagram)
		}
		if l.receive(now, b) {
			break
		}
	}
	c.settle(now)
}

// notePath remembers what the path carries. It may have become less within a session.
func (c *Conn) notePath(now time.Time, l *strand) {
	configured := c.cfg.MaxUDPPayload
	if configured == 0 {
		configured = session.MaxUDPPayload
	}
	c.cfg.Memory.notePath(c.server, now, l.device.PathPayload(), configured)
}

// Close ends the session, tells the server, and closes the socket. The ticket stays in the state
// file: the next session begins with it.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	return c.shut(time.Now())
}

// shut is Close, with the lock held, which it gives back.
func (c *Conn) shut(now time.Time) error {
	c.sleeping = true // nothing begins any more
	c.keepTime(now)
	for _, l := range []*strand{c.old, c.fresh, c.active} {
		if l != nil && l.err == nil {
			l.device.Close(now, &l.out)
			l.flush(now)
		}
	}
	c.closed = true
	close(c.gone)
	c.cancel()
	c.chores.Stop()
	c.mu.Unlock()
	err := c.socket.Close()
	c.tasks.Wait()
	return err
}
