package admission

import (
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestBucket(t *testing.T) {
	r := NewRate(10, time.Second, 5)
	var b Bucket
	take := func(now time.Time, most int) (n int) {
		for n < most && b.Take(r, now) {
			n++
		}
		return n
	}
	if n := take(epoch, 100); n != 5 {
		t.Fatalf("%d at once, want 5", n)
	}
	if w := b.Wait(r, epoch); w != 100*time.Millisecond {
		t.Errorf("wait of %v, want 100 ms", w)
	}
	for i, step := range []struct {
		after time.Duration
		want  int
	}{{99 * time.Millisecond, 0}, {100 * time.Millisecond, 1}, {400 * time.Millisecond, 3}, {time.Hour, 5}} {
		if n := take(epoch.Add(step.after), 100); n != step.want {
			t.Errorf("step %d: %d, want %d", i, n, step.want)
		}
	}
	// A clock that is set back by an hour takes the tokens, and not the hour.
	if n := take(epoch, 100); n != 0 {
		t.Errorf("%d after the clock was set back", n)
	}
	if n := take(epoch.Add(500*time.Millisecond), 100); n != 5 {
		t.Errorf("%d half a second after that, want 5", n)
	}
}

func TestNoRate(t *testing.T) {
	var b Bucket
	for range 1000 {
		if r := NewRate(0, time.Second, 0); !b.Take(r, epoch) || b.Wait(r, epoch) != 0 || b != 0 {
			t.Fatal("a bucket without a rate is empty")
		}
	}
}
