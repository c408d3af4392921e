// Package latency counts times in buckets, so that what is measured for long takes no more memory.
//
//	var h latency.Histogram
//	h.Add(time.Since(start))
//	h.Quantile(0.99)
package latency

import (
	"math/bits"
	"time"
)

// Each power of two has this many buckets: a quantile is at most 1/32 too high.
const (
	fineBits = 5
	fine     = 1 << fineBits
	buckets  = 40 * fine // up to 2^44 ns, nearly five hours
)

// A Histogram counts times. The zero value is ready to use, by one goroutine at a time.
type Histogram struct {
	counts [buckets]uint32
	n      uint64
	max    time.Duration
}

// bucket is where a time is counted: exact below 2^fineBits, then by the highest bits.
func bucket(d time.Duration) int {
	v := uint64(max(0, d))
	if v < fine {
		return int(v)
	}
	shift := bits.Len64(v) - fineBits - 1
	return min(buckets-1, shift*fine+int(v>>shift))
}

// highest is the largest time of a bucket.
func highest(i int) time.Duration {
	if i < 2*fine {
		return time.Duration(i)
	}
	shift := i/fine - 1
	return time.Duration((i%fine+fine+1)<<shift - 1)
}

// Add counts a time.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(d)]++
	h.n++
	h.max = max(h.max, d)
}

// Merge adds what another has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.n += other.n
	h.max = max(h.max, other.max)
}

// N is how many times were counted.
func (h *Histogram) N() uint64 { return h.n }

// Max is the longest, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is a time that a share q of all does not exceed, 0 where nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := max(1, uint64(q*float64(h.n)+0.999999))
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && seen >= rank {
			return min(h.max, highest(i))
		}
	}
	return h.max
}
