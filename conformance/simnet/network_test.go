package simnet

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestListen(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		anyPort := netip.AddrPortFrom(serverAddr.Addr(), 0)
		first, second := b.Listen(anyPort), b.Listen(anyPort)
		if p, q := first.Public().Port(), second.Public().Port(); p != firstEphemeral || q != firstEphemeral+1 {
			t.Errorf("ports %d and %d, want the first two", p, q)
		}
		mustPanic(t, func() { b.Listen(serverAddr) })
		mustPanic(t, func() { b.device.Rebind(serverAddr) })
		mustPanic(t, func() { b.Listen(netip.AddrPort{}) })
		mustPanic(t, func() { b.Listen(netip.MustParseAddrPort("0.0.0.0:5688")) })
	})
}

// Sockets that serve both families give IPv4 addresses in IPv6 form.
func TestMappedAddresses(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		mapped := netip.MustParseAddrPort("[::ffff:192.0.2.1]:5688")
		b.device.WriteToUDPAddrPort([]byte("four"), mapped)
		if got := receive(t, b.server); len(got) != 1 {
			t.Errorf("received %d, want 1", len(got))
		}
	})
}

func TestInject(t *testing.T) {
	on(t, Link{Delay: time.Second}, func(t *testing.T, b bench) {
		stranger := netip.MustParseAddrPort("203.0.113.9:9")
		b.Filter(func(Datagram) Verdict { return Verdict{Drop: true} })
		b.Inject(stranger, serverAddr, []byte("hello"))
		got := receive(t, b.server)
		if len(got) != 1 || got[0].payload != "hello" || got[0].from != stranger || got[0].at != time.Second {
			t.Errorf("received %+v, want what was injected", got)
		}
	})
}

// sendAll lets many devices send at once, each from its own goroutine, and returns what
// happened.
func sendAll(t *testing.T, seed uint64, injected int) (events []Event) {
	synctest.Test(t, func(t *testing.T) {
		n := New(seed, Link{
			Loss: 0.2, Burst: Burst{Enter: 0.1, Leave: 0.5, Loss: 0.9}, Delay: 10 * time.Millisecond,
			Jitter: 5 * time.Millisecond, Duplicate: 0.1, Reorder: 0.1, Corrupt: 0.1,
		})
		defer n.Close()
		n.Trace()
		var group sync.WaitGroup
		for i := range 10 {
			addr := netip.AddrPortFrom(deviceAddr.Addr(), uint16(1000+i))
			c := n.Listen(addr)
			group.Go(func() {
				for j := range 50 {
					c.WriteToUDPAddrPort(fmt.Appendf(nil, "%d from %v", j, addr), serverAddr)
					time.Sleep(time.Millisecond)
				}
			})
			for range injected {
				n.Inject(addr, serverAddr, []byte("false"))
			}
		}
		group.Wait()
		time.Sleep(time.Second)
		events = n.Events()
	})
	return events
}

func TestSeedDecides(t *testing.T) {
	first, again, other := sendAll(t, 7, 0), sendAll(t, 7, 0), sendAll(t, 8, 0)
	if len(first) < 500 {
		t.Fatalf("%d events, want one for each of 500 datagrams", len(first))
	}
	if !slices.Equal(first, again) {
		t.Error("the same seed gave another run")
	}
	if slices.Equal(first, other) {
		t.Error("another seed gave the same run")
	}
}

// An attacker's datagrams must not change the fate of true ones, or a scenario with and
// one without an attack could not be compared.
func TestInjectionTakesNoDraws(t *testing.T) {
	isTrue := func(e Event) bool { return string(e.Head[:5]) != "false" }
	var runs [2][]Event
	for i := range runs {
		for _, e := range sendAll(t, 7, i) {
			if e.Fate != Unreachable && isTrue(e) {
				runs[i] = append(runs[i], e)
			}
		}
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Error("injected datagrams changed what befell others")
	}
}

// Properties of a link are independent: what is lost without duplication is lost with it.
func TestPropertiesAreIndependent(t *testing.T) {
	var arrived [2][]int
	for i, duplicate := range []float64{0, 0.5} {
		on(t, Link{Loss: 0.3, Duplicate: duplicate}, func(t *testing.T, b bench) {
			b.send(t, 1000, 4)
			for _, r := range receive(t, b.server) {
				arrived[i] = append(arrived[i], r.number)
			}
		})
	}
	if slices.Equal(arrived[0], arrived[1]) || !slices.Equal(arrived[0], slices.Compact(arrived[1])) {
		t.Error("duplication changed which datagrams are lost")
	}
}

// Datagrams that arrive in one instant are read in the order of their senders' addresses.
func TestOneInstantHasAnOrder(t *testing.T) {
	on(t, Link{Delay: time.Millisecond}, func(t *testing.T, b bench) {
		var group sync.WaitGroup
		for i := range 20 {
			c := b.Listen(netip.AddrPortFrom(deviceAddr.Addr(), uint16(1000+i)))
			group.Go(func() {
				for range 3 {
					c.WriteToUDPAddrPort(nil, serverAddr)
				}
			})
		}
		group.Wait()
		got := receive(t, b.server)
		inOrder := slices.IsSortedFunc(got, func(a, b receipt) int { return a.from.Compare(b.from) })
		if len(got) != 60 || !inOrder {
			t.Errorf("received %d in order %t: %v", len(got), inOrder, got)
		}
	})
}

func TestNothingAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Link{Delay: time.Second})
		device, server := n.Listen(deviceAddr), n.Listen(serverAddr)
		device.WriteToUDPAddrPort([]byte("on its way"), serverAddr)
		server.SetReadDeadline(time.Now().Add(time.Minute))
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		n.Inject(deviceAddr, serverAddr, []byte("late"))
		time.Sleep(time.Hour)
		if c := n.Counters(deviceAddr.Addr(), serverAddr.Addr()); c.Delivered != 0 || c.Unreachable != 0 {
			t.Errorf("counters = %+v, want nothing to have arrived", c)
		}
	})
}

// The same code runs on real time, where a command measures.
func TestRealTime(t *testing.T) {
	n := New(1, Link{Delay: time.Millisecond})
	defer n.Close()
	device, server := n.Listen(deviceAddr), n.Listen(serverAddr)
	start := time.Now()
	device.WriteToUDPAddrPort([]byte("now"), serverAddr)
	server.SetReadDeadline(start.Add(time.Minute))
	buf := make([]byte, 10)
	size, from, err := server.ReadFromUDPAddrPort(buf)
	if string(buf[:size]) != "now" || from != deviceAddr || err != nil {
		t.Errorf("read %q from %v, %v", buf[:size], from, err)
	}
	if passed := time.Since(start); passed < time.Millisecond {
		t.Errorf("it took %v, less than the delay", passed)
	}
}
