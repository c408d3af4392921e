package record

import (
	"testing"

	"pgregory.net/rapid"
)

func TestWindowEdges(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []uint64
		want bool // for the last
	}{
		{"first", []uint64{0}, true},
		{"first again", []uint64{0, 0}, false},
		{"first is not 0", []uint64{1000}, true},
		{"left edge", []uint64{255, 0}, true},
		{"left edge again", []uint64{255, 0, 0}, false},
		{"one beyond the left edge", []uint64{256, 0}, false},
		{"left edge, moved", []uint64{1255, 1000}, true},
		{"one beyond it, moved", []uint64{1256, 1000}, false},
		{"in between", []uint64{10, 5}, true},
		{"in between again", []uint64{10, 5, 5}, false},
		{"skipped, then late", []uint64{3, 300, 290}, true},
		{"same place of the ring, skipped", []uint64{3, 300, 259}, true},
		{"jump of the whole window", []uint64{0, 256, 255}, true},
		{"jump beyond the window", []uint64{0, 10000, 9999}, true},
	} {
		var w window
		var got bool
		for _, seq := range tc.in {
			got = w.accept(seq)
		}
		if got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestWindowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		var next uint64
		seen := map[uint64]bool{}
		jump := rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64Range(-300, 300))
		for range rapid.IntRange(1, 400).Draw(t, "records") {
			seq := uint64(max(0, int64(next)+jump.Draw(t, "jump")))
			want := !seen[seq] && seq+windowSize >= next
			before := w
			if got := w.accept(seq); got != want {
				t.Fatalf("accept(%d) with next %d: %v, want %v", seq, next, got, want)
			}
			if !want && w != before {
				t.Fatalf("rejecting %d changed the window", seq)
			}
			if want {
				seen[seq], next = true, max(next, seq+1)
			}
		}
	})
}
