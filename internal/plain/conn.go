package plain

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pqcoap/pqcoap/internal/endpoint"
)

// A Conn is a connection to one plain CoAP server, a [coap.Peer]. Its end comes by Close, or
// when the system says that nothing listens there.
type Conn struct {
	*endpoint.Endpoint
	hub  *hub
	read sync.WaitGroup
}

// Dial connects a UDP socket of its own, with a port of its own, to a server.
func Dial(server netip.AddrPort, cfg Config) (*Conn, error) {
	socket, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return nil, fmt.Errorf("plain: socket: %w", err)
	}
	return DialOn(connected{socket}, server, cfg), nil
}

// DialOn is Dial on a socket of the caller's, which belongs to the Conn from here on.
func DialOn(socket PacketConn, server netip.AddrPort, cfg Config) *Conn {
	c := &Conn{hub: newHub(socket, cfg, func([]byte) bool { return false })}
	c.hub.cfg.IdleTimeout = forever
	c.Endpoint = c.hub.add(time.Now(), unmap(server)).end
	c.read.Go(c.hub.read)
	return c
}

// forever is longer than any process runs.
const forever = 100 * 365 * 24 * time.Hour

// Close ends what is open and closes the socket. Handlers have ended when it returns, so it
// must not be called by one.
func (c *Conn) Close() error {
	err := c.hub.close()
	c.read.Wait()
	c.hub.tasks.Wait()
	return err
}

// A connected socket reads of its server only, and reports that nothing listens there.
type connected struct{ *net.UDPConn }

// WriteToUDPAddrPort sends to the server. An error of an earlier datagram may stand in the way:
// the reader is to see that of this one.
func (c connected) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) {
	n, err := c.Write(b)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return c.Write(b)
	}
	return n, err
}
