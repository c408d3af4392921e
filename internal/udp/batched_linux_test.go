package udp

import (
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inNamespace runs f in a network of its own, with what the commands make of it.
func inNamespace(t *testing.T, f func(t *testing.T), commands ...string) {
	t.Helper()
	if syscall.Geteuid() != 0 {
		t.Skip("needs root")
	}
	failed := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and the thread, which is in the other network, ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			failed <- err.Error()
			return
		}
		for _, c := range append([]string{"ip link set lo up"}, commands...) {
			words := strings.Fields(c)
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				failed <- c + ": " + err.Error() + ": " + string(out)
				return
			}
		}
		f(t)
	}()
	<-done
	select {
	case why := <-failed:
		t.Skip("no network of its own: ", why)
	default:
	}
}

// An answer leaves from the address that the question has come to, also where the system would
// take another.
func TestSourceAddress(t *testing.T) {
	check := func(t *testing.T, p *Port, to ...string) {
		defer echo(p)()
		defer p.Close()
		for _, one := range to {
			addr := netip.MustParseAddr(one)
			settled(t, addr)
			roundTrips(t, dialled(t, netip.AddrPortFrom(addr, p.LocalAddr().Port())))
		}
	}
	single := func() *Port {
		socket, err := net.ListenUDP("udp", nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(socket)
		if err != nil {
			t.Fatal(err)
		}
		return NewPort(c)
	}
	v4 := []string{"127.0.0.1", "127.0.0.2", "127.200.3.4"}
	t.Run("two sockets", func(t *testing.T) { check(t, listening(t, "", New), v4...) })
	t.Run("IPv4", func(t *testing.T) { check(t, listening(t, "0.0.0.0:0", New), v4...) })
	t.Run("one socket", func(t *testing.T) { check(t, single(), v4...) })
	t.Run("IPv6", func(t *testing.T) {
		inNamespace(t, func(t *testing.T) {
			v6 := []string{"fd00::1", "fd00::2", "::1"}
			check(t, listening(t, "", New), append(v6, v4...)...)
			check(t, single(), append(v6, v4...)...)
		}, "ip addr add fd00::1/128 dev lo nodad", "ip addr add fd00::2/128 dev lo nodad")
	})
	t.Run("link", func(t *testing.T) {
		inNamespace(t, func(t *testing.T) {
			if _, err := net.InterfaceByName("v0"); err != nil {
				t.Skip("interfaces have no names here: ", err)
			}
			check(t, listening(t, "", New), "fe80::1%v0", "fe80::2%v0")
		}, "ip link add v0 type veth peer name v1", "ip link set v0 up", "ip link set v1 up",
			"ip addr add fe80::1/64 dev v0 nodad", "ip addr add fe80::2/64 dev v0 nodad")
	})
}

// settled waits until an address that has just been given is in use.
func settled(t *testing.T, addr netip.Addr) {
	t.Helper()
	own, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	for range 200 { // a socket anew each time, for one keeps to the route that it has found
		dialled(t, own.LocalAddr().(*net.UDPAddr).AddrPort()).Write([]byte("hello"))
		own.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, _, err := own.ReadFromUDPAddrPort(make([]byte, 64)); err == nil {
			return
		}
	}
	t.Fatalf("%v is not in use", addr)
}

// What is told about where a datagram has come to, and where it has not been asked.
func TestLocal(t *testing.T) {
	tests := []struct{ listen, to, want string }{
		{"0.0.0.0:0", "127.0.0.9", "127.0.0.9"},
		{"", "::1", "::1"},
		{"127.0.0.1:0", "127.0.0.1", "invalid IP"},
		{"[::1]:0", "::1", "invalid IP"},
	}
	for _, test := range tests {
		p := listening(t, test.listen, New)
		to := netip.AddrPortFrom(netip.MustParseAddr(test.to), p.LocalAddr().Port())
		c := dialled(t, to)
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		in := newBatch(2, 64)
		if n, err := receive(p.family(to.Addr().Is4()), in); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if got := in[0].Local.String(); got != test.want {
			t.Errorf("%s to %s: Local = %s, want %s", test.listen, test.to, got, test.want)
		}
	}
}

// An error that the network has reported about an earlier datagram costs no other.
func TestErrorOfAnother(t *testing.T) {
	port := listening(t, "127.0.0.1:0", New)
	to := port.LocalAddr()
	port.Close()
	c, err := New(dialled(t, to))
	if err != nil {
		t.Fatal(err)
	}
	one := func(b byte) []Message { return []Message{{Peer: to, Data: []byte{b}}} }
	c.Write(one(1)) // nobody is there, which is reported at the next
	port = listening(t, to.String(), New)
	c.Write(one(2))
	in := newBatch(2, 64)
	if n, err := receive(port.v4, in); err != nil || n != 1 || in[0].Data[0] != 2 {
		t.Errorf("got %v, %v", in[:n], err)
	}
	if s := c.Stats(); s != (Stats{}) {
		t.Errorf("%+v", s)
	}
}

// Where the link takes nothing, Write gives up, and sends again when there is room.
func TestNoRoom(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		for _, conn := range makers {
			p := listening(t, "127.0.0.1:0", conn)
			c := listening(t, "127.0.0.1:0", func(s PacketConn) (Conn, error) {
				if err := s.(*net.UDPConn).SetWriteBuffer(1 << 14); err != nil {
					return nil, err
				}
				return conn(s)
			})
			batch := newBatch(2*Batch, 1000)
			for i := range batch {
				batch[i].Peer = p.LocalAddr()
			}
			run(t, "tc qdisc add dev lo root tbf rate 8bit burst 2kb limit 1mb")
			c.Write(batch)
			first := c.Stats()
			if first.Dropped == 0 || first.Dropped == uint64(len(batch)) || first.Unsent != 0 {
				t.Errorf("%+v of %d", first, len(batch))
			}
			run(t, "tc qdisc del dev lo root") // with what waits in it
			c.Write(batch[:1])
			if s := c.Stats(); s != first {
				t.Errorf("with room: %+v, before %+v", s, first)
			}
		}
	}, "tc qdisc add dev lo root tbf rate 8bit burst 2kb limit 1mb", "tc qdisc del dev lo root")
}

func run(t *testing.T, command string) {
	t.Helper()
	words := strings.Fields(command)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

// Nothing is allocated for a datagram, nor for a batch.
func TestAllocations(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		p := listening(t, addr, New)
		c := p.Conns()[0]
		to := netip.MustParseAddr("127.0.0.1")
		if strings.HasPrefix(addr, "[") {
			to, c = netip.MustParseAddr("::1"), p.v6
		}
		in, out := newBatch(Batch, 200), newBatch(Batch, 100)
		for i := range out {
			out[i].Peer = netip.AddrPortFrom(to, p.LocalAddr().Port())
		}
		const warm, times = 10, 100
		var before, after runtime.MemStats
		got, sent := 0, 1
		p.Write(out)
		err := c.Receive(in, func(n int) bool {
			out[0].Local = in[0].Local
			if got += n; got < sent*len(out) {
				return true
			}
			switch sent++; sent {
			case warm:
				runtime.ReadMemStats(&before)
			case warm + times:
				runtime.ReadMemStats(&after)
				return false
			}
			p.Write(out)
			return true
		})
		if allocs := after.Mallocs - before.Mallocs; err != nil || allocs > times/10 { // the runtime's own
			t.Errorf("%s: %d allocations in %d batches, %v", addr, allocs, times, err)
		}
	}
}
