package simnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxPayload is the largest UDP payload over IPv4.
const maxPayload = 65507

// A Conn is a socket of a Network. It has those methods of *net.UDPConn that a node and a
// server use, with the same errors.
type Conn struct {
	network *Network
	local   netip.AddrPort

	// Under network.mu:
	public   netip.AddrPort
	inbox    []arrival
	arrived  sync.Cond
	deadline *deadline
	closed   bool
}

// A deadline is an object of its own so that a timer which fires late ends no other one.
type deadline struct {
	expired bool
	timer   *time.Timer
}

// ReadFromUDPAddrPort waits for a datagram and copies what of it fits into b.
func (c *Conn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, netip.AddrPort{}, c.opError("read", netip.AddrPort{}, net.ErrClosed)
		case c.deadline != nil && c.deadline.expired:
			return 0, netip.AddrPort{}, c.opError("read", netip.AddrPort{}, os.ErrDeadlineExceeded)
		case len(c.inbox) > 0:
			a := c.inbox[0]
			c.inbox = c.inbox[1:]
			return copy(b, a.payload), a.key.from, nil
		}
		c.arrived.Wait()
	}
}

// WriteToUDPAddrPort sends b. That nobody gets it is no error, as with UDP.
func (c *Conn) WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	if !addr.IsValid() {
		return 0, c.opError("write", addr, &net.AddrError{Err: "invalid address"})
	}
	if len(b) > maxPayload {
		return 0, c.opError("write", addr, syscall.EMSGSIZE)
	}
	if !c.network.write(c, b, unmap(addr)) {
		return 0, c.opError("write", addr, net.ErrClosed)
	}
	return len(b), nil
}

// LocalAddr returns the *net.UDPAddr the Conn was opened with, also after a Rebind.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// Public returns the address under which others see the Conn.
func (c *Conn) Public() netip.AddrPort {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	return c.public
}

// Rebind does what a NAT does that forgot the Conn: from now on it sends from another
// address and is reached only there; the Conn itself does not notice. Port 0 takes the
// next free one. It panics where the Conn is closed or the address in use.
func (c *Conn) Rebind(addr netip.AddrPort) {
	n := c.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.closed {
		panic("simnet: rebind of a closed Conn")
	}
	addr = n.bindable(addr)
	delete(n.conns, c.public)
	c.public = addr
	n.conns[addr] = c
}

// SetReadDeadline ends present and future reads at t; the zero time is no deadline.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	if c.closed {
		return c.opError("set", netip.AddrPort{}, net.ErrClosed)
	}
	c.stopDeadline()
	if !t.IsZero() {
		c.deadline = c.startDeadline(time.Until(t))
	}
	c.arrived.Broadcast()
	return nil
}

func (c *Conn) startDeadline(wait time.Duration) *deadline {
	d := &deadline{expired: wait <= 0}
	if d.expired {
		return d
	}
	d.timer = time.AfterFunc(wait, func() {
		c.network.mu.Lock()
		defer c.network.mu.Unlock()
		d.expired = true
		c.arrived.Broadcast()
	})
	return d
}

func (c *Conn) stopDeadline() {
	if c.deadline != nil && c.deadline.timer != nil {
		c.deadline.timer.Stop()
	}
	c.deadline = nil
}

// Close ends all reads. What is under way to the Conn is lost.
func (c *Conn) Close() error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	if c.closed {
		return c.opError("close", netip.AddrPort{}, net.ErrClosed)
	}
	c.close()
	return nil
}

// close is Close with network.mu held.
func (c *Conn) close() {
	c.closed = true
	c.inbox = nil
	c.stopDeadline()
	delete(c.network.conns, c.public)
	c.arrived.Broadcast()
}

// push adds a datagram. network.mu is held.
func (c *Conn) push(a arrival) {
	c.inbox = append(c.inbox, a)
	c.arrived.Signal()
}

func (c *Conn) opError(op string, to netip.AddrPort, err error) error {
	e := &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: err}
	if to.IsValid() {
		e.Addr = net.UDPAddrFromAddrPort(to)
	}
	return e
}
