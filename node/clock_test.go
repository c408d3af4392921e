package node

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	var c clock
	now := time.Now()
	if d := c.skipped(now); d != 0 {
		t.Errorf("at first %v", d)
	}
	if d := c.skipped(now.Add(time.Hour)); d != 0 {
		t.Errorf("while both clocks run %v", d)
	}
	for _, want := range []time.Duration{8 * time.Hour, -3 * time.Hour} {
		c = clock{last: now, wall: now.Round(0).Add(-want)}
		if d := c.skipped(now.Add(time.Minute)); d != want {
			t.Errorf("%v, want %v", d, want)
		}
	}
}
