package simnet

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Counters count what went one way between two hosts.
type Counters struct {
	Datagrams uint64 // sent, whatever became of them, without the link's duplicates
	Bytes     uint64 // of UDP payload in them
	Delivered uint64 // handed to a Conn, with the link's duplicates

	Lost, TooLarge, QueueFull, Filtered, Unreachable uint64 // why others were not
	Duplicated, Reordered, Corrupted                 uint64 // what befell those under way
}

// Counters returns what went from one host to another.
func (n *Network) Counters(from, to netip.Addr) Counters {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.path(from, to).counters
}

// count adds a datagram of which event tells what became of it, and f the details where
// it is under way.
func (c *Counters) count(f fate, event Event) {
	c.Datagrams++
	c.Bytes += uint64(event.Size)
	switch event.Fate {
	case Lost:
		c.Lost++
	case TooLarge:
		c.TooLarge++
	case QueueFull:
		c.QueueFull++
	case Filtered:
		c.Filtered++
	default:
		c.countSent(f)
	}
}

func (c *Counters) countSent(f fate) {
	if f.reordered {
		c.Reordered++
	}
	if f.flip >= 0 {
		c.Corrupted++
	}
	c.Duplicated += uint64(len(f.delays) - 1)
}

// A Fate is what became of a datagram.
type Fate string

// A datagram under way may be several of these at once; they stand one after another.
const (
	Sent        Fate = "sent"
	Duplicated  Fate = "duplicated"
	Reordered   Fate = "reordered"
	Corrupted   Fate = "corrupted"
	Lost        Fate = "lost"
	TooLarge    Fate = "too large"
	QueueFull   Fate = "queue full"
	Filtered    Fate = "filtered"
	Unreachable Fate = "unreachable" // an event of its own, at the time of arrival
)

func (f *fate) name() Fate {
	var names []string
	if f.reordered {
		names = append(names, string(Reordered))
	}
	if f.flip >= 0 {
		names = append(names, string(Corrupted))
	}
	if len(f.delays) > 1 {
		names = append(names, string(Duplicated))
	}
	if len(names) == 0 {
		return Sent
	}
	return Fate(strings.Join(names, ", "))
}

// headSize is how much of a payload an Event shows.
const headSize = 12

// An Event is one line of a trace.
type Event struct {
	At       time.Duration // since New
	From, To netip.AddrPort
	Index    int // in its flow
	Size     int // bytes of UDP payload
	Head     [headSize]byte
	Fate     Fate
	Arrives  time.Duration // since New, where it does
}

func newEvent(at time.Duration, key flowKey, index int, payload []byte) Event {
	e := Event{At: at, From: key.from, To: key.to, Index: index, Size: len(payload)}
	copy(e.Head[:], payload)
	return e
}

// String returns one line without its end.
func (e Event) String() string {
	line := fmt.Sprintf("%10.3f ms  %v > %v  #%d  %d B  %x  %s", milliseconds(e.At), e.From, e.To,
		e.Index, e.Size, e.Head[:min(e.Size, headSize)], e.Fate)
	if e.Arrives > 0 {
		line += fmt.Sprintf(", arrives %.3f ms", milliseconds(e.Arrives))
	}
	return line
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}

// Trace starts to keep an Event for each datagram.
func (n *Network) Trace() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tracing = true
}

// Events returns what was traced, in an order that does not depend on the scheduler.
func (n *Network) Events() []Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	events := slices.Clone(n.events)
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), a.From.Compare(b.From), a.To.Compare(b.To), cmp.Compare(a.Index, b.Index))
	})
	return events
}

// A TB is the part of testing.TB that TraceOnFailure needs.
type TB interface {
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
}

// TraceOnFailure traces, and prints the trace and the seed when the test has failed.
func (n *Network) TraceOnFailure(t TB) {
	n.Trace()
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		t.Logf("simnet: seed %d", n.seed)
		for _, e := range n.Events() {
			t.Logf("%v", e)
		}
	})
}

// record keeps an event. n.mu is held.
func (n *Network) record(e Event) {
	if n.tracing {
		n.events = append(n.events, e)
	}
}
