package simnet

import (
	"bytes"
	"cmp"
	"container/heap"
	"time"
)

// An arrival is one copy of a datagram under way.
type arrival struct {
	at      time.Time
	key     flowKey
	index   int // in its flow
	payload []byte
}

// arrivals is a heap. Timers of one instant fire in random order in a synctest bubble, so
// the order of a tie is laid down here and one timer serves them all.
type arrivals []arrival

func (a arrivals) Len() int      { return len(a) }
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a arrivals) Less(i, j int) bool {
	return cmp.Or(
		a[i].at.Compare(a[j].at),
		a[i].key.to.Compare(a[j].key.to),
		a[i].key.from.Compare(a[j].key.from),
		cmp.Compare(a[i].index, a[j].index),
		bytes.Compare(a[i].payload, a[j].payload),
	) < 0
}

func (a *arrivals) Push(x any) { *a = append(*a, x.(arrival)) }

func (a *arrivals) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last] = arrival{}
	*a = (*a)[:last]
	return x
}

// schedule lets payload arrive at a time. n.mu is held.
func (n *Network) schedule(at time.Time, key flowKey, index int, payload []byte) {
	if n.closed {
		return
	}
	heap.Push(&n.pending, arrival{at, key, index, payload})
	n.arm()
}

// arm sets the timer to the next arrival. n.mu is held.
func (n *Network) arm() {
	if len(n.pending) == 0 {
		return
	}
	wait := time.Until(n.pending[0].at)
	if wait <= 0 { // in a bubble of synctest the race detector of Go 1.26 can crash in a Reset to now
		go n.deliver()
		return
	}
	if n.timer == nil {
		n.timer = time.AfterFunc(wait, n.deliver)
		return
	}
	n.timer.Reset(wait)
}

// deliver hands over what is due. The socket is looked up now, not when the datagram was
// sent: a socket that has moved meanwhile does not get it.
func (n *Network) deliver() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for now := time.Now(); len(n.pending) > 0 && !n.pending[0].at.After(now); {
		a := heap.Pop(&n.pending).(arrival)
		counters := &n.path(a.key.from.Addr(), a.key.to.Addr()).counters
		c := n.conns[a.key.to]
		if c == nil {
			counters.Unreachable++
			event := newEvent(a.at.Sub(n.start), a.key, a.index, a.payload)
			event.Fate = Unreachable
			n.record(event)
			continue
		}
		counters.Delivered++
		c.push(a)
	}
	n.arm()
}
