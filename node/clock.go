package node

import "time"

// A clock notices that the machine has slept. Then the wall clock has moved on and the monotonic
// one, by which the runtime's timers and most differences of times go, has not. The zero value is
// ready to use.
type clock struct{ last time.Time }

// skipped is by how much the wall clock has run ahead of the monotonic one since it was called
// before, negative where it was set back.
func (c *clock) skipped(now time.Time) time.Duration {
	last := c.last
	c.last = now
	if last.IsZero() {
		return 0
	}
	return now.Round(0).Sub(last.Round(0)) - now.Sub(last)
}

// doubtful is how long a machine has to have slept until its session is asked for a sign of life
// before it is trusted with a request. A clock that is set costs no more than that either.
const doubtful = time.Minute
