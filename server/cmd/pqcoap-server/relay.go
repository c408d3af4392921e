package main

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A relay stands between one device and the server, both on loopback, as an attacker on the
// path does: it keeps a copy of every datagram, and can change one or send one again.
type relay struct {
	front  *net.UDPConn // the device's side
	back   *net.UDPConn // connected to the server
	start  time.Time
	moving sync.WaitGroup

	mu     sync.Mutex
	device netip.AddrPort // where the last datagram at the front came from
	seen   []captured
	flip   bool // change the next record of the device
}

// A captured datagram.
type captured struct {
	at         time.Duration // since the start of the relay
	fromServer bool
	bytes      []byte
}

// isRecord tells records from plain CoAP (docs/protocol.md section 1).
func (c captured) isRecord() bool { return len(c.bytes) > 0 && c.bytes[0]>>5 == 1 }

func newRelay(server netip.AddrPort) (*relay, error) {
	loopback := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	front, err := net.ListenUDP("udp4", loopback)
	if err != nil {
		return nil, err
	}
	back, err := net.DialUDP("udp4", loopback, net.UDPAddrFromAddrPort(server))
	if err != nil {
		front.Close()
		return nil, err
	}
	r := &relay{front: front, back: back, start: time.Now()}
	r.moving.Go(r.forward)
	r.moving.Go(r.backward)
	return r, nil
}

// addr is where the device finds the relay.
func (r *relay) addr() string { return r.front.LocalAddr().String() }

func (r *relay) close() {
	r.front.Close()
	r.back.Close()
	r.moving.Wait()
}

// restart forgets what was seen and sets the clock to zero.
func (r *relay) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen, r.start = nil, time.Now()
}

// elapsed is the time since the last restart.
func (r *relay) elapsed() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.start)
}

// trace is what has been seen since the last restart.
func (r *relay) trace() []captured {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// forward takes datagrams from the device to the server.
func (r *relay) forward() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			r.back.Write(r.tamper(from, buf[:n])) // what cannot be sent is lost, as on any path
		}
	}
}

// tamper notes a datagram of the device, and flips a bit of it if it is time to.
func (r *relay) tamper(from netip.AddrPort, b []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.device = from
	c := captured{at: time.Since(r.start), bytes: slices.Clone(b)}
	r.seen = append(r.seen, c)
	if r.flip && c.isRecord() {
		b[len(b)-1] ^= 1
		r.flip = false
	}
	return b
}

// backward takes datagrams from the server to the device.
func (r *relay) backward() {
	buf := make([]byte, 1<<16)
	for {
		n, err := r.back.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			r.front.WriteToUDPAddrPort(buf[:n], r.answered(buf[:n]))
		}
	}
}

// answered notes a datagram of the server and says where it goes.
func (r *relay) answered(b []byte) netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, captured{time.Since(r.start), true, slices.Clone(b)})
	return r.device
}

// flipNext changes one bit of the next record of the device.
func (r *relay) flipNext() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flip = true
}

// resend sends a datagram of the device to the server once more.
func (r *relay) resend(c captured) error {
	_, err := r.back.Write(c.bytes)
	return err
}
