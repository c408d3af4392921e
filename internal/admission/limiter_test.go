package admission

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// A reference is a Limiter with all the memory that it likes.
type reference struct {
	rates   Rates
	all     Bucket
	buckets map[netip.Prefix]*Bucket
}

func newReference(r Rates) *reference {
	return &reference{rates: r, buckets: make(map[netip.Prefix]*Bucket)}
}

func (r *reference) take(now time.Time, from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	bits := map[int]int{32: r.rates.Address, 24: r.rates.Network}
	if !from.Is4() {
		bits = map[int]int{64: r.rates.Address, 56: (r.rates.Address + r.rates.Network) / 2, 48: r.rates.Network}
	}
	at := now.UnixNano()
	charge := []func(){func() { r.all.charge(r.rates.rate(r.rates.All), at) }}
	ok := r.all.has(r.rates.rate(r.rates.All), at)
	for n, rate := range bits {
		p, _ := from.Prefix(n)
		if r.buckets[p] == nil {
			r.buckets[p] = new(Bucket)
		}
		b := r.buckets[p]
		ok = ok && b.has(r.rates.rate(rate), at)
		charge = append(charge, func() { b.charge(r.rates.rate(rate), at) })
	}
	if ok {
		for _, f := range charge {
			f()
		}
	}
	return ok
}

// addr makes one of few addresses, in several networks, of both families and in all their forms.
func addr(v uint64) netip.Addr {
	if v&1 == 0 {
		a := netip.AddrFrom4([4]byte{192, 0, byte(v >> 1 & 3), byte(v >> 3 & 3)})
		if v>>5&1 == 1 {
			return netip.AddrFrom16(a.As16())
		}
		return a
	}
	var b [16]byte
	b[0], b[5], b[6], b[7], b[15] = 0x20, byte(v>>1&1), byte(v>>2&1), byte(v>>3&3), byte(v>>5&3)
	a := netip.AddrFrom16(b)
	if v>>7&1 == 1 {
		return a.WithZone("eth0")
	}
	return a
}

// TestLimiterReference: with room for all prefixes a Limiter does what a simple one does.
func TestLimiterReference(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rates := Rates{All: rng.IntN(60), Network: rng.IntN(40), Address: rng.IntN(20), Burst: 1 + rng.IntN(3), Period: time.Second, Buckets: 4096}
		l, ref, now := NewLimiter([16]byte{byte(seed)}, rates), newReference(rates), epoch
		for i := range 5000 {
			now = now.Add(time.Duration(rng.IntN(40)) * time.Millisecond)
			from := addr(rng.Uint64())
			if got, want := l.Take(now, from), ref.take(now, from); got != want {
				t.Fatalf("seed %d, %+v, step %d, %v: %v, want %v", seed, rates, i, from, got, want)
			}
		}
	}
}

func FuzzLimiter(f *testing.F) {
	f.Add(uint8(9), uint8(5), uint8(3), []byte("some addresses and some time between them"))
	f.Fuzz(func(t *testing.T, all, network, address uint8, steps []byte) {
		rates := Rates{All: int(all), Network: int(network), Address: int(address), Burst: 2, Period: time.Second, Buckets: 4096}
		l, ref, now := NewLimiter([16]byte{}, rates), newReference(rates), epoch
		for len(steps) >= 2 {
			now = now.Add(time.Duration(steps[0]) * time.Millisecond)
			from := addr(uint64(steps[1]))
			if got, want := l.Take(now, from), ref.take(now, from); got != want {
				t.Fatalf("%v: %v, want %v", from, got, want)
			}
			steps = steps[2:]
		}
	})
}

// many is one of a great many addresses, each in a network of its own.
func many(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i)<<8|7)
	return netip.AddrFrom4(b)
}

// TestEvictionIsNoWayAround: who has used up its bucket does not get another one by filling the
// table with the buckets of a million other networks, nor by waiting meanwhile.
func TestEvictionIsNoWayAround(t *testing.T) {
	rates := Rates{Network: 10, Address: 10, Burst: 2, Period: time.Second, Buckets: 4096}
	l := NewLimiter([16]byte{1}, rates)
	victim := netip.MustParseAddr("203.0.113.9")
	got := 0
	for i := range 1_000_000 {
		now := epoch.Add(time.Duration(i) * 10 * time.Microsecond) // ten seconds in all
		l.Take(now, many(1<<16+i))
		if i%100 == 0 && l.Take(now, victim) {
			got++
		}
	}
	if most := 20 + 10*10; got > most || got < most-2 {
		t.Errorf("%d, want all of %d that its own bucket gives", got, most)
	}
}

