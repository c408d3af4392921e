package gocoap

import (
	"errors"
	"net"
	"time"
)

// ErrNoStream is what NetConn's Read and Write, and its deadlines, give.
var ErrNoStream = errors.New("gocoap: a session carries CoAP in records and is no stream: use the mux.Conn")

// A netConn is what NetConn gives: addresses, and Close.
type netConn struct{ *conn }

// LocalAddr implements net.Conn.
func (n netConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(n.peer.LocalAddr()) }

// Read implements net.Conn, and fails.
func (netConn) Read([]byte) (int, error) { return 0, ErrNoStream }

// Write implements net.Conn, and fails.
func (netConn) Write([]byte) (int, error) { return 0, ErrNoStream }

// SetDeadline implements net.Conn, and fails.
func (netConn) SetDeadline(time.Time) error { return ErrNoStream }

// SetReadDeadline implements net.Conn, and fails.
func (netConn) SetReadDeadline(time.Time) error { return ErrNoStream }

// SetWriteDeadline implements net.Conn, and fails.
func (netConn) SetWriteDeadline(time.Time) error { return ErrNoStream }
