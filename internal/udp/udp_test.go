package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// makers are the ways to move datagrams that this system has.
var makers = map[string]maker{
	"best":  New,
	"plain": func(s PacketConn) (Conn, error) { return newPlain(s), nil },
}

// eachMaker runs a test with each.
func eachMaker(t *testing.T, f func(t *testing.T, conn maker)) {
	for name, conn := range makers {
		t.Run(name, func(t *testing.T) { f(t, conn) })
	}
}

// listening opens a port of one shard for a test.
func listening(t testing.TB, addr string, conn maker) *Port {
	t.Helper()
	ports := listeningAll(t, addr, 1, conn)
	return ports[0]
}

func listeningAll(t testing.TB, addr string, shards int, conn maker) []*Port {
	t.Helper()
	at := netip.AddrPort{}
	if addr != "" {
		at = netip.MustParseAddrPort(addr)
	}
	ports, err := listen(at, shards, conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range ports {
			p.Close()
		}
	})
	return ports
}

// dialled is a socket that takes datagrams of one address only.
func dialled(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	return c
}

// newBatch has room for datagrams of less than size bytes.
func newBatch(n, size int) []Message {
	batch := make([]Message, n)
	for i := range batch {
		batch[i].Data = make([]byte, size)
	}
	return batch
}

// echo answers all that comes to a port, until it is closed.
func echo(p *Port) (wait func()) {
	done := make(chan struct{})
	conns := p.Conns()
	for _, c := range conns {
		go func() {
			defer func() { done <- struct{}{} }()
			batch := newBatch(Batch, 2048)
			for {
				n, err := receive(c, batch)
				if err != nil {
					return
				}
				c.Write(batch[:n])
			}
		}()
	}
	return func() {
		for range conns {
			<-done
		}
	}
}

