package nonces

import (
	"bytes"
	"net/netip"
	"sync"

	"github.com/pqcoap/pqcoap/conformance/bare"
)

// A Datagram is what went over the wire.
type Datagram struct {
	Peer  netip.AddrPort // the device's address
	Up    bool           // to the server
	Bytes []byte
}

// A Tap is a server's socket that keeps what passes.
type Tap struct {
	bare.Socket

	mu   sync.Mutex
	seen []Datagram
}

// ReadFromUDPAddrPort implements bare.Socket.
func (t *Tap) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := t.Socket.ReadFromUDPAddrPort(b)
	if err == nil {
		t.keep(Datagram{from, true, bytes.Clone(b[:n])})
	}
	return n, from, err
}

// WriteToUDPAddrPort implements bare.Socket.
func (t *Tap) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	t.keep(Datagram{to, false, bytes.Clone(b)})
	return t.Socket.WriteToUDPAddrPort(b, to)
}

func (t *Tap) keep(d Datagram) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = append(t.seen, d)
}

// Seen is all that has passed so far, in its order.
func (t *Tap) Seen() []Datagram {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}
