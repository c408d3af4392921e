package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// DefaultPort is where a server listens unless configured otherwise.
const DefaultPort = "5688"

// Scheme is that of server addresses in configuration; it may be left out.
const Scheme = "coap+pq://"

// A PacketConn is what a Conn needs of a UDP socket; *net.UDPConn is one.
type PacketConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	LocalAddr() net.Addr
	SetReadDeadline(t time.Time) error
	Close() error
}

// resolve turns host, host:port or coap+pq://host:port into an address.
func resolve(ctx context.Context, server string) (netip.AddrPort, error) {
	server = strings.TrimSuffix(strings.TrimPrefix(server, Scheme), "/")
	if server == "" {
		return netip.AddrPort{}, fmt.Errorf("node: no server address: give one, or set server in the configuration")
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		host, port = strings.Trim(server, "[]"), DefaultPort
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("node: server address %q: port: %w", server, err)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("node: server address %q: %w", server, err)
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(number)), nil
}

// listen opens a socket that can reach server. It is not connected: an ICMP error, which
// anybody can forge, must not end a session.
func listen(server netip.AddrPort) (PacketConn, error) {
	network := "udp6"
	if server.Addr().Is4() {
		network = "udp4"
	}
	return net.ListenUDP(network, nil)
}
