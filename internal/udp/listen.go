package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// bufferSize is what a socket shall hold in each direction. The system may allow less.
const bufferSize = 4 << 20

// portTries is how often a port is looked for that IPv4 and IPv6 have both free.
const portTries = 16

// A Port is what one shard has of a UDP port: a socket for IPv4, one for IPv6, or both.
type Port struct {
	v4, v6 Conn          // the same where one socket serves both
	stray  atomic.Uint64 // messages for a family without a socket
}

// Listen opens a port for a number of shards, between which the system divides what comes by the
// addresses and ports of both ends. Where it does not do that there is one. An address that is not
// valid, or is [::], means all addresses of IPv4 and IPv6, as far as the system has both.
//
// The port is free when Listen begins, or Listen fails: two servers do not share one by mistake.
func Listen(addr netip.AddrPort, shards int) ([]*Port, error) {
	return listen(addr, shards, New)
}

// A maker makes a Conn of a socket.
type maker func(PacketConn) (Conn, error)

func listen(addr netip.AddrPort, shards int, conn maker) (ports []*Port, err error) {
	if !sharing {
		shards = 1
	}
	for range portTries {
		ports, err = listenAll(addr, shards, conn)
		if addr.Port() != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("udp: %w", err)
	}
	return ports, nil
}

// listenAll opens the sockets of all shards. The first of a family is opened as if it were the only
// one, so that this fails where another program has the port.
func listenAll(addr netip.AddrPort, shards int, conn maker) (ports []*Port, err error) {
	defer func() {
		if err != nil {
			for _, p := range ports {
				p.Close()
			}
			ports = nil
		}
	}()
	for range max(1, shards) {
		p, err := open(addr, len(ports) > 0, shards > 1, conn)
		if err != nil {
			return ports, err
		}
		ports = append(ports, p)
		if addr.Port() == 0 {
			addr = netip.AddrPortFrom(addr.Addr(), p.LocalAddr().Port())
		}
	}
	return ports, nil
}

// open opens the sockets of one shard. further says that others are open already, and shared that
// there are to be others.
func open(addr netip.AddrPort, further, shared bool, conn maker) (*Port, error) {
	p := new(Port)
	all := !addr.Addr().IsValid() || addr.Addr() == netip.IPv6Unspecified()
	var err error
	if all || addr.Addr().Unmap().Is4() {
		at := netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port())
		if !all {
			at = unmap(addr)
		}
		if p.v4, err = openOne("udp4", at, further, shared, conn); err != nil && !(all && missing(err)) {
			return nil, err
		}
		if p.v4 != nil {
			addr = netip.AddrPortFrom(addr.Addr(), portOf(p.v4))
		}
	}
	if all || !addr.Addr().Unmap().Is4() {
		at := addr
		if all {
			at = netip.AddrPortFrom(netip.IPv6Unspecified(), addr.Port())
		}
		if p.v6, err = openOne("udp6", at, further, shared, conn); err != nil && !(p.v4 != nil && missing(err)) {
			if p.v4 != nil {
				p.v4.Close()
			}
			return nil, err
		}
	}
	return p, nil
}

// missing tells whether the system does not have a family of addresses at all.
func missing(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// openOne opens a socket of one family: "udp6" takes no IPv4.
func openOne(network string, addr netip.AddrPort, further, shared bool, conn maker) (Conn, error) {
	var cfg net.ListenConfig
	if further {
		cfg.Control = func(_, _ string, c syscall.RawConn) error { return share(c) }
	}
	opened, err := cfg.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	socket := opened.(*net.UDPConn)
	c, err := prepare(socket, shared && !further, conn)
	if err != nil {
		socket.Close()
		return nil, err
	}
	return c, nil
}

// prepare makes a Conn of a socket that is open.
func prepare(socket *net.UDPConn, first bool, conn maker) (Conn, error) {
	enlarge(socket)
	if first {
		raw, err := socket.SyscallConn()
		if err != nil {
			return nil, err
		}
		if err := share(raw); err != nil {
			return nil, err
		}
	}
	return conn(socket)
}

func portOf(c Conn) uint16 { return c.LocalAddr().(*net.UDPAddr).AddrPort().Port() }
