package plain

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The earliest deadline is found, whatever was set, changed and removed before.
func TestTimers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Unix(1e9, 0)
	var set timers
	peers := make([]*peer, 40)
	for i := range peers {
		peers[i] = &peer{index: -1}
	}
	for range 5000 {
		p := peers[rng.IntN(len(peers))]
		if rng.IntN(3) == 0 {
			set.remove(p)
		} else {
			p.at = start.Add(time.Duration(rng.IntN(1000)))
			set.set(p)
		}
		var want time.Time
		for _, p := range peers {
			if p.index >= 0 && (want.IsZero() || p.at.Before(want)) {
				want = p.at
			}
		}
		if got := set.earliest(); got != want {
			t.Fatalf("earliest %v, want %v", got, want)
		}
		if due := set.due(start.Add(500)); (due != nil) != (!want.IsZero() && !want.After(start.Add(500))) {
			t.Fatalf("due %v, the earliest is %v", due, want)
		}
	}
}