// TestCrowdedTable: a network that finds the table full is served with the others of its set, at
// the rate of one, and what all networks get together has a bound.
func TestCrowdedTable(t *testing.T) {
	rates := Rates{Network: 10, Address: 10, Burst: 1, Period: time.Second, Buckets: 4096}
	l := NewLimiter([16]byte{1}, rates)
	crowd, newcomers := 0, 0
	for round := range 10 {
		now := epoch.Add(time.Duration(round) * time.Second)
		for i := range 20_000 { // nine tenths of what a bucket holds, each second
			for range 9 {
				if l.Take(now, many(1<<16+i)) {
					crowd++
				}
			}
		}
		for i := range 100 {
			if l.Take(now, many(1<<22+i)) {
				newcomers++
			}
		}
	}
	if most := 4096 / ways * (ways + 1) * 10 * (10 + 1); crowd+newcomers > most {
		t.Errorf("%d in ten seconds, want at most %d", crowd+newcomers, most)
	}
	if crowd < 4096*9 {
		t.Errorf("the table serves %d only", crowd)
	}
	t.Logf("%d of the crowd, %d newcomers", crowd, newcomers)
}

// TestConsistent: a network that is refused for its own sake takes nothing from all, nor the
// other way round.
func TestConsistent(t *testing.T) {
	l := NewLimiter([16]byte{1}, Rates{All: 10, Network: 4, Address: 3, Burst: 1, Period: time.Second, Buckets: 4096})
	take := func(from string) (n int) {
		for range 100 {
			if l.Take(epoch, netip.MustParseAddr(from)) {
				n++
			}
		}
		return n
	}
	for _, step := range []struct {
		from string
		want int
	}{{"192.0.2.1", 3}, {"192.0.2.2", 1}, {"::ffff:192.0.2.3", 0}, {"2001:db8::1%eth0", 3}, {"2001:db8:0:1::1", 0}, {"2001:db8:0:100::1", 1}, {"198.51.100.1", 2}} {
		if got := take(step.from); got != step.want {
			t.Errorf("%s: %d, want %d", step.from, got, step.want)
		}
	}
}

// TestJunk: what does not open makes its address a suspect for a minute, and, where several do it,
// their network. Others are none.
func TestJunk(t *testing.T) {
	l := NewLimiter([16]byte{1}, Junk)
	far := netip.MustParseAddr("198.51.100.1")
	for i := range 16 {
		bad := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		if !l.Has(epoch, bad) {
			t.Fatalf("address %d is a suspect before it has done anything", i)
		}
		l.Charge(epoch, bad)
		if l.Has(epoch.Add(59*time.Second), bad) {
			t.Fatalf("address %d is none any more", i)
		}
	}
	if l.Has(epoch, netip.MustParseAddr("192.0.2.99")) || !l.Has(epoch, far) {
		t.Error("want the network to be suspect, and no other")
	}
	if !l.Has(epoch.Add(time.Minute), netip.MustParseAddr("192.0.2.1")) {
		t.Error("suspect for more than a minute")
	}
}

// TestChargeHasAnEnd: what is charged is no more than what a bucket holds.
func TestChargeHasAnEnd(t *testing.T) {
	l, bad := NewLimiter([16]byte{1}, Rates{Address: 40, Burst: 1, Period: time.Second, Buckets: 4096}), netip.MustParseAddr("192.0.2.1")
	for range 10_000 {
		l.Charge(epoch, bad)
	}
	if l.Take(epoch, bad) || !l.Take(epoch.Add(time.Second/40), bad) {
		t.Error("want an empty bucket, and no debt")
	}
}

// TestFleetBehindOneAddress: ten thousand devices behind one address that come back at once, each
// again after 5 s until it is let in, all are in after half a minute. By ticket, they are at once.
func TestFleetBehindOneAddress(t *testing.T) {
	l := NewLimiter([16]byte{1}, Default.Rates(Default.Proven))
	from, left := netip.MustParseAddr("192.0.2.1"), 10_000
	for second := 0; left > 0; second += 5 {
		if second > 30 {
			t.Fatalf("%d devices are not in after half a minute", left)
		}
		now, tries := epoch.Add(time.Duration(second)*time.Second), left
		for range tries { // they have spread over these seconds
			if now = now.Add(5 * time.Second / time.Duration(tries)); l.Take(now, from) {
				left--
			}
		}
	}
	rate, all := NewRate(Default.Resumed, time.Second, Default.Resumed*Default.Burst), Bucket(0)
	for range 10_000 {
		if !all.Take(rate, epoch) {
			t.Fatal("a ticket is refused")
		}
	}
}

func TestTakeAllocates(t *testing.T) {
	l, i := NewLimiter([16]byte{1}, Default.Rates(1000)), 0
	if n := testing.AllocsPerRun(1000, func() { i++; l.Take(epoch, many(i)); l.Charge(epoch, addr(uint64(i))) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, networks := range []int{1, 1000, 1_000_000} {
		b.Run(fmt.Sprint(networks), func(b *testing.B) {
			l := NewLimiter([16]byte{1}, Default.Rates(20000))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.Take(epoch.Add(time.Duration(i)*time.Microsecond), many(i%networks))
			}
		})
	}
}
