package udp

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/ipv4"
)

// Of one datagram of 100 bytes over the loopback device: ours in batches and one by one, package
// net, and ReadBatch and WriteBatch of golang.org/x/net.

const benchSize = 100

// fill is how many datagrams wait at a socket before they are read.
const fill = 16 * Batch

func BenchmarkWrite(b *testing.B) {
	to := listening(b, "127.0.0.1:0", New).LocalAddr() // where nobody reads
	b.Run("batched", func(b *testing.B) { benchWrite(b, to, New) })
	b.Run("plain", func(b *testing.B) { benchWrite(b, to, makers["plain"]) })
	b.Run("net", func(b *testing.B) {
		c, data := benchSocket(b), make([]byte, benchSize)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.WriteToUDPAddrPort(data, to); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("x_net", func(b *testing.B) {
		c := ipv4.NewPacketConn(benchSocket(b))
		batch := make([]ipv4.Message, Batch)
		for i := range batch {
			batch[i] = ipv4.Message{
				Buffers: [][]byte{make([]byte, benchSize)}, Addr: net.UDPAddrFromAddrPort(to),
			}
		}
		b.ReportAllocs()
		b.ResetTimer()
		for left := b.N; left > 0; {
			n, err := c.WriteBatch(batch[:min(left, Batch)], 0)
			if err != nil {
				b.Fatal(err)
			}
			left -= n
		}
	})
}

func benchWrite(b *testing.B, to netip.AddrPort, conn maker) {
	c, err := conn(benchSocket(b))
	if err != nil {
		b.Fatal(err)
	}
	batch := newBatch(Batch, benchSize)
	for i := range batch {
		batch[i].Peer = to
	}
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= Batch {
		c.Write(batch[:min(left, Batch)])
	}
}

func BenchmarkRead(b *testing.B) {
	ours := func(conn maker) func(b *testing.B) {
		return func(b *testing.B) {
			socket := benchSocket(b)
			c, err := conn(socket)
			if err != nil {
				b.Fatal(err)
			}
			batch := newBatch(Batch, 2048)
			benchRead(b, socket, func() (int, error) { return receive(c, batch) })
		}
	}
	b.Run("batched", ours(New))
	b.Run("plain", ours(makers["plain"]))
	b.Run("net", func(b *testing.B) {
		c, data := benchSocket(b), make([]byte, 2048)
		benchRead(b, c, func() (int, error) {
			_, _, err := c.ReadFromUDPAddrPort(data)
			return 1, err
		})
	})
	b.Run("x_net", func(b *testing.B) {
		socket := benchSocket(b)
		c := ipv4.NewPacketConn(socket)
		batch := make([]ipv4.Message, Batch)
		for i := range batch {
			batch[i].Buffers = [][]byte{make([]byte, 2048)}
		}
		benchRead(b, socket, func() (int, error) { return c.ReadBatch(batch, 0) })
	})
}

// benchRead measures read, which finds a socket full of datagrams.
func benchRead(b *testing.B, socket *net.UDPConn, read func() (int, error)) {
	from, err := New(benchSocket(b))
	if err != nil {
		b.Fatal(err)
	}
	out := newBatch(fill, benchSize)
	for i := range out {
		out[i].Peer = socket.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	b.ReportAllocs()
	for left := b.N; left > 0; {
		b.StopTimer()
		from.Write(out)
		b.StartTimer()
		for got := 0; got < fill; {
			n, err := read()
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
		left -= fill
	}
}

func benchSocket(b *testing.B) *net.UDPConn {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	enlarge(c)
	return c
}
