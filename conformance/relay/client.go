package relay

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A client is one address that has sent to the relay.
type client struct {
	relay  *Relay
	addr   netip.AddrPort
	server *net.UDPConn // toward the server, for this client only

	upFlow, downFlow *flow // each used by one goroutine

	mu    sync.Mutex
	count Traffic
}

func newClient(r *Relay, addr netip.AddrPort, server *net.UDPConn, number uint64) *client {
	enlarge(server)
	return &client{
		relay: r, addr: addr, server: server,
		upFlow:   newFlow(r.cfg.Up, r.cfg.Seed, 2*number),
		downFlow: newFlow(r.cfg.Down, r.cfg.Seed, 2*number+1),
	}
}

func (c *client) traffic() Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// up takes a datagram of the client. It is called by one goroutine.
func (c *client) up(now time.Time, datagram []byte) {
	if c.counted(datagram) {
		c.mu.Lock()
		c.count.DatagramsUp++
		c.count.BytesUp += len(datagram)
		c.mu.Unlock()
	}
	// A datagram that cannot be sent is one that was lost.
	send := func(b []byte) { c.server.Write(b) }
	for delay := range c.upFlow.copies(len(datagram)) {
		c.relay.up.add(now.Add(delay), datagram, send)
	}
}

// down takes a datagram of the server. It is called by one goroutine.
func (c *client) down(now time.Time, datagram []byte) {
	if c.counted(datagram) {
		c.mu.Lock()
		c.count.DatagramsDown++
		c.count.BytesDown += len(datagram)
		c.mu.Unlock()
	}
	send := func(b []byte) { c.relay.front.WriteToUDPAddrPort(b, c.addr) }
	for delay := range c.downFlow.copies(len(datagram)) {
		c.relay.down.add(now.Add(delay), datagram, send)
	}
}

func (c *client) counted(datagram []byte) bool {
	return c.relay.cfg.Counted == nil || c.relay.cfg.Counted(datagram)
}

// read takes what the server sends to the client.
func (c *client) read() {
	buf := make([]byte, receiveBuffer)
	for {
		n, err := c.server.Read(buf)
		now := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil { // else nobody listens at the server's port
			c.down(now, buf[:n])
		}
	}
}
