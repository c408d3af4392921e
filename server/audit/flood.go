package audit

import (
	"net/netip"
	"time"
)

// Bounds of the lines that devices bring about, for each kind of event.
const (
	window     = time.Second // in which events that are alike are counted
	maxAlike   = 64          // that are told apart in a window; the others are counted together
	burst      = 256         // lines at once
	rate       = 1           // lines a second in the long run, and one for what is left out
	prefixIPv4 = 24
	prefixIPv6 = 48
)

// alike is what events have to share to be counted together.
type alike struct {
	prefix netip.Prefix
	event  event
}

// A flood bounds the lines of one kind of event.
type flood struct {
	began  time.Time // of the window; zero: there is none
	counts map[alike]uint64
	others uint64 // events that have no line and no count of their own

	lines  float64 // that may be written
	filled time.Time
}

func newFlood() *flood { return &flood{counts: map[alike]uint64{}, lines: burst} }

// take tells whether an event gets a line of its own: the first of its kind in a window. The others
// are counted.
func (f *flood) take(now time.Time, peer netip.AddrPort, e event) bool {
	if f.began.IsZero() {
		f.began = now
	}
	k := alike{prefixOf(peer), e}
	if _, known := f.counts[k]; known {
		f.counts[k]++
		return false
	}
	if len(f.counts) >= maxAlike || !f.spend(now) {
		f.others++
		return false
	}
	f.counts[k] = 0
	return true
}

// end closes a window that is over, or in any case, and writes what it has counted.
func (f *flood) end(now time.Time, all bool, write func(event)) {
	if f.began.IsZero() || !all && now.Sub(f.began) < window {
		return
	}
	for k, n := range f.counts {
		switch {
		case n == 0:
		case f.spend(now):
			e := k.event
			e.Count = n
			if k.prefix.IsValid() {
				e.Prefix = k.prefix.String()
			}
			write(e)
		default:
			f.others += n
		}
	}
	if f.others > 0 {
		write(event{Count: f.others, Reason: "too many to be told apart"})
	}
	clear(f.counts)
	f.began, f.others = time.Time{}, 0
}

// spend takes a line from those that may be written.
func (f *flood) spend(now time.Time) bool {
	if !f.filled.IsZero() {
		f.lines = min(burst, f.lines+rate*max(0, now.Sub(f.filled).Seconds()))
	}
	f.filled = now
	if f.lines < 1 {
		return false
	}
	f.lines--
	return true
}

// prefixOf is the network of an address; not valid where there is no address.
func prefixOf(peer netip.AddrPort) netip.Prefix {
	addr := peer.Addr().Unmap()
	bits := prefixIPv6
	if addr.Is4() {
		bits = prefixIPv4
	}
	p, _ := addr.Prefix(bits)
	return p
}
