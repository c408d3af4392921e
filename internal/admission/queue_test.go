package admission

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func (q *Queue[T]) all() (list []T) {
	for item, ok := q.Pop(); ok; item, ok = q.Pop() {
		list = append(list, item)
	}
	return list
}

func network(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n), 1}) }

func TestQueueOrder(t *testing.T) {
	q := NewQueue[string](10)
	for _, p := range []struct {
		class Class
		net   int
		item  string
	}{
		{Unproven, 1, "u1"}, {Proven, 1, "p1a"}, {Proven, 1, "p1b"}, {Proven, 1, "p1c"}, {Proven, 2, "p2a"},
		{Resumed, 1, "r1"}, {Proven, 2, "p2b"}, {Proven, 3, "p3"},
	} {
		if _, full := q.Push(p.class, network(p.net), p.item); full {
			t.Fatalf("%s: full", p.item)
		}
	}
	if n := q.Len(); n != 8 {
		t.Errorf("%d wait, want 8", n)
	}
	if got, want := q.all(), []string{"r1", "p1a", "p2a", "p3", "p1b", "p2b", "p1c", "u1"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestQueueTurns: a network that has one item more whenever one was served does not go before one
// that has waited.
func TestQueueTurns(t *testing.T) {
	q := NewQueue[int](100)
	for range 20 {
		q.Push(Proven, network(1), 1)
	}
	served := map[int]int{}
	for range 20 {
		q.Push(Proven, network(2), 2)
		item, _ := q.Pop()
		served[item]++
	}
	if served[1] < 9 || served[2] < 9 {
		t.Errorf("served %v, want as many of both", served)
	}
}

// TestQueueFull: one network cannot fill the queue for others, nor one class for another.
func TestQueueFull(t *testing.T) {
	q := NewQueue[int](8)
	for i := range 8 {
		q.Push(Unproven, network(1), 100+i)
	}
	if away, full := q.Push(Unproven, network(1), 108); !full || away != 108 {
		t.Errorf("turned away %d, %v: want the one too many", away, full)
	}
	for i, want := range []int{107, 106, 105, 104} {
		if away, full := q.Push(Unproven, network(2), 200+i); !full || away != want {
			t.Errorf("turned away %d, %v: want %d of the network that has most", away, full, want)
		}
	}
	if away, full := q.Push(Unproven, network(2), 204); !full || away != 204 {
		t.Errorf("turned away %d, %v: want who has its half", away, full)
	}
	if _, full := q.Push(Resumed, network(1), 300); full {
		t.Error("the queue of one class is full of another")
	}
	if got, want := q.all(), []int{300, 100, 200, 101, 201, 102, 202, 103, 203}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestQueueShare: under a flood of one network, or of a hundred, another gets its turn in every
// round.
func TestQueueShare(t *testing.T) {
	for _, attackers := range []int{1, 100} {
		rng := rand.New(rand.NewPCG(1, 2))
		q, served := NewQueue[int](128), 0
		for i := range 10_000 {
			for range 10 {
				q.Push(Proven, network(rng.IntN(attackers)), -1)
			}
			if i%(2*attackers) == 0 {
				q.Push(Proven, network(200), i)
			}
			if q.Len() > 128 {
				t.Fatalf("%d items", q.Len())
			}
			if item, _ := q.Pop(); item >= 0 {
				served++
			}
		}
		if want := 10_000 / (2 * attackers); served < want-2 {
			t.Errorf("%d of %d served among %d attackers", served, want, attackers)
		}
	}
}

func TestNetwork(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:1:2::3%eth0": "2001:db8:1::/48",
	} {
		if got := Network(netip.MustParseAddr(from)); got.String() != want {
			t.Errorf("%s is of %v, want %s", from, got, want)
		}
	}
	if Network(netip.Addr{}).IsValid() {
		t.Error("nowhere has a network")
	}
}

func BenchmarkQueue(b *testing.B) {
	q := NewQueue[int](128)
	for i := range 200 {
		q.Push(Proven, network(i%100), i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q.Push(Proven, network(i%100), i)
		q.Pop()
	}
}
