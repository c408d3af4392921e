// Package plain is CoAP over UDP (RFC 7252) with programs that are not ours, in the clear, for
// paths that are trusted such as loopback. [Serve] takes requests of any number of clients,
// [Dial] makes a connection to one server; either way requests, observations and handlers work
// in both directions, and whole bodies go in and out.
//
//	l := plain.NewListener(plain.Config{Handler: h})
//	err := l.Serve(socket)
//
//	c, err := plain.Dial("127.0.0.1:5685", plain.Config{})
//	answer, err := c.Do(ctx, coap.Message{Code: coap.GET})
package plain

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

var (
	// ErrClosed: the socket has been closed by us.
	ErrClosed = errors.New("plain: closed")
	// ErrRefused: nothing listens where the peer was.
	ErrRefused = errors.New("plain: connection refused")
	errIdle    = errors.New("plain: not heard for long")
	errPressed = errors.New("plain: forgotten to make room for others")
)

// DefaultPort is that of CoAP (RFC 7252 section 12.8).
const DefaultPort = "5683"

// Defaults of a Config.
const (
	defaultMaxPeers = 256
	defaultMaxHeld  = 64 // times MaxBody
	defaultMaxBody  = 1 << 20
	defaultIdle     = 5 * time.Minute
	maxHandlers     = 1024
)

// A Config says how to talk to the peers of one socket.
type Config struct {
	Handler     coap.Handler  // of their requests; nil: each is answered 4.04
	Log         *slog.Logger  // nil: none
	MaxBody     int           // bytes of the largest body, either way; 0: 1 MiB
	MaxPeers    int           // clients that are known at once; 0: 256
	MaxHeld     int           // bytes of bodies kept for all of them; 0: 64 MiB
	IdleTimeout time.Duration // after which a client that wants nothing is forgotten; 0: 5 min
}

func (c *Config) setDefaults() {
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.MaxPeers == 0 {
		c.MaxPeers = defaultMaxPeers
	}
	if c.MaxHeld == 0 {
		c.MaxHeld = defaultMaxHeld * c.MaxBody
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = defaultIdle
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// A PacketConn is what is needed of a UDP socket; *net.UDPConn is one.
type PacketConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	LocalAddr() net.Addr
	Close() error
}

// localAddr is the address of a socket.
func localAddr(socket PacketConn) netip.AddrPort {
	addr, err := netip.ParseAddrPort(socket.LocalAddr().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return addr
}

// unmap makes an IPv4 address in IPv6 form the same as its short form.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
