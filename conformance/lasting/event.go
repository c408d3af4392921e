package lasting

import (
	"container/heap"
	"time"
)

// An event is something that will happen.
type event struct {
	at    time.Time
	order uint64
	do    func()
}

func (w *World) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.events, event{w.Now.Add(d), w.order, do})
}

// eventHeap implements heap.Interface, the earliest first.
type eventHeap []event

func (h eventHeap) Len() int { return len(h) }

func (h eventHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].order < h[j].order
}

func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }

func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}
