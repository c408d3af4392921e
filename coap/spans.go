package coap

import "time"

// SpanBounds are the upper bounds of the classes of Spans; a longer duration is in one class more.
var SpanBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 25 * time.Second, time.Minute,
}

// Spans counts durations by how long they are. The zero value is ready to use; it is not safe for
// concurrent use.
type Spans struct {
	Counts [len(SpanBounds) + 1]uint64
	Sum    time.Duration
}

// Add counts a duration; one below zero, of a clock that was set back, as zero.
func (s *Spans) Add(d time.Duration) {
	d = max(d, 0)
	class := 0
	for class < len(SpanBounds) && d > SpanBounds[class] {
		class++
	}
	s.Counts[class]++
	s.Sum += d
}
