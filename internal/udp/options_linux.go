package udp

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sharing tells whether the system divides what comes to a port between several sockets.
const sharing = true

// share has further sockets of this user open the same port.
func share(c syscall.RawConn) error {
	return onSocket(c, func(fd int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	})
}

// enlarge has the system hold as much as it allows, while nobody reads: for root more than for
// others.
func enlarge(s *net.UDPConn) {
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	onSocket(raw, func(fd int) error {
		for forced, plain := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
			if unix.SetsockoptInt(fd, unix.SOL_SOCKET, forced, bufferSize) != nil {
				unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, bufferSize)
			}
		}
		return nil
	})
}

// setUp has the socket tell to which address a datagram has come, where it may be any, and tells
// whether it is of IPv6.
func setUp(c syscall.RawConn, local *net.UDPAddr) (v6 bool, err error) {
	err = onSocket(c, func(fd int) error {
		domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			return err
		}
		v6 = domain == unix.AF_INET6
		switch {
		case !local.IP.IsUnspecified():
			return nil
		case v6:
			return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		}
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	})
	return v6, err
}

// onSocket calls f with the descriptor of a socket.
func onSocket(c syscall.RawConn, f func(fd int) error) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
