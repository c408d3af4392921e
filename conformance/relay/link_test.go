package relay

import (
	"slices"
	"testing"
	"time"
)

// fates is how many copies of each of n datagrams are delivered, and when.
func fates(l Link, seed, number uint64, n int) (copies []int, delays []time.Duration) {
	f := newFlow(l, seed, number)
	for range n {
		some := slices.Collect(f.copies(100))
		copies, delays = append(copies, len(some)), append(delays, some...)
	}
	return copies, delays
}

func TestFlowIsSeeded(t *testing.T) {
	l := Link{Loss: 0.3, Duplicate: 0.3, Delay: time.Second, Jitter: time.Second}
	copies, delays := fates(l, 1, 2, 100)
	again, delaysAgain := fates(l, 1, 2, 100)
	if !slices.Equal(copies, again) || !slices.Equal(delays, delaysAgain) {
		t.Error("the same seed and number gave other fates")
	}
	for _, other := range [][2]uint64{{2, 2}, {1, 3}} {
		if differ, _ := fates(l, other[0], other[1], 100); slices.Equal(copies, differ) {
			t.Errorf("seed and number %v gave the same fates", other)
		}
	}
}

// A loss does not move what befalls the datagrams after it.
func TestFlowDrawsAlike(t *testing.T) {
	l := Link{Jitter: time.Second}
	_, all := fates(l, 1, 0, 10)
	l.MTU = 1
	f := newFlow(l, 1, 0)
	for range 9 {
		if got := slices.Collect(f.copies(2)); len(got) != 0 {
			t.Fatalf("a datagram above the MTU was delivered %d times", len(got))
		}
	}
	if got := slices.Collect(f.copies(1)); len(got) != 1 || got[0] != all[9] {
		t.Errorf("datagram 10 delayed %v, want %v", got, all[9])
	}
}

func TestFlowShares(t *testing.T) {
	const n = 20000
	l := Link{Loss: 0.1, Duplicate: 0.2, Delay: 10, Jitter: 100}
	copies, delays := fates(l, 7, 0, n)
	count := make([]int, 3)
	for _, c := range copies {
		count[c]++
	}
	for i, want := range []float64{0.1, 0.9 * 0.8, 0.9 * 0.2} {
		if got := float64(count[i]) / n; got < want-0.01 || got > want+0.01 {
			t.Errorf("share with %d copies: %.3f, want %.3f", i, got, want)
		}
	}
	if low, high := slices.Min(delays), slices.Max(delays); low < 10 || high > 110 || high-low < 90 {
		t.Errorf("delays from %d to %d, want 10 to 110", low, high)
	}
}
