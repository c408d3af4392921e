package interop

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
)

// A hole is a link for one client that loses the datagrams it is told to, by their numbers
// from 1, and no others.
type hole struct {
	front, back *net.UDPConn
	lostUp      []int
	lostDown    []int
	log         *transcript // a line for each datagram: "up" or "down", and its bytes

	mu       sync.Mutex
	client   netip.AddrPort
	up, down int // datagrams so far
}

func startHole(t *testing.T, server string, lostUp, lostDown []int) *hole {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp4", server)
	if err != nil {
		t.Fatal(err)
	}
	h := &hole{lostUp: lostUp, lostDown: lostDown, log: newTranscript()}
	if h.front, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	if h.back, err = net.DialUDP("udp4", nil, to); err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(h.readUp)
	ended.Go(h.readDown)
	t.Cleanup(func() {
		h.front.Close()
		h.back.Close()
		ended.Wait()
	})
	return h
}

func (h *hole) addr() string { return h.front.LocalAddr().String() }

// count is how many datagrams came, lost or not.
func (h *hole) count() (up, down int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up, h.down
}

func (h *hole) readUp() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := h.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		h.mu.Lock()
		fmt.Fprintf(h.log, "up %x\n", buf[:n])
		h.client = from
		h.up++
		lost := slices.Contains(h.lostUp, h.up)
		h.mu.Unlock()
		if !lost {
			h.back.Write(buf[:n])
		}
	}
}

func (h *hole) readDown() {
	buf := make([]byte, 1<<16)
	for {
		n, err := h.back.Read(buf)
		if err != nil {
			return
		}
		h.mu.Lock()
		fmt.Fprintf(h.log, "down %x\n", buf[:n])
		h.down++
		lost, to := slices.Contains(h.lostDown, h.down), h.client
		h.mu.Unlock()
		if !lost {
			h.front.WriteToUDPAddrPort(buf[:n], to)
		}
	}
}
