package coap

import "time"

// guesses tells whether time-outs say little: nothing has been heard here yet, and so the
// round trip may be of any length. Then repeats are single, time-outs double, and every other
// round is only a ping, which tells the round-trip time for four bytes; but see single.
func (r *recovery) guesses() bool { return !r.met }

// single tells whether one datagram is all that waits for an answer, such as a small resumption:
// its copies are no burden, so there are two, and none is left out for a ping.
func (r *recovery) single() bool {
	n := 0
	for it := r.head; it != nil; it = it.next {
		if it != &r.ping {
			n++
		}
	}
	return n == 1
}

// doubles tells whether a repeat is worth two copies: not where losses are congestion.
func (r *recovery) doubles(it *item) bool {
	if r.guesses() && !r.single() {
		return it == &r.ping
	}
	return !r.sameID && !r.rtt.congested()
}

// ask sends the ping.
func (r *recovery) ask(now time.Time) {
	r.ping.owner, r.ping.kind = pinger{r}, itemPing
	r.repeat(now, &r.ping)
}

// A pinger owns the ping of a recovery.
type pinger struct{ *recovery }

func (pinger) fill(*item, *Message) bool                      { return true }
func (p pinger) acknowledged(_ time.Time, it *item, _ uint64) { p.finish(it) }
func (p pinger) reset(_ time.Time, it *item)                  { p.finish(it) }
