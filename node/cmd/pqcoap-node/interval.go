package main

import (
	"sync"
	"time"
)

// Of the interval that the server may set: often enough to be of use, and not so often that
// it wears the battery out. The flag may say less.
const (
	leastInterval = time.Second
	mostInterval  = 24 * time.Hour
)

// An interval is the time from one reading to the next, which may change meanwhile. It is
// safe for concurrent use.
type interval struct {
	mu      sync.Mutex
	value   time.Duration
	changed chan struct{} // has room for one wake-up
}

func newInterval(d time.Duration) *interval {
	return &interval{value: d, changed: make(chan struct{}, 1)}
}

func (i *interval) get() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.value
}

func (i *interval) set(d time.Duration) {
	i.mu.Lock()
	i.value = d
	i.mu.Unlock()
	select {
	case i.changed <- struct{}{}:
	default: // somebody is to wake up already
	}
}
