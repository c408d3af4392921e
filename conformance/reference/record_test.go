package reference

import "testing"

// TestClosest: every number is found as long as it is nearer than half of the span.
func TestClosest(t *testing.T) {
	for _, bits := range []int{8, 16} {
		half := uint64(1) << bits / 2
		for _, next := range []uint64{0, 1, half - 1, half, 2*half - 1, 2 * half, 3*half + 7, 1 << 40} {
			for _, d := range []uint64{0, 1, 2, half / 2, half - 1} {
				if got := closest(next, (next+d)%(2*half), bits); got != next+d {
					t.Errorf("%d bits, next %d: %d ahead gives %d", bits, next, d, got)
				}
				if d > next {
					continue
				}
				if got := closest(next, (next-d)%(2*half), bits); got != next-d {
					t.Errorf("%d bits, next %d: %d behind gives %d", bits, next, d, got)
				}
			}
		}
	}
}
