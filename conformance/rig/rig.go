// Package rig is what the measurements have in common: a server, or an echo of raw datagrams, in a
// process of its own, devices that one goroutine drives, and the use of a process.
//
//	p, err := rig.Start(ctx, rig.Config{Suite: handshake.XWing}, rig.Own(os.Args[0]))
//	defer p.Close()
//	d, err := rig.Open(ctx, socket, p.Addr, session.DeviceConfig{Server: p.Credential, ...})
package rig

import (
	"crypto/sha256"
	"net"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// A Config says what a peer serves.
type Config struct {
	Echo        bool // datagrams as they come, and nothing else
	Suite       handshake.Suite
	Devices     [][]byte // public keys of devices that it lets in, beside those with a PSK of ours and those without a name
	Limits      bool     // those that a server has of itself; else none
	MaxSessions int      // 0: the server's
	EchoSecret  [32]byte // of Echo values, known to attackers who prove their address
}

// DevicePSK is the key of the device with a number.
func DevicePSK(number uint64) *handshake.PSK {
	p := &handshake.PSK{}
	for i := range 8 {
		p.ID[i] = byte(number >> (8 * i))
	}
	p.ID[15] = 1
	p.Key = pskKey(p.ID)
	return p
}

// pskKey is what a peer can tell of a PSK without a list of them.
func pskKey(id [16]byte) handshake.PSKKey {
	return sha256.Sum256(append([]byte("pqcoap measurement"), id[:]...))
}

// A Report is what a peer tells of itself.
type Report struct {
	RSS  int64 // bytes, VmRSS
	Heap int64 // bytes of objects
	CPU  time.Duration
	Took time.Duration // what was asked for

	Sessions, Resting, HalfOpen int
	Received, Sent              uint64 // bytes of UDP payload
}

// SocketBuffer is what sockets of many clients have, in bytes; the system may give less.
const SocketBuffer = 4 << 20

// Listen opens a socket at an address of IPv4, with any port.
func Listen(addr netip.Addr) (*net.UDPConn, error) {
	return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
}

// Loopback is where sockets are where it does not matter.
var Loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func addrOf(a net.Addr) netip.AddrPort { return a.(*net.UDPAddr).AddrPort() }
