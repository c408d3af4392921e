package gocoap

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/plgd-dev/go-coap/v3/net/client"
	limits "github.com/plgd-dev/go-coap/v3/net/client/limitParallelRequests"
	"github.com/plgd-dev/go-coap/v3/net/observation"

	"github.com/pqcoap/pqcoap/coap"
)

// Conn makes a mux.Conn of a device's connection, of what a server's Device returns, or of
// any other Peer, which must be comparable. Two calls for the same Peer give the same mux.Conn.
// It is nil for no Peer, as of a device that is not connected.
func Conn(p coap.Peer) mux.Conn {
	if p == nil {
		return nil
	}
	return connOf(p)
}

// conns has the conn of each peer that is not done: a handler and Conn find the same.
var conns struct {
	sync.Mutex
	of map[coap.Peer]*conn
}

// pooled is how many messages a conn keeps to be used again. Each conn has a pool of its own:
// a handler that touches a message which it has released must not meet another device's.
const (
	pooled       = 32
	pooledBuffer = 1024
)

// A conn is a mux.Conn over a peer. The requests, GET, POST and so on, are go-coap's own code.
type conn struct {
	*client.Client[*conn]
	peer     coap.Peer
	messages *pool.Pool
	sequence atomic.Uint64
	context  sessionContext
	cancel   context.CancelFunc
	done     chan struct{} // behind the functions of AddOnClose
	leaving  chan struct{} // has room for the one handler that hears of an end

	mu         sync.Mutex
	closed     bool
	onClose    []func()
	exchanges  map[string]*exchange // by token
	unanswered int                  // of them
	observed   int                  // of them
}

func connOf(p coap.Peer) *conn {
	conns.Lock()
	defer conns.Unlock()
	if c := conns.of[p]; c != nil {
		return c
	}
	if conns.of == nil {
		conns.of = make(map[coap.Peer]*conn)
	}
	c := newConn(p)
	conns.of[p] = c
	go c.end()
	return c
}

func newConn(p coap.Peer) *conn {
	c := &conn{
		peer: p, messages: pool.New(pooled, pooledBuffer), done: make(chan struct{}), leaving: make(chan struct{}, 1),
		exchanges: make(map[string]*exchange),
	}
	c.context, c.cancel = newSessionContext()
	c.Client = client.New(c, observation.NewHandler(c, nil, nil), message.GetToken, limits.New(0, 0, c.do, c.doObserve))
	return c
}

// end drops what belongs to the session when that has ended.
func (c *conn) end() {
	<-c.peer.Done()
	conns.Lock()
	delete(conns.of, c.peer)
	conns.Unlock()
	c.cancel()
	for _, f := range c.shut() {
		f()
	}
	close(c.done)
}

// shut gives up requests that wait for a response, and returns what AddOnClose has taken.
func (c *conn) shut() []func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, x := range c.exchanges {
		if x.giveUp != nil {
			x.giveUp.Stop()
		}
	}
	clear(c.exchanges)
	f := c.onClose
	c.onClose = nil
	return f
}

// identify notes who has the session.
func (c *conn) identify(r *coap.Request) {
	c.context.values.LoadOrStore(identityKey{}, identity{r.Device, r.SessionID})
}

// AcquireMessage implements mux.Conn.
func (c *conn) AcquireMessage(ctx context.Context) *pool.Message {
	return c.messages.AcquireMessage(ctx)
}

// ReleaseMessage implements mux.Conn.
func (c *conn) ReleaseMessage(m *pool.Message) { c.messages.ReleaseMessage(m) }

// RemoteAddr implements mux.Conn.
func (c *conn) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.peer.RemoteAddr()) }

// NetConn implements mux.Conn: see [ErrNoStream].
func (c *conn) NetConn() net.Conn { return netConn{c} }

// Context implements mux.Conn. It is cancelled when the session has ended.
func (c *conn) Context() context.Context { return c.context }

// SetContextValue implements mux.Conn.
func (c *conn) SetContextValue(key, value any) { c.context.values.Store(key, value) }

// Sequence implements mux.Conn.
func (c *conn) Sequence() uint64 { return c.sequence.Add(1) }

// Done implements mux.Conn.
func (c *conn) Done() <-chan struct{} { return c.done }

// AddOnClose implements mux.Conn. Behind the end of the session f is called at once, on a
// goroutine of its own.
func (c *conn) AddOnClose(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		go f()
		return
	}
	c.onClose = append(c.onClose, f)
}

// Close implements mux.Conn: it ends the session, or the device's connection.
func (c *conn) Close() error {
	if c.over() {
		return nil
	}
	return c.peer.Close()
}

// over tells whether the session has ended.
func (c *conn) over() bool {
	select {
	case <-c.peer.Done():
		return true
	default:
		return false
	}
}
