package simnet

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	deviceAddr = netip.MustParseAddrPort("198.51.100.1:40000")
	serverAddr = netip.MustParseAddrPort("192.0.2.1:5688")
)

// A bench is a network with a device and a server on it.
type bench struct {
	*Network
	device, server *Conn
}

// on runs f in a bubble with a network of one link.
func on(t *testing.T, l Link, f func(t *testing.T, b bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := New(1, l)
		defer n.Close()
		n.TraceOnFailure(t)
		f(t, bench{n, n.Listen(deviceAddr), n.Listen(serverAddr)})
	})
}

// send writes numbered datagrams of the given size from the device, all at once.
func (b bench) send(t *testing.T, count, size int) {
	t.Helper()
	payload := make([]byte, size)
	for i := range count {
		binary.BigEndian.PutUint32(payload, uint32(i))
		if n, err := b.device.WriteToUDPAddrPort(payload, serverAddr); n != size || err != nil {
			t.Fatalf("write = %d, %v", n, err)
		}
	}
}

// A receipt is a datagram that a Conn has read.
type receipt struct {
	number  int
	payload string
	from    netip.AddrPort
	at      time.Duration // since the call of receive
}

// receive reads what comes in the next hour.
func receive(t *testing.T, c *Conn) []receipt {
	t.Helper()
	start := time.Now()
	if err := c.SetReadDeadline(start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var got []receipt
	for buf := make([]byte, maxPayload); ; {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return got
		}
		r := receipt{payload: string(buf[:n]), from: from, at: time.Since(start)}
		if n >= 4 {
			r.number = int(binary.BigEndian.Uint32(buf))
		}
		got = append(got, r)
	}
}
