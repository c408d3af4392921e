// Package udp moves datagrams between UDP sockets and memory of the caller's, many at a time and
// without an allocation for each. On Linux that is one system call for a batch, on other systems
// one for a datagram; who uses the package sees no difference.
//
//	ports, err := udp.Listen(netip.AddrPortFrom(netip.Addr{}, 5688), shards)
//	for _, conn := range ports[0].Conns() { // each by a goroutine
//		err := conn.Receive(batch, func(n int) (more bool) { ... })
//	}
//	ports[0].Write(answers)
//
// What a socket cannot send is lost, as it may be on the way: Write returns no error, and the
// datagrams behind are sent.
package udp

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// A Message is one datagram.
type Message struct {
	Peer netip.AddrPort // where it has come from, or goes to
	// Local is the address of ours that it has come to, or leaves from. It is not valid where the
	// system chooses, and of what is received only where the socket is bound to all addresses.
	Local netip.Addr
	Data  []byte
}

// A Conn is a socket. One goroutine at a time may read and one may write; the rest is safe for
// concurrent use.
type Conn interface {
	// Receive waits for datagrams and calls take with how many it has put into the first messages
	// of a batch, again and again until take returns false. It receives into the memory of Data, as
	// much as its capacity, and sets its length. A datagram that is as long as the capacity may have
	// been cut off, and is dropped and counted. Receive may change the order of the Data in the
	// batch. The error wraps net.ErrClosed after Close, which waits until take has returned.
	Receive(batch []Message, take func(n int) (more bool)) error
	// Write sends a batch. It waits for room in the socket for Patience at most.
	Write(batch []Message)
	Stats() Stats
	LocalAddr() net.Addr
	Close() error
}

// Batch is the most datagrams that one system call moves.
const Batch = 64

// Patience is how long Write waits where a socket has no room: what is left then is dropped, for
// what comes in is not read meanwhile.
const Patience = 20 * time.Millisecond

// Stats counts what has been lost at a socket.
type Stats struct {
	Truncated uint64 // received, and longer than the room for it
	Unsent    uint64 // that the system has refused to send
	Dropped   uint64 // to be sent, without room in the socket
}

// counts are Stats that are counted by one goroutine and read by others.
type counts struct{ truncated, unsent, dropped atomic.Uint64 }

// Stats implements Conn.
func (c *counts) Stats() Stats {
	return Stats{c.truncated.Load(), c.unsent.Load(), c.dropped.Load()}
}

// A PacketConn is a socket that moves one datagram at a time; *net.UDPConn is one.
type PacketConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	LocalAddr() net.Addr
	Close() error
}

// New makes a Conn of a socket, in the best way that there is for it.
func New(socket PacketConn) (Conn, error) {
	if s, ok := socket.(*net.UDPConn); ok && batching {
		return newBatched(s)
	}
	return newPlain(socket), nil
}

// unmap has one form for each address.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
