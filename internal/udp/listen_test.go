package udp

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// Each datagram comes to one shard, all of one peer to the same, and no shard stays without.
func TestShards(t *testing.T) {
	if !sharing {
		t.Skip("this system does not divide a port")
	}
	eachMaker(t, func(t *testing.T, conn maker) {
		const shards, peers, each = 4, 64, 5
		for _, to := range []string{"127.0.0.1", "::1"} {
			ports := listeningAll(t, "", shards, conn)
			var mu sync.Mutex
			home := make(map[netip.AddrPort]int)
			used := make(map[int]int)
			var readers sync.WaitGroup
			var left atomic.Int64
			left.Store(peers * each)
			for i, p := range ports {
				for _, c := range p.Conns() {
					readers.Go(func() {
						batch := newBatch(Batch, 64)
						for {
							n, err := receive(c, batch)
							if err != nil {
								return
							}
							mu.Lock()
							for _, m := range batch[:n] {
								if at, ok := home[m.Peer]; ok && at != i {
									t.Errorf("%v came to shards %d and %d", m.Peer, at, i)
								}
								home[m.Peer] = i
								used[i]++
							}
							mu.Unlock()
							c.Write(batch[:n])
						}
					})
				}
			}
			for range peers {
				c := dialled(t, netip.AddrPortFrom(netip.MustParseAddr(to), ports[0].LocalAddr().Port()))
				for range each {
					if _, err := c.Write([]byte("hello")); err != nil {
						t.Fatal(err)
					}
					if _, err := c.Read(make([]byte, 64)); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, p := range ports {
				p.Close()
			}
			readers.Wait()
			if len(home) != peers || len(used) != shards {
				t.Errorf("%s: %d peers came to %d shards", to, len(home), len(used))
			}
		}
	})
}

// A port that another server has is not shared with it.
func TestPortInUse(t *testing.T) {
	for _, first := range []int{1, 3} {
		ports := listeningAll(t, "127.0.0.1:0", first, New)
		for _, shards := range []int{1, 3} {
			again, err := Listen(ports[0].LocalAddr(), shards)
			if !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("%d shards beside %d: %v, %v", shards, first, again, err)
			}
		}
	}
}

// All shards have the port that the first one has got.
func TestPortOfShards(t *testing.T) {
	for _, addr := range []string{"", "127.0.0.1:0", "[::1]:0"} {
		ports := listeningAll(t, addr, 3, New)
		want := 3
		if !sharing {
			want = 1
		}
		if len(ports) != want {
			t.Fatalf("%d ports, want %d", len(ports), want)
		}
		for _, p := range ports {
			for _, c := range p.Conns() {
				if portOf(c) != ports[0].LocalAddr().Port() {
					t.Errorf("%s: %v beside %v", addr, c.LocalAddr(), ports[0].LocalAddr())
				}
			}
		}
	}
}

func TestFamilies(t *testing.T) {
	tests := map[string]int{"": 2, "[::]:0": 2, "0.0.0.0:0": 1, "127.0.0.1:0": 1, "[::1]:0": 1, "[::ffff:127.0.0.1]:0": 1}
	for addr, want := range tests {
		if got := len(listening(t, addr, New).Conns()); got != want {
			t.Errorf("%q: %d sockets, want %d", addr, got, want)
		}
	}
}

func TestListenElsewhere(t *testing.T) {
	for _, addr := range []string{"203.0.113.7:5688", "[2001:db8::7]:5688"} {
		if p, err := Listen(netip.MustParseAddrPort(addr), 2); err == nil {
			t.Errorf("%s: %v", addr, p[0].LocalAddr())
		}
	}
}
