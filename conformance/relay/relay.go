// Package relay is a bad network for real sockets: a UDP relay on this machine that delays,
// loses and repeats what clients and a server say to each other.
//
// Start with [Listen], and let clients take Addr for the server's address:
//
//	r, err := relay.Listen(relay.Config{
//		Server: server,
//		Up:     relay.Link{Delay: 50 * time.Millisecond, Loss: 0.1},
//		Down:   relay.Link{Delay: 50 * time.Millisecond, Loss: 0.1},
//	})
//	defer r.Close()
//	dial(r.Addr())
//
// Each client gets a socket of its own toward the server, so the server tells clients apart.
// One goroutine a direction forwards what is due. A datagram leaves about a millisecond after
// its time, as the timers of the system go, never before; a processor that is busy adds to it,
// so who measures starts clients one after the other. The fate of
// datagrams is drawn for each client and direction by itself: the seed and the order in which
// clients appear decide it, not how their datagrams interleave.
package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A Link is one direction. Loss and Duplicate are probabilities.
type Link struct {
	Delay     time.Duration
	Jitter    time.Duration // up to this is added, evenly; datagrams may overtake each other
	Loss      float64
	Duplicate float64 // a second copy, with its own jitter
	MTU       int     // bytes of UDP payload; larger datagrams vanish; 0 is no limit
}

// Config is what a Relay needs; Server is the only field without a default.
type Config struct {
	Server   netip.AddrPort
	Up, Down Link // to the server, and from it
	Seed     uint64
	// Counted chooses the datagrams that Traffic counts; nil: all.
	Counted func(datagram []byte) bool
}

// Traffic counts what one client and the server have sent to each other, whatever became of
// it. A duplicate is the network's doing and counts once. Bytes are UDP payload.
type Traffic struct {
	DatagramsUp, BytesUp     int
	DatagramsDown, BytesDown int
}

// Datagrams is the number of both directions.
func (t Traffic) Datagrams() int { return t.DatagramsUp + t.DatagramsDown }

// Bytes is the UDP payload of both directions.
func (t Traffic) Bytes() int { return t.BytesUp + t.BytesDown }

const (
	receiveBuffer = 1 << 16 // holds the largest UDP payload
	socketBuffer  = 4 << 20 // asked of the kernel, which must not lose what the links would not
)

// A Relay forwards until Close. Its methods are safe for concurrent use.
type Relay struct {
	cfg      Config
	front    *net.UDPConn
	up, down *schedule
	tasks    sync.WaitGroup

	mu      sync.Mutex
	clients map[netip.AddrPort]*client
	seen    uint64 // clients so far
	closed  bool
}

// Listen starts a relay on a free port of the IPv4 loopback.
func Listen(cfg Config) (*Relay, error) {
	for _, l := range []Link{cfg.Up, cfg.Down} {
		if err := l.check(); err != nil {
			return nil, err
		}
	}
	front, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	enlarge(front)
	r := &Relay{
		cfg: cfg, front: front, clients: make(map[netip.AddrPort]*client),
		up: newSchedule(), down: newSchedule(),
	}
	r.tasks.Go(r.up.run)
	r.tasks.Go(r.down.run)
	r.tasks.Go(r.read)
	return r, nil
}

var loopback = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)

// enlarge asks for large buffers; the kernel may give less.
func enlarge(socket *net.UDPConn) {
	socket.SetReadBuffer(socketBuffer)
	socket.SetWriteBuffer(socketBuffer)
}

// Addr is what clients send to.
func (r *Relay) Addr() netip.AddrPort { return addrOf(r.front) }

func addrOf(socket *net.UDPConn) netip.AddrPort {
	return socket.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Traffic returns the counters of a client; zero where nothing has come from it.
func (r *Relay) Traffic(addr netip.AddrPort) Traffic {
	r.mu.Lock()
	c := r.clients[addr]
	r.mu.Unlock()
	if c == nil {
		return Traffic{}
	}
	return c.traffic()
}

// Forget closes what the relay holds for a client. A datagram that still comes from its
// address is one of a new client.
func (r *Relay) Forget(addr netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[addr]; c != nil {
		delete(r.clients, addr)
		c.server.Close()
	}
}

// Close stops the relay. What is under way is lost.
func (r *Relay) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return net.ErrClosed
	}
	r.closed = true
	err := r.front.Close()
	for _, c := range r.clients {
		c.server.Close()
	}
	r.mu.Unlock()
	r.up.stop()
	r.down.stop()
	r.tasks.Wait()
	return err
}

// read takes what clients send.
func (r *Relay) read() {
	buf := make([]byte, receiveBuffer)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		now := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier write says nothing about the next datagram
		}
		if c := r.client(from); c != nil {
			c.up(now, buf[:n])
		}
	}
}

// client returns the client of an address, a new one if it has not been heard of. It is nil
// where the relay has been closed or has no sockets left; the datagram is lost then.
func (r *Relay) client(addr netip.AddrPort) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[addr]; c != nil || r.closed {
		return c
	}
	server, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.cfg.Server))
	if err != nil {
		return nil
	}
	c := newClient(r, addr, server, r.seen)
	r.seen++
	r.clients[addr] = c
	r.tasks.Go(c.read)
	return c
}
