//go:build !linux

package udp

import (
	"errors"
	"net"
	"syscall"
)

// batching tells whether the system moves several datagrams in one call.
const batching = false

// sharing tells whether it divides what comes to a port between several sockets.
const sharing = false

func newBatched(s *net.UDPConn) (Conn, error) { return newPlain(s), nil }

func share(syscall.RawConn) error { return errors.ErrUnsupported }

// enlarge has the system hold as much as it allows, while nobody reads.
func enlarge(s *net.UDPConn) {
	s.SetReadBuffer(bufferSize)
	s.SetWriteBuffer(bufferSize)
}
