package conformance

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
)

// What a handshake of suite 1 by KEM keys takes in bytes where nothing is lost or late: m1 and
// pulls up, m2 down; and what one more copy of all that brings down, since each block of m1
// is answered with the first of m2 by then.
const (
	neededUp   = 2700
	neededDown = 2500
	copyDown   = 4500
)

// traffic is what both sides have sent so far.
func (w *world) traffic() (up, down simnet.Counters) {
	return w.net.Counters(deviceAddr.Addr(), serverAddr.Addr()), w.net.Counters(serverAddr.Addr(), deviceAddr.Addr())
}

// setLinks gives both directions between the device's host and the server's a link.
func (w *world) setLinks(l simnet.Link) {
	w.net.SetLink(deviceAddr.Addr(), serverAddr.Addr(), l)
	w.net.SetLink(serverAddr.Addr(), deviceAddr.Addr(), l)
}

// A cost is what one step of a test has taken.
type cost struct {
	took                time.Duration
	datagrams, up, down uint64 // datagrams of the device, bytes of both
}

// cost runs f and waits until what it has sent is answered.
func (w *world) cost(f func()) cost {
	up0, down0 := w.traffic()
	start := time.Now()
	f()
	took := time.Since(start)
	time.Sleep(5 * time.Second)
	up, down := w.traffic()
	return cost{took, up.Datagrams - up0.Datagrams, up.Bytes - up0.Bytes, down.Bytes - down0.Bytes}
}

// mustExchange is exchange where it cannot fail.
func (w *world) mustExchange(c *node.Conn, number uint32, up, down int) {
	w.t.Helper()
	if err := exchange(w.t.Context(), c, number, up, down); err != nil {
		w.t.Error(err)
	}
}

// TestGrowingRoundTrip: the round trip grows tenfold in the middle of a large body. What is
// out is taken for lost at first, which costs a few copies of it, and no storm.
func TestGrowingRoundTrip(t *testing.T) {
	const blocks = 100_000/1024 + 1
	for name, size := range map[string][2]int{"request": {100_000, 1}, "response": {1, 100_000}} {
		for _, after := range []time.Duration{10 * time.Millisecond, 120 * time.Millisecond, 260 * time.Millisecond} {
			t.Run(fmt.Sprint(name, " ", after), func(t *testing.T) {
				scenario(t, quiet, func(t *testing.T, w *world) {
					c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
					defer c.Close()
					w.mustExchange(c, 0, 1, 1)
					time.AfterFunc(after, func() { w.setLinks(simnet.Link{Delay: 5 * rtt}) })
					used := w.cost(func() { w.mustExchange(c, 1, size[0], size[1]) })
					t.Logf("%v, %.2f datagrams of the device for each block", used.took, float64(used.datagrams)/blocks)
					if used.datagrams > blocks*5/2 {
						t.Errorf("%d datagrams of the device for %d blocks", used.datagrams, blocks)
					}
				})
			})
		}
	}
}

// TestGrowingRoundTripInHandshake is the same for a handshake, before any answer is here: one
// more copy of what is needed goes out, and pings.
func TestGrowingRoundTripInHandshake(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		time.AfterFunc(rtt/10, func() { w.setLinks(simnet.Link{Delay: 5 * rtt}) })
		used := w.cost(func() { w.mustDial(config(handshake.XWing, handshake.ModeKEM)) })
		t.Logf("%+v", used)
		if used.up > 2*neededUp || used.down > neededDown+copyDown {
			t.Errorf("%d B up and %d B down, more than one copy that is not needed", used.up, used.down)
		}
	})
}

// TestSlowPath: over a path that is slower than the first time-outs, which are guesses, a
// handshake costs at most one more copy of what is needed, or two where the round trip is 2 s,
// and no more time. One that knows the path costs none.
func TestSlowPath(t *testing.T) {
	for path, more := range map[time.Duration]uint64{3 * rtt: 1, 6 * rtt: 1, 10 * rtt: 1, 20 * rtt: 2} {
		t.Run(path.String(), func(t *testing.T) {
			scenario(t, simnet.Link{Delay: path / 2}, func(t *testing.T, w *world) {
				cfg := config(handshake.XWing, handshake.ModeKEM)
				cfg.Memory = new(node.Memory)
				for _, more := range []uint64{more, 0} {
					used := w.cost(func() { w.mustDial(cfg).Close() })
					t.Logf("%+v", used)
					if used.took != path {
						t.Errorf("took %v, want a round trip of %v", used.took, path)
					}
					if used.up > (1+more)*neededUp || used.down > neededDown+more*copyDown {
						t.Errorf("%d B up and %d B down, more than %d copies that are not needed", used.up, used.down, more)
					}
				}
			})
		})
	}
}

