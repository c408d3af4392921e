package plain

import (
	"container/heap"
	"time"
)

// timers are the peers of a hub by their deadlines. The zero value is ready to use.
type timers []*peer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

// Push implements heap.Interface.
func (t *timers) Push(x any) {
	p := x.(*peer)
	p.index = len(*t)
	*t = append(*t, p)
}

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	last := len(*t) - 1
	p := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	p.index = -1
	return p
}

// set takes the deadline of a peer as it is now.
func (t *timers) set(p *peer) {
	if p.index < 0 {
		heap.Push(t, p)
	} else {
		heap.Fix(t, p.index)
	}
}

func (t *timers) remove(p *peer) {
	if p.index >= 0 {
		heap.Remove(t, p.index)
	}
}

// earliest is the first deadline, zero where there is none.
func (t timers) earliest() time.Time {
	if len(t) == 0 {
		return time.Time{}
	}
	return t[0].at
}

// due is a peer whose deadline has come, nil where there is none.
func (t timers) due(now time.Time) *peer {
	if len(t) == 0 || now.Before(t[0].at) {
		return nil
	}
	return t[0]
}
