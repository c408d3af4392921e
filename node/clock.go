package node

import "time"

// A clock notices that the machine has slept. Then the wall clock has moved on and the monotonic
// one, by which the runtime's timers and most differences of times go, has not. The zero value is
// ready to use.
type clock struct {
	last time.Time // when it was looked at, by both
	wall time.Time // the same, by the wall clock alone
}

// skipped is by how much the wall clock has run ahead of the monotonic one since it was called
// before, negative where it was set back.
func (c *clock) skipped(now time.Time) time.Duration {
	before := *c
	c.last, c.wall = now, now.Round(0) // which leaves the wall clock's time
	if before.last.IsZero() {
		return 0
	}
	return c.wall.Sub(before.wall) - now.Sub(before.last)
}

// doubtful is how long a machine has to have slept until its session is asked for a sign of life
// before it is trusted with a request. A clock that is set costs no more than that either.
const doubtful = time.Minute
