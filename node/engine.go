package node

import (
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// An engine is the CoAP of one session, as its endpoint sees it.
type engine struct{ *strand }

func (e *engine) Request(now time.Time, m coap.Message, opt coap.RequestOptions) (uint64, error) {
	return e.device.Request(now, m, opt, &e.out)
}

func (e *engine) Ping(now time.Time) (uint64, error) { return e.device.Ping(now, &e.out) }

func (e *engine) Cancel(now time.Time, id uint64) { e.device.Cancel(now, id, &e.out) }

func (e *engine) Respond(now time.Time, id uint64, m coap.Message, body coap.Body) error {
	return e.device.Respond(now, id, m, body, &e.out)
}

func (e *engine) Consumed(now time.Time, id uint64, n int) {
	e.device.Consumed(now, id, n, &e.out)
}

func (e *engine) ConsumedRequest(now time.Time, id uint64, n int) {
	e.device.ConsumedRequest(now, id, n)
}

func (e *engine) Notify(now time.Time, id uint64, m coap.Message) error {
	return e.device.Notify(now, id, m, &e.out)
}

func (e *engine) EndObservation(now time.Time, id uint64) { e.device.EndObservation(now, id) }

func (e *engine) Room() bool { return e.device.Room() }

func (e *engine) LocalAddr() netip.AddrPort { return e.conn.LocalAddr() }

func (e *engine) RemoteAddr() netip.AddrPort { return e.conn.server }

func (e *engine) Flush(now time.Time) {
	if e.err == nil { // else its session has ended
		e.flush(now)
		e.conn.settle(now)
	}
}

// Close ends the session. The next request of the device opens another.
func (e *engine) Close() error {
	c := e.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || e.err != nil {
		return ErrClosed
	}
	now := c.now()
	e.device.Close(now, &e.out)
	e.Flush(now)
	return nil
}

// LocalAddr is the address of the device's socket.
func (c *Conn) LocalAddr() netip.AddrPort {
	addr, err := netip.ParseAddrPort(c.socket.LocalAddr().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return addr
}

// RemoteAddr is the address of the server.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.server }

// Done is closed by Close.
func (c *Conn) Done() <-chan struct{} { return c.gone }

// Stats is what the current session has cost. One that has been woken counts from there.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active.device.Stats()
}

// Session describes the current session: its ID, suite, mode and parameters. It is nil while
// none is open.
func (c *Conn) Session() *handshake.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active.device.Result()
}

// Woken tells whether the current session was saved by [Conn.Sleep] and has been gone on with.
func (c *Conn) Woken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active.woken
}
