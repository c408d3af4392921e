package wheel

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A reference is what a wheel has to do: it looks at all timers.
type reference map[int]time.Time

func (r reference) earliest() (at time.Time) {
	for _, due := range r {
		if at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}

// A world drives a wheel and its reference.
type world struct {
	t      *testing.T
	wheel  Wheel[int]
	timers [40]Timer[int]
	want   reference
	now    time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, want: reference{}, now: epoch}
	for i := range w.timers {
		w.timers[i].Value = i
	}
	return w
}

func (w *world) set(i int, due time.Time) {
	w.wheel.Set(w.now, &w.timers[i], due)
	if delete(w.want, i); !due.IsZero() {
		w.want[i] = due
		if due.Before(w.now) { // it is due now, behind what was before
			w.want[i] = w.now
		}
	}
}

// pass lets time go by, and checks that what was due comes, in its order, and not before its time.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	var last time.Time
	for i, ok := w.wheel.Due(w.now); ok; i, ok = w.wheel.Due(w.now) {
		due, set := w.want[i]
		switch {
		case !set:
			w.t.Fatalf("timer %d is due and was not set", i)
		case due.After(w.now):
			w.t.Fatalf("timer %d is due %v before its time", i, due.Sub(w.now))
		case due.Before(last.Add(-Tick)):
			w.t.Fatalf("timer %d of %v comes behind one of %v", i, due, last)
		case w.timers[i].Active():
			w.t.Fatalf("timer %d is due and still set", i)
		}
		last = due
		delete(w.want, i)
	}
	for i, due := range w.want {
		if !w.timers[i].Active() || w.now.Sub(due) >= Tick {
			w.t.Fatalf("timer %d is %v late, active: %v", i, w.now.Sub(due), w.timers[i].Active())
		}
	}
	switch next, first := w.wheel.Next(), w.want.earliest(); {
	case next.IsZero() != first.IsZero():
		w.t.Fatalf("next is %v, the first timer due at %v", next, first)
	case next.Sub(first) >= Tick:
		w.t.Fatalf("next is %v behind the first timer", next.Sub(first))
	case !next.IsZero() && !next.After(w.now):
		w.t.Fatalf("next is %v before the present", w.now.Sub(next))
	}
}

// Random timers, near and far, set, set anew and stopped, come as from a list that is searched.
func TestAgainstReference(t *testing.T) {
	spans := []time.Duration{1, Tick - 1, Tick, 70 * time.Millisecond, time.Second, 5 * time.Minute, 10 * time.Hour, 300 * 24 * time.Hour, 150 * 365 * 24 * time.Hour}
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t)
		for range 400 {
			span := spans[random.IntN(len(spans))]
			i := random.IntN(len(w.timers))
			switch random.IntN(8) {
			case 0:
				w.pass(time.Duration(random.Int64N(int64(min(span, 24*time.Hour)))))
			case 1:
				w.set(i, time.Time{})
			case 2:
				w.set(i, w.now.Add(-time.Duration(random.Int64N(int64(time.Second)))))
			default:
				w.set(i, w.now.Add(time.Duration(random.Int64N(int64(span)))))
			}
		}
		for i := range w.timers {
			w.set(i, time.Time{})
		}
		if !w.wheel.Next().IsZero() {
			t.Fatal("a timer is left")
		}
	}
}

// Who calls at Next only, comes to each timer in time, and in a few calls.
func TestNext(t *testing.T) {
	w := newWorld(t)
	for i := range w.timers {
		w.set(i, w.now.Add(time.Duration(math.Pow(2.5, float64(i)))))
	}
	calls := 0
	for len(w.want) > 0 {
		w.pass(w.wheel.Next().Sub(w.now))
		calls++
	}
	if calls > levels*len(w.timers) {
		t.Errorf("%d calls for %d timers", calls, len(w.timers))
	}
}

// The first timer may be the last, and far behind what anybody waits for.
func TestExtremes(t *testing.T) {
	w := newWorld(t)
	w.set(0, epoch.Add(math.MaxInt64-Tick))
	w.set(1, epoch)
	w.set(2, epoch.Add(-time.Hour))
	w.pass(time.Hour)
	if len(w.want) != 1 {
		t.Errorf("%d timers are left", len(w.want))
	}
	w.pass(math.MaxInt64 - time.Hour)
}

func TestAllocations(t *testing.T) {
	var w Wheel[int]
	var timer Timer[int]
	now := epoch
	if n := testing.AllocsPerRun(100, func() {
		w.Set(now, &timer, now.Add(time.Hour))
		w.Set(now, &timer, now.Add(time.Second))
		now = now.Add(2 * time.Second)
		w.Next()
		w.Due(now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A timerHeap is container/heap's, for comparison.
type timerHeap []*heapTimer

type heapTimer struct {
	due   time.Time
	index int
}

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) { t := x.(*heapTimer); t.index = len(*h); *h = append(*h, t) }
func (h *timerHeap) Pop() any   { t := (*h)[len(*h)-1]; *h = (*h)[:len(*h)-1]; return t }

// Of n timers one is set anew, to a time up to a minute away, as sessions do with each record.
//
// go test -run - -bench Set ./internal/wheel
func BenchmarkSet(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		random := rand.New(rand.NewPCG(1, 2))
		span := func() time.Duration { return time.Duration(random.Int64N(int64(time.Minute))) }
		b.Run(fmt.Sprintf("wheel/%d", n), func(b *testing.B) {
			var w Wheel[int]
			timers := make([]Timer[int], n)
			for i := range timers {
				w.Set(epoch, &timers[i], epoch.Add(span()))
			}
			b.ReportAllocs()
			for b.Loop() {
				w.Set(epoch, &timers[random.IntN(n)], epoch.Add(span()))
			}
		})
		b.Run(fmt.Sprintf("heap/%d", n), func(b *testing.B) {
			var h timerHeap
			timers := make([]heapTimer, n)
			for i := range timers {
				timers[i].due = epoch.Add(span())
				heap.Push(&h, &timers[i])
			}
			b.ReportAllocs()
			for b.Loop() {
				t := &timers[random.IntN(n)]
				t.due = epoch.Add(span())
				heap.Fix(&h, t.index)
			}
		})
	}
}