// roundTrips sends datagrams of many lengths, the empty one too, and expects them back.
func roundTrips(t *testing.T, c *net.UDPConn) {
	t.Helper()
	got := make([]byte, 4096)
	for size := range 150 {
		sent := bytes.Repeat([]byte{byte(size)}, size*10)
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(got)
		if err != nil {
			t.Fatalf("%d bytes: %v", size*10, err)
		}
		if !bytes.Equal(got[:n], sent) {
			t.Fatalf("%d bytes: got %d others", len(sent), n)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	tests := []struct{ listen, to string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"[::1]:0", "::1"},
		{"", "127.0.0.1"},
		{"", "::1"},
		{"0.0.0.0:0", "127.0.0.1"},
		{"[::]:0", "127.0.0.1"},
		{"[::]:0", "::1"},
	}
	eachMaker(t, func(t *testing.T, conn maker) {
		for _, test := range tests {
			t.Run(test.listen+" "+test.to, func(t *testing.T) {
				p := listening(t, test.listen, conn)
				defer echo(p)()
				defer p.Close()
				roundTrips(t, dialled(t, netip.AddrPortFrom(netip.MustParseAddr(test.to), p.LocalAddr().Port())))
			})
		}
	})
}

// A socket that is not ours to open may serve both families.
func TestRoundTripOfBothFamilies(t *testing.T) {
	eachMaker(t, func(t *testing.T, conn maker) {
		socket, err := net.ListenUDP("udp", nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := conn(socket)
		if err != nil {
			t.Fatal(err)
		}
		p := NewPort(c)
		defer echo(p)()
		defer p.Close()
		for _, to := range []string{"127.0.0.1", "::1"} {
			roundTrips(t, dialled(t, netip.AddrPortFrom(netip.MustParseAddr(to), p.LocalAddr().Port())))
		}
	})
}

// A queue of datagrams comes in several batches, in order, with their addresses in one form.
func TestBatches(t *testing.T) {
	eachMaker(t, func(t *testing.T, conn maker) {
		p := listening(t, "", conn)
		client := listening(t, "127.0.0.1:0", conn)
		const all = 3*Batch + 5
		out := newBatch(all, 4)
		for i := range out {
			binary.BigEndian.PutUint32(out[i].Data, uint32(i))
			out[i].Peer = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), p.LocalAddr().Port())
		}
		client.Write(out)
		in := newBatch(Batch, 64)
		for next := uint32(0); next < all; {
			n, err := receive(p.v4, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range in[:n] {
				if got := binary.BigEndian.Uint32(m.Data); got != next || m.Peer != client.LocalAddr() {
					t.Fatalf("got %d from %v, want %d from %v", got, m.Peer, next, client.LocalAddr())
				}
				next++
			}
		}
		if s := client.Stats(); s != (Stats{}) {
			t.Errorf("lost: %+v", s)
		}
	})
}

// What does not fit is dropped, what stands around it is not, and no memory of the batch is lost.
func TestTruncated(t *testing.T) {
	eachMaker(t, func(t *testing.T, conn maker) {
		p := listening(t, "127.0.0.1:0", conn)
		c := dialled(t, p.LocalAddr())
		for _, size := range []int{99, 100, 5, 101, 2000, 98} {
			if _, err := c.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
		var got []int
		batch := newBatch(4, 100)
		for len(got) < 3 {
			n, err := receive(p.v4, batch)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range batch[:n] {
				got = append(got, len(m.Data))
			}
		}
		if got[0] != 99 || got[1] != 5 || got[2] != 98 {
			t.Errorf("got datagrams of %d bytes", got)
		}
		if s := p.Stats(); s.Truncated != 3 {
			t.Errorf("%+v, want 3 truncated", s)
		}
		seen := make(map[*byte]bool)
		for _, m := range batch {
			seen[&m.Data[:1][0]] = true
		}
		if len(seen) != len(batch) {
			t.Errorf("%d buffers are left of %d", len(seen), len(batch))
		}
	})
}

// What cannot be sent loses nothing else.
func TestUnsent(t *testing.T) {
	eachMaker(t, func(t *testing.T, conn maker) {
		p := listening(t, "127.0.0.1:0", conn)
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		to := c.LocalAddr().(*net.UDPAddr).AddrPort()
		good := func(b byte) Message { return Message{Peer: to, Data: []byte{b}} }
		batch := []Message{
			{Data: []byte("nowhere")},
			good(1),
			{Peer: netip.AddrPortFrom(to.Addr(), 0), Data: []byte("no port")},
			{Peer: to, Data: make([]byte, 65535)},
			good(2), good(3),
			{Peer: netip.MustParseAddrPort("[::1]:9"), Data: []byte("of another family")},
			{Peer: to, Data: make([]byte, 65508)},
			good(4),
			{Peer: netip.MustParseAddrPort("8.8.8.8:9"), Data: []byte("not from this address")},
		}
		p.Write(batch)
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		got := make([]byte, 100)
		for want := byte(1); want <= 4; want++ {
			if n, err := c.Read(got); err != nil || n != 1 || got[0] != want {
				t.Fatalf("got %x, %v, want %d", got[:n], err, want)
			}
		}
		if s := p.Stats(); s != (Stats{Unsent: 6}) {
			t.Errorf("%+v, want 6 unsent", s)
		}
	})
}

func TestClose(t *testing.T) {
	eachMaker(t, func(t *testing.T, conn maker) {
		p := listening(t, "", conn)
		done := make(chan error)
		for _, c := range p.Conns() {
			go func() {
				_, err := receive(c, newBatch(Batch, 64))
				done <- err
			}()
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		for range p.Conns() {
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read = %v, want net.ErrClosed", err)
			}
		}
		p.Write([]Message{{Peer: netip.MustParseAddrPort("127.0.0.1:9"), Data: []byte("too late")}})
		if err := p.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Close again = %v", err)
		}
	})
}

// What comes while a batch is looked at, or between two, is not missed, whatever the batch leaves
// of its room.
func TestReceiveAll(t *testing.T) {
	eachMaker(t, func(t *testing.T, conn maker) {
		in, out := listening(t, "127.0.0.1:0", conn), listening(t, "127.0.0.1:0", conn)
		const most = 500
		var arrived, sent atomic.Int64
		done := make(chan error, 1)
		go func() {
			batch := newBatch(4, 64)
			done <- in.Conns()[0].Receive(batch, func(n int) bool {
				for range rand.N(200) { // so that it is now early, now late
					runtime.Gosched()
				}
				return arrived.Add(int64(n)) < most
			})
		}()
		for sent.Load() < most {
			burst := newBatch(1+rand.N(8), 10)
			for i := range burst {
				burst[i].Peer = in.LocalAddr()
			}
			out.Write(burst)
			sent.Add(int64(len(burst)))
			for since := time.Now(); arrived.Load() < min(most, sent.Load()); runtime.Gosched() {
				if time.Since(since) > 10*time.Second {
					t.Fatalf("%d of %d have arrived", arrived.Load(), sent.Load())
				}
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// receive takes one batch.
func receive(c Conn, batch []Message) (n int, err error) {
	err = c.Receive(batch, func(got int) bool {
		n = got
		return false
	})
	return n, err
}
