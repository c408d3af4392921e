package main

import "sync"

// maxQueued is how many readings wait for a server that is away; the oldest go first.
const maxQueued = 1000

// A queue holds readings until they are acknowledged. It is safe for concurrent use.
type queue struct {
	mu       sync.Mutex
	readings []reading
	first    uint64 // number of readings[0], counted from 0
	lost     uint64 // dropped for want of room
	closed   bool
	changed  chan struct{} // has room for one wake-up
}

func newQueue() *queue { return &queue{changed: make(chan struct{}, 1)} }

// add appends a reading.
func (q *queue) add(r reading) {
	q.mu.Lock()
	q.readings = append(q.readings, r)
	if len(q.readings) > maxQueued {
		q.readings = q.readings[1:]
		q.first++
		q.lost++
	}
	q.mu.Unlock()
	q.wake()
}

// close says that no more readings come.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.changed <- struct{}{}:
	default: // somebody is to wake up already
	}
}

// oldest copies at most n readings. end is the number after the last of them, and more is
// false when there is none and will be none.
func (q *queue) oldest(n int) (batch []reading, end uint64, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.readings))
	batch = append(batch, q.readings[:n]...)
	return batch, q.first + uint64(n), n > 0 || !q.closed
}

// acknowledge drops the readings before number end.
func (q *queue) acknowledge(end uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if end > q.first {
		q.readings = q.readings[end-q.first:]
		q.first = end
	}
}

// counts returns how many readings wait, and how many have been dropped.
func (q *queue) counts() (waiting int, lost uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.readings), q.lost
}
