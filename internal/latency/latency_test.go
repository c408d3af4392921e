package latency

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Each time is at most the highest of its bucket and above that of the one before.
func TestBuckets(t *testing.T) {
	for shift := range 43 {
		for _, d := range []time.Duration{1<<shift - 1, 1 << shift, 1<<shift + 1, 3 << shift >> 1} {
			i := bucket(d)
			if d > highest(i) || i > 0 && d <= highest(i-1) {
				t.Errorf("%d is in bucket %d, which ends at %d behind %d", d, i, highest(i), highest(i-1))
			}
		}
	}
	if bucket(-1) != 0 || bucket(1<<62) != buckets-1 {
		t.Error("times out of range are not in the buckets at the ends")
	}
}

// A quantile is that of the sorted times, or 1/32 above.
func TestQuantile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h, left, right Histogram
	var all []time.Duration
	for i := range 10001 {
		d := time.Duration(random.ExpFloat64() * 1e6)
		all = append(all, d)
		h.Add(d)
		if i%3 == 0 {
			left.Add(d)
		} else {
			right.Add(d)
		}
	}
	left.Merge(&right)
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 1} {
		want := all[max(1, int(q*float64(len(all))+0.999999))-1]
		got := h.Quantile(q)
		if got < want || got > want+want/32 || got != left.Quantile(q) {
			t.Errorf("quantile %g: %v, merged %v, want %v", q, got, left.Quantile(q), want)
		}
	}
	if h.N() != 10001 || h.Max() != all[10000] || left.N() != h.N() || left.Max() != h.Max() {
		t.Errorf("%d times, longest %v", h.N(), h.Max())
	}
}

func TestEmpty(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.N() != 0 || h.Max() != 0 {
		t.Error("times where none was counted")
	}
}
