// Package wheel keeps timers in a hierarchical timing wheel (Varghese and Lauck, 1987): setting and
// stopping one takes the same short time however many there are, and allocates nothing.
//
// Start with a [Wheel], and a [Timer] in whatever has something to do at a time. It reads no clock,
// and is not safe for concurrent use.
//
//	w.Set(now, &session.timer, due)
//	for v, ok := w.Due(now); ok; v, ok = w.Due(now) { ... } // when w.Next() has come
package wheel

import (
	"math/bits"
	"time"
)

const (
	// Tick is to what a timer is exact: it is due at the first whole tick that is not before its
	// time, about a millisecond.
	Tick = 1 << tickBits

	tickBits  = 20 // of nanoseconds
	slotBits  = 6
	slots     = 1 << slotBits
	levels    = (63 - tickBits + slotBits - 1) / slotBits // all the times that an int64 has nanoseconds for
	noSlot    = 0
	slotsMask = slots - 1
)

// A Timer is set in one Wheel at most. The zero value is not set; Value is what Due returns.
type Timer[T any] struct {
	Value      T
	tick       int64
	place      uint16 // one past the number of its slot, or noSlot
	prev, next *Timer[T]
}

// Active reports that the timer is set, and has not been returned by Due.
func (t *Timer[T]) Active() bool { return t.place != noSlot }

// A Wheel has timers in the order of their ticks. A timer lies on the level of the highest group of
// bits in which its tick differs from the present one: so all timers of a level are due before
// those of the next. The zero value is empty.
type Wheel[T any] struct {
	begun bool
	base  time.Time // tick 0
	at    int64     // the present tick: nothing is set before it
	used  [levels]uint64
	first [levels * slots]*Timer[T] // of each slot, a ring
}

// tickOf returns the first tick that is not before a time. The present tick is the earliest.
func (w *Wheel[T]) tickOf(due time.Time) int64 {
	return max(int64(due.Sub(w.base)+Tick-1)>>tickBits, w.at)
}

// Set sets a timer, or sets it anew. A zero time stops it, and one that is past is due at once.
func (w *Wheel[T]) Set(now time.Time, t *Timer[T], due time.Time) {
	if due.IsZero() {
		w.Stop(t)
		return
	}
	if !w.begun {
		w.begun, w.base = true, now
	}
	tick := w.tickOf(due)
	if t.Active() && t.tick == tick {
		return
	}
	w.Stop(t)
	t.tick = tick
	w.put(t)
}

// put links a timer into its slot, as the last.
func (w *Wheel[T]) put(t *Timer[T]) {
	level := 0
	if differ := uint64(t.tick ^ w.at); differ != 0 {
		level = (bits.Len64(differ) - 1) / slotBits
	}
	slot := int(t.tick>>(level*slotBits)) & slotsMask
	w.used[level] |= 1 << slot
	t.place = uint16(level*slots+slot) + 1
	head := &w.first[t.place-1]
	if *head == nil {
		t.prev, t.next = t, t
		*head = t
		return
	}
	t.prev, t.next = (*head).prev, *head
	t.prev.next, t.next.prev = t, t
}

// Stop stops a timer. One that is not set stays so.
func (w *Wheel[T]) Stop(t *Timer[T]) {
	if !t.Active() {
		return
	}
	at := t.place - 1
	switch {
	case t.next == t:
		w.first[at] = nil
		w.used[at/slots] &^= 1 << (at % slots)
	case w.first[at] == t:
		w.first[at] = t.next
		fallthrough
	default:
		t.prev.next, t.next.prev = t.next, t.prev
	}
	t.place, t.prev, t.next = noSlot, nil, nil
}

// slot returns the slot that is due first, and the tick at which its time begins.
func (w *Wheel[T]) slot() (at int, tick int64, ok bool) {
	for level, used := range w.used {
		if used == 0 {
			continue
		}
		n, shift := bits.TrailingZeros64(used), level*slotBits
		return level*slots + n, w.at>>(shift+slotBits)<<(shift+slotBits) | int64(n)<<shift, true
	}
	return 0, 0, false
}

// Next is when Due has to be called next, zero if no timer is set. A timer that is far off may have
// nothing due then: it moves to a slot of its own.
func (w *Wheel[T]) Next() time.Time {
	_, tick, ok := w.slot()
	if !ok {
		return time.Time{}
	}
	return w.base.Add(time.Duration(tick) << tickBits)
}

// Due stops a timer whose time has come, and returns its Value; false if there is none. Timers of one
// tick come in the order in which they were set, or have moved to it.
func (w *Wheel[T]) Due(now time.Time) (v T, ok bool) {
	if !w.begun {
		return v, false
	}
	present := int64(now.Sub(w.base) >> tickBits)
	for {
		at, tick, ok := w.slot()
		if !ok || tick > present {
			w.at = max(w.at, present) // passes no slot in use
			return v, false
		}
		w.at = max(w.at, tick)
		if at < slots {
			t := w.first[at]
			w.Stop(t)
			return t.Value, true
		}
		w.move(at)
	}
}

// move puts the timers of a slot, whose time begins now, into slots of lower levels.
func (w *Wheel[T]) move(at int) {
	head := w.first[at]
	w.first[at] = nil
	w.used[at/slots] &^= 1 << (at % slots)
	for t := head; ; {
		next := t.next
		w.put(t)
		if t = next; t == head {
			return
		}
	}
}
