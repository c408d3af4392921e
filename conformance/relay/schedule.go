package relay

import (
	"bytes"
	"container/heap"
	"sync"
	"time"
)

// A parcel is a datagram that is under way.
type parcel struct {
	due      time.Time
	order    uint64 // of two that are due together the first comes first
	datagram []byte
	send     func([]byte)
}

// A schedule sends parcels when they are due, from the one goroutine that calls run.
type schedule struct {
	wake chan struct{} // the earliest parcel has changed, or stop was called; holds one

	mu      sync.Mutex
	parcels parcelHeap
	order   uint64
	stopped bool
}

func newSchedule() *schedule { return &schedule{wake: make(chan struct{}, 1)} }

// add has a copy of datagram sent at a time.
func (s *schedule) add(due time.Time, datagram []byte, send func([]byte)) {
	s.mu.Lock()
	s.order++
	p := &parcel{due, s.order, bytes.Clone(datagram), send}
	heap.Push(&s.parcels, p)
	first := s.parcels[0] == p
	s.mu.Unlock()
	if first {
		s.signal()
	}
}

func (s *schedule) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look again anyway
	}
}

// stop ends run; what is under way is lost.
func (s *schedule) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.signal()
}

// idle is how long run sleeps where nothing is under way.
const idle = time.Hour

// run sends until stop.
func (s *schedule) run() {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		due, wait, stopped := s.next(time.Now())
		switch {
		case stopped:
			return
		case due != nil:
			due.send(due.datagram)
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-s.wake:
		}
	}
}

// next takes the earliest parcel if it is due, or says how long it takes until it is.
func (s *schedule) next(now time.Time) (due *parcel, wait time.Duration, stopped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return nil, 0, true
	case len(s.parcels) == 0:
		return nil, idle, false
	}
	if wait = s.parcels[0].due.Sub(now); wait > 0 {
		return nil, wait, false
	}
	return heap.Pop(&s.parcels).(*parcel), 0, false
}

// parcelHeap implements heap.Interface, the earliest first.
type parcelHeap []*parcel

func (h parcelHeap) Len() int { return len(h) }

func (h parcelHeap) Less(i, j int) bool {
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	return h[i].order < h[j].order
}

func (h parcelHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *parcelHeap) Push(x any) { *h = append(*h, x.(*parcel)) }

func (h *parcelHeap) Pop() any {
	old := *h
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return p
}
