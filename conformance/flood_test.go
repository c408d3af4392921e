package conformance

import (
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

// TestKnownUnderFlood: whatever ten thousand addresses send, each of a network of its own, a device
// with a ticket is in after two round trips, also from an address that proves nothing, one with an
// Echo after one, and one with nothing after two. What the server holds is bounded.
func TestKnownUnderFlood(t *testing.T) {
	for _, name := range []string{"no Echo", "wrong Echo", "junk m1", "same m1", "half-open", "junk ticket", "unknown ID", "valid ID", "fragments"} {
		t.Run(name, func(t *testing.T) {
			underFlood(t, name, attacker, func(f *flood, sleeper, known, stranger node.Config) {
				moved := netip.MustParseAddrPort("203.0.113.80:40000")
				ticket, echo := f.trips(sleeper, moved), f.trips(known, deviceAddr)
				none := f.trips(stranger, netip.MustParseAddrPort("203.0.113.90:40000"))
				t.Logf("round trips: by ticket %.1f, by Echo %.1f, by nothing %.1f", ticket, echo, none)
				if ticket > 2 || echo > 1 || none > 2.05 {
					t.Error("want two, one and two at most")
				}
			})
		})
	}
}

// TestNeighbourUnderFlood: where the attackers sit in the network of the device, some of them at its
// address, and can prove that, it gets in by a ticket and an Echo as ever.
func TestNeighbourUnderFlood(t *testing.T) {
	for _, name := range []string{"no Echo", "junk m1", "half-open", "junk ticket", "unknown ID"} {
		t.Run(name, func(t *testing.T) {
			underFlood(t, name, neighbour, func(f *flood, sleeper, known, _ node.Config) {
				sleeper.Memory = known.Memory
				if ticket := f.trips(sleeper, deviceAddr); ticket > 1 {
					t.Errorf("%.1f round trips, want one", ticket)
				}
			})
		})
	}
}
