package rig

import (
	"encoding/binary"
	"errors"
	"net"
)

// EchoHead is the least size of a datagram to an echo: it begins with the size of the answer.
const EchoHead = 2

// NewEcho makes a datagram of a size that is answered with another.
func NewEcho(size, answer int) []byte {
	b := make([]byte, max(EchoHead, size))
	binary.BigEndian.PutUint16(b, uint16(max(EchoHead, answer)))
	return b
}

// echo sends each datagram back, as long as it says.
func echo() (*serving, started, error) {
	socket, err := Listen(Loopback)
	if err != nil {
		return nil, started{}, err
	}
	socket.SetReadBuffer(SocketBuffer)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 1<<16)
		for {
			n, from, err := socket.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil && n >= EchoHead {
				socket.WriteToUDPAddrPort(buf[:binary.BigEndian.Uint16(buf)], from)
			}
		}
	}()
	stop := func() {
		socket.Close()
		<-ended
	}
	return &serving{stop: stop}, started{Addr: socket.LocalAddr().String()}, nil
}