// TestWindow counts in the trace how much is on the way at once, which is what has left
// within a round trip.
func TestWindow(t *testing.T) {
	const window = 64
	for _, loss := range []float64{0, 0.05, 0.2} {
		for name, size := range map[string][2]int{"request": {1_000_000, 1}, "response": {1, 1_000_000}} {
			t.Run(fmt.Sprint(name, " ", loss), func(t *testing.T) {
				scenario(t, simnet.Link{Delay: rtt / 2, Loss: loss}, func(t *testing.T, w *world) {
					c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
					defer c.Close()
					w.mustExchange(c, 0, size[0], size[1])
					most := w.mostWithin(rtt)
					t.Logf("%d datagrams on the way at most", most)
					if most > window {
						t.Errorf("%d datagrams on the way, want at most %d", most, window)
					}
					if loss == 0 && most != window {
						t.Errorf("%d datagrams on the way, and the window opens to %d", most, window)
					}
				})
			})
		}
	}
}

// mostWithin returns how many datagrams the device has sent at most within a time.
func (w *world) mostWithin(d time.Duration) int {
	var sent []time.Duration
	for _, e := range w.net.Events() {
		if e.To == serverAddr {
			sent = append(sent, e.At)
		}
	}
	most, first := 0, 0
	for i, at := range sent {
		for sent[first] <= at-d {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// TestBottleneck: 20 kbit/s and a queue of four datagrams, each way, shared by nobody else.
func TestBottleneck(t *testing.T) {
	const rate = 20_000
	scenario(t, simnet.Link{Delay: rtt / 2, Rate: rate, Queue: 4}, func(t *testing.T, w *world) {
		var c *node.Conn
		used := w.cost(func() { c = w.mustDial(config(handshake.XWing, handshake.ModeKEM)) })
		defer c.Close()
		t.Logf("handshake: %+v", used)
		if used.up > 3*neededUp || used.down > 3*neededDown || used.took > 10*time.Second {
			t.Errorf("handshake: %+v", used)
		}
		for i, size := range [][2]int{{10_000, 1}, {1, 10_000}, {100_000, 1}, {1, 100_000}} {
			used := w.cost(func() { w.mustExchange(c, uint32(i), size[0], size[1]) })
			needed := size[0] + size[1]
			goodput := float64(8*needed) / used.took.Seconds()
			t.Logf("%d B up, %d B down: %.0f bit/s, %+v", size[0], size[1], goodput, used)
			if goodput < rate/2 {
				t.Errorf("%d B up, %d B down: %.0f bit/s, less than half of what the link can", size[0], size[1], goodput)
			}
			if used.up+used.down > uint64(2*needed) {
				t.Errorf("%d bytes sent for %d", used.up+used.down, needed)
			}
		}
	})
}

// TestFleetBehindOneLink: two hundred devices start at once behind one link, where their
// handshakes alone take 16 s. All get in within their 60 s, since most of them are silent most
// of the time.
func TestFleetBehindOneLink(t *testing.T) {
	const devices = 200
	scenario(t, simnet.Link{Delay: rtt / 2, Rate: 250_000, Queue: 32}, func(t *testing.T, w *world) {
		var all sync.WaitGroup
		var failed, slowest atomic.Int64
		start := time.Now()
		for range devices {
			socket := w.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0))
			all.Go(func() {
				c, err := node.DialOn(t.Context(), socket, serverAddr, config(handshake.XWing, handshake.ModeNone))
				if err != nil {
					failed.Add(1)
					return
				}
				defer c.Close()
				if took := time.Since(start); int64(took) > slowest.Load() {
					slowest.Store(int64(took))
				}
				time.Sleep(time.Minute)
			})
		}
		all.Wait()
		up, down := w.traffic()
		t.Logf("the slowest after %v; %d B up, %d B down", time.Duration(slowest.Load()), up.Bytes, down.Bytes)
		if n := failed.Load(); n > 0 {
			t.Errorf("%d of %d devices did not get in", n, devices)
		}
		if up.Bytes > 10*devices*neededUp {
			t.Errorf("%d B for %d devices, more than ten times what is needed", up.Bytes, devices)
		}
	})
}

// TestNobody: whoever the address belongs to gets at most 10 datagrams a round and 150 in
// 60 s, from a device that knows nothing and from one that was answered long ago.
func TestNobody(t *testing.T) {
	for _, suite := range handshake.Suites() {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprint(suite, " ", known), func(t *testing.T) {
				scenario(t, quiet, func(t *testing.T, w *world) {
					cfg := config(suite, handshake.ModeKEM)
					if known {
						cfg.Memory = new(node.Memory)
						w.mustDial(cfg).Close()
					}
					w.setLinks(simnet.Link{Loss: 1})
					var err error
					used := w.cost(func() { _, err = w.dial(t.Context(), cfg) })
					most := w.mostWithin(rtt)
					t.Logf("%d datagrams, %d at once", used.datagrams, most)
					if err == nil || used.datagrams > 150 || most > 10+1 { // of the one that was answered, its Close
						t.Errorf("error %v, %d datagrams, %d at once", err, used.datagrams, most)
					}
				})
			})
		}
	}
}
