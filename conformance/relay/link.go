package relay

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"
)

// ErrLink means that a Link makes no sense.
var ErrLink = errors.New("relay: not a link")

func (l Link) check() error {
	switch {
	case !(l.Loss >= 0 && l.Loss <= 1), !(l.Duplicate >= 0 && l.Duplicate <= 1):
		return fmt.Errorf("%w: probabilities are 0 to 1", ErrLink)
	case l.Delay < 0, l.Jitter < 0, l.MTU < 0:
		return fmt.Errorf("%w: negative delay, jitter or MTU", ErrLink)
	}
	return nil
}

// A flow draws the fates of one client's datagrams in one direction.
type flow struct {
	link   Link
	random *rand.Rand
}

func newFlow(l Link, seed, number uint64) *flow {
	return &flow{l, rand.New(rand.NewPCG(seed, number))}
}

// copies yields the delay of each copy that is delivered: none, one or two. It draws the same
// number of values whatever the link is, so that two runs that differ in one property differ
// in nothing else.
func (f *flow) copies(size int) iter.Seq[time.Duration] {
	lost := f.random.Float64() < f.link.Loss || f.link.MTU > 0 && size > f.link.MTU
	duplicated := f.random.Float64() < f.link.Duplicate
	first, second := f.delay(), f.delay()
	return func(yield func(time.Duration) bool) {
		if lost || !yield(first) || !duplicated {
			return
		}
		yield(second)
	}
}

func (f *flow) delay() time.Duration {
	return f.link.Delay + time.Duration(f.random.Float64()*float64(f.link.Jitter))
}
