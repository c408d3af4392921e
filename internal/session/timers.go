package session

import (
	"container/heap"
	"time"
)

// A timerHeap orders sessions by when they have something to do. The zero value is empty.
type timerHeap struct{ list sessionHeap }

// set schedules a session; a zero time unschedules it.
func (t *timerHeap) set(s *Session, due time.Time) {
	switch {
	case due.IsZero():
		t.remove(s)
	case s.timer < 0:
		s.due = due
		heap.Push(&t.list, s)
	case !s.due.Equal(due):
		s.due = due
		heap.Fix(&t.list, s.timer)
	}
}

func (t *timerHeap) remove(s *Session) {
	if s.timer >= 0 {
		heap.Remove(&t.list, s.timer)
	}
}

// earliest is when the first session is due; zero if none is.
func (t *timerHeap) earliest() time.Time {
	if len(t.list) == 0 {
		return time.Time{}
	}
	return t.list[0].due
}

// due takes out a session whose time has come, nil if there is none.
func (t *timerHeap) due(now time.Time) *Session {
	if len(t.list) == 0 || now.Before(t.list[0].due) {
		return nil
	}
	return heap.Pop(&t.list).(*Session)
}

// sessionHeap is container/heap's view.
type sessionHeap []*Session

func (h sessionHeap) Len() int           { return len(h) }
func (h sessionHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h sessionHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].timer, h[j].timer = i, j
}

func (h *sessionHeap) Push(x any) {
	s := x.(*Session)
	s.timer = len(*h)
	*h = append(*h, s)
}

func (h *sessionHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	s.timer = -1
	return s
}
