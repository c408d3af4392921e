package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// ipv6Headers is what IPv6 and UDP take of an MTU.
const ipv6Headers = 48

var modes = []handshake.Mode{handshake.ModeNone, handshake.ModeKEM, handshake.ModePSK}

// small is a link that swallows what is larger than an MTU without a word.
func small(mtu int, loss float64) simnet.Link {
	l := quiet
	l.MTU, l.Loss = mtu-ipv6Headers, loss
	return l
}

// TestMTU: handshakes of every suite and mode over paths of every size, and a large request
// with a large answer in the records after it. Ends that are configured for 1280 find out.
func TestMTU(t *testing.T) {
	most := map[int]time.Duration{1280: rtt, 576: 11 * rtt, 256: 16 * rtt, 128: 20 * rtt}
	for mtu, limit := range most {
		for _, suite := range handshake.Suites() {
			for _, mode := range modes {
				t.Run(fmt.Sprint(mtu, suite, mode), func(t *testing.T) {
					scenario(t, small(mtu, 0), func(t *testing.T, w *world) {
						start := time.Now()
						c := w.mustDial(config(suite, mode))
						defer c.Close()
						if took := time.Since(start); took > limit {
							t.Errorf("handshake took %v, want %v at most", took, limit)
						}
						checkLarge(t, w, c)
					})
				})
			}
		}
	}
}

// checkLarge makes a request of 2000 B with an answer of 2000 B.
func checkLarge(t *testing.T, w *world, c *node.Conn) {
	t.Helper()
	if err := exchange(t.Context(), c, 0, 2000, 2000); err != nil {
		t.Error(err)
	}
	w.handler.once(t, 1)
}

// TestMTULoss: the same where one datagram in ten is lost each way, and where the server
// demands an Echo.
func TestMTULoss(t *testing.T) {
	for _, suite := range handshake.Suites() {
		for _, mode := range modes {
			for _, always := range []bool{false, true} {
				t.Run(fmt.Sprint(suite, mode, always), func(t *testing.T) {
					scenario(t, small(128, 0.1), func(t *testing.T, w *world) {
						c := w.mustDial(config(suite, mode))
						defer c.Close()
						checkLarge(t, w, c)
					}, func(cfg *server.Config) { cfg.AlwaysEcho = always })
				})
			}
		}
	}
}

// TestMTUOneWay: only one direction is small.
func TestMTUOneWay(t *testing.T) {
	for _, mtu := range []int{576, 128} {
		for _, up := range []bool{true, false} {
			for _, loss := range []float64{0, 0.1} {
				t.Run(fmt.Sprint(mtu, up, loss), func(t *testing.T) {
					scenario(t, simnet.Link{Delay: rtt / 2, Loss: loss}, func(t *testing.T, w *world) {
						if up {
							w.net.SetLink(deviceAddr.Addr(), serverAddr.Addr(), small(mtu, loss))
						} else {
							w.net.SetLink(serverAddr.Addr(), deviceAddr.Addr(), small(mtu, loss))
						}
						c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
						defer c.Close()
						checkLarge(t, w, c)
					})
				})
			}
		}
	}
}

// TestMTUShrinks: the path becomes smaller within a session, before a request and while its
// handler works, whose response comes by itself.
func TestMTUShrinks(t *testing.T) {
	for _, slow := range []time.Duration{0, time.Second} {
		for _, mtu := range []int{576, 128} {
			t.Run(fmt.Sprint(slow, mtu), func(t *testing.T) {
				scenario(t, quiet, func(t *testing.T, w *world) {
					c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
					defer c.Close()
					if err := exchange(t.Context(), c, 0, 3000, 3000); err != nil {
						t.Fatal(err)
					}
					w.handler.slow = slow
					shrink := func() {
						w.net.SetLink(deviceAddr.Addr(), serverAddr.Addr(), small(mtu, 0))
						w.net.SetLink(serverAddr.Addr(), deviceAddr.Addr(), small(mtu, 0))
					}
					time.AfterFunc(slow/2, shrink)
					for i := range uint32(3) {
						if err := exchange(t.Context(), c, 1+i, 2000, 2000); err != nil {
							t.Error(err)
						}
					}
					w.handler.once(t, 4)
				})
			})
		}
	}
}

// TestMTURemembered: the next handshake with the server begins with what the path carries, and
// after a day it is tried again.
func TestMTURemembered(t *testing.T) {
	scenario(t, small(576, 0), func(t *testing.T, w *world) {
		cfg := config(handshake.XWing, handshake.ModeKEM)
		cfg.Memory = new(node.Memory)
		dial := func() time.Duration {
			start := time.Now()
			w.mustDial(cfg).Close()
			time.Sleep(rtt)
			return time.Since(start) - rtt
		}
		if first := dial(); first < 3*rtt {
			t.Errorf("the first handshake took %v: nothing vanished", first)
		}
		for range 2 {
			if took := dial(); took > 2*rtt {
				t.Errorf("a handshake with a known path took %v", took)
			}
		}
		w.net.SetLink(deviceAddr.Addr(), serverAddr.Addr(), quiet)
		w.net.SetLink(serverAddr.Addr(), deviceAddr.Addr(), quiet)
		time.Sleep(25 * time.Hour)
		if took := dial(); took > rtt+time.Millisecond {
			t.Errorf("a day later, over a larger path, a handshake took %v", took)
		}
	})
}
