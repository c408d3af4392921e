package conformance

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
)

// recordM1 has a device handshake and returns the datagrams of its m1 and pulls.
func recordM1(w *world) [][]byte {
	w.t.Helper()
	var plain [][]byte
	w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
		if toServer(d) && !isRecordDatagram(d) {
			plain = append(plain, d.Payload)
		}
		return simnet.Verdict{}
	})
	w.mustDial(config(handshake.XWing, handshake.ModeNone)).Close()
	w.net.Filter(nil)
	return plain
}

// TestAmplification: whatever comes from an address that proves nothing gets at most three
// times its bytes back, counted for each address over the whole time.
func TestAmplification(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		plain := recordM1(w)
		ping, pull := []byte{0x40, 0, 1, 2}, plain[len(plain)-1]
		get := []byte{0x41, 1, 1, 2, 9, 0xb2, 'h', 's', 0x43, 's', '=', '1'}
		core := append([]byte{0x40, 1, 3, 4, 0xbb}, ".well-known\x04core"...)
		floods := map[string][][]byte{
			"m1":            plain,
			"first block":   {plain[0]},
			"last block":    {plain[2]},
			"pulls":         {pull, pull, pull, pull},
			"ping":          {ping},
			"GET /hs":       {get},
			"GET core":      {core},
			"other path":    {{0x40, 1, 5, 6, 0xb1, 'x'}},
			"unknown ID":    {append([]byte{0x33, 0x7f}, make([]byte, 60)...)},
			"not a message": {{0x00, 1, 2, 3}, {0xff}, {0x80, 0x80}},
		}
		i := 0
		for name, datagrams := range floods {
			i++
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 5683)
			in := 0
			for range 20 {
				for _, b := range datagrams {
					in += len(b)
					w.net.Inject(from, serverAddr, b)
				}
				time.Sleep(100 * time.Millisecond)
			}
			out := int(w.net.Counters(serverAddr.Addr(), from.Addr()).Bytes)
			t.Logf("%-14s %6d B in, %6d B out", name, in, out)
			if out > 3*in {
				t.Errorf("%s: %d bytes out for %d in, more than three times", name, out, in)
			}
		}
	})
}

// TestUnprovenPool: under a flood of transfers from addresses that prove nothing the server
// comes to demand Echo. A device that knows nothing loses one round trip, one that has an Echo
// nothing, and what is kept for the flood has a bound.
func TestUnprovenPool(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		block := recordM1(w)[0]
		cfg := config(handshake.XWing, handshake.ModeKEM)
		cfg.Memory = new(node.Memory)
		w.mustDial(cfg).Close() // is given an Echo
		for i := range 20000 {
			from := fmt.Sprintf("203.%d.%d.%d:5683", i>>8&255, i&255, i%7+1)
			w.net.Inject(netip.MustParseAddrPort(from), serverAddr, block)
		}
		time.Sleep(rtt)
		start := time.Now()
		c := w.mustDial(cfg)
		if got := time.Since(start).Round(rtt / 10); got != rtt {
			t.Errorf("with an Echo the handshake took %v, want one round trip of %v", got, rtt)
		}
		c.Close()
		stranger := config(handshake.XWing, handshake.ModePSK)
		start = time.Now()
		c = w.mustDial(stranger)
		if got := time.Since(start).Round(rtt / 10); got != 2*rtt {
			t.Errorf("without an Echo the handshake took %v, want two round trips of %v", got, rtt)
		}
		c.Close()
		stats := w.server.LaneStats()
		t.Logf("%+v", stats)
	})
}
