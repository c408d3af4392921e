package coap

import (
	"io"
	"time"
)

// deadline returns when due has to be called, zero for never.
func (r *recovery) deadline() time.Time {
	if r.head == nil {
		return time.Time{}
	}
	at := r.base.Add(r.timeout)
	if len(r.second) > 0 {
		at = earlier(at, r.second[0].at)
	}
	if r.suspects() {
		at = earlier(at, r.lossAt)
	}
	return at
}

// earlier returns the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due returns the items of which a copy has to be sent now. The caller sends them with
// record; the slice is valid until the next call.
func (r *recovery) due(now time.Time) []*item {
	clear(r.list)
	r.list = r.list[:0]
	r.secondCopies(now)
	for r.suspects() && !now.Before(r.lossAt) {
		r.losses(now)
	}
	if r.head != nil && !now.Before(r.base.Add(r.timeout)) {
		r.timedOut(now)
	}
	return r.list
}

func (r *recovery) secondCopies(now time.Time) {
	n := 0
	for n < len(r.second) && !now.Before(r.second[n].at) {
		it := r.second[n].item
		n++
		it.doubled = false
		if it.listed && r.flight+len(r.list) < r.window && r.allowed(now) {
			it.due = true
			r.list = append(r.list, it)
		}
	}
	if n > 0 {
		rest := copy(r.second, r.second[n:])
		clear(r.second[rest:])
		r.second = r.second[:rest]
	}
}

// allowed is mayDisturb with what due has gathered already.
func (r *recovery) allowed(now time.Time) bool {
	return r.heard || r.mayDisturb(now) && r.round+len(r.list) < strangerRound && r.total+len(r.list) < strangerTotal
}

// losses finds what a later answer shows to be lost. The list is in the order of
// sending, so that it ends at the first copy that is not older.
func (r *recovery) losses(now time.Time) {
	if r.sameID {
		r.lossSequence, r.lossAt, r.laterAnswer, r.laterAt = 0, time.Time{}, 0, time.Time{}
		return
	}
	var next time.Time
	for it := r.head; it != nil && it.sequence < r.lossSequence; it = it.next {
		if at := it.at.Add(r.patience(it)); now.Before(at) {
			next = earlier(next, at)
		} else if !it.doubled {
			r.cut(it.sequence)
			r.found = append(r.found, it)
			r.repeat(now, it)
		}
	}
	if !next.IsZero() {
		r.lossAt = next
		return
	}
	r.lossSequence, r.lossAt = r.laterAnswer, r.laterAt
	r.laterAnswer, r.laterAt = 0, time.Time{}
}

// patience is how old a copy has to be to count as lost: an answer to a later copy says
// nothing about one that went out after its fellow.
func (r *recovery) patience(it *item) time.Duration {
	age := (r.rtt.smoothed * 9 / 10) << it.excess()
	if it.slow {
		age += ackDelay + r.rtt.lag()
	}
	return age
}

// repeat has a copy of it sent now, and a second one soon after where losses are not
// congestion: two copies close together get through where one does not.
func (r *recovery) repeat(now time.Time, it *item) {
	if it.due {
		return
	}
	r.flight -= it.copies
	it.copies = 0
	if r.flight+len(r.list) >= r.window || !r.allowed(now) {
		return // it stays first in the list, for the next answer or time-out
	}
	it.due = true
	it.repeats = min(it.repeats+1, patientRepeats+6)
	r.list = append(r.list, it)
	if !it.doubled && r.doubles(it) {
		it.doubled = true
		r.second = append(r.second, secondCopy{it, now.Add(repeatGap)})
	}
}

// timedOut repeats what is needed, but for what went out a moment ago: all of it, or as
// much as the window allows, those first which have waited longest.
func (r *recovery) timedOut(now time.Time) {
	var next time.Time
	overdue := false
	for it := r.head; it != nil; it = it.next {
		if at := r.overdueAt(it); now.Before(at) {
			next = earlier(next, at)
		} else if !it.due {
			overdue = true
			r.flight -= it.copies
			it.copies = 0
		}
	}
	if !overdue && !next.IsZero() {
		r.base = next.Add(-r.timeout)
		return
	}
	r.round = 0
	r.cut(r.packets.next)
	if r.guesses() && r.silent%2 == 1 {
		r.ask(now)
	}
	if !r.guesses() || r.silent%2 == 0 || r.single() {
		r.repeatOverdue(now)
	}
	r.base = now
	r.silent++
	r.timeout = r.nextTimeout()
}

func (r *recovery) repeatOverdue(now time.Time) {
	for it := r.head; it != nil; it = it.next {
		if !it.doubled && !now.Before(r.overdueAt(it)) && it != &r.ping {
			r.repeat(now, it)
		}
	}
}

// overdueAt returns when a time-out may repeat it: also what a later answer had repeated
// since the time-out began to run.
func (r *recovery) overdueAt(it *item) time.Time {
	if r.sameID {
		return it.at.Add(r.shortest())
	}
	wait := r.rtt.timeout() << it.excess()
	if it.slow {
		return it.at.Add(wait)
	}
	return it.at.Add(wait - r.rtt.lag() - repeatGap)
}

// shortest is the first of a row of time-outs.
func (r *recovery) shortest() time.Duration {
	if r.sameID {
		return peerTimeout
	}
	return r.rtt.timeout()
}

// excess is how often the wait for an item doubles. Where others are answered and this one never
// is, chance has nothing to do with it: it may be too large for the path.
func (it *item) excess() int { return max(0, int(it.repeats)-patientRepeats) }

// nextTimeout is the next of a row of time-outs in which nothing is heard. The random
// factor keeps devices apart that were cut off together (RFC 7252 section 4.2).
func (r *recovery) nextTimeout() time.Duration {
	grown := min(r.timeout*3/2, r.rtt.longest())
	if r.sameID {
		grown = min(r.timeout*2, longestTimeout)
	} else if r.silent >= silentRounds || r.rtt.congested() || r.guesses() {
		grown = min(r.timeout*2, max(longestTimeout, r.rtt.longest()))
	}
	return spread(grown, r.rand)
}

// spread returns d times a random factor from 0.9 to 1.1.
func spread(d time.Duration, rand io.Reader) time.Duration {
	var b [1]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return d
	}
	return d + d*(time.Duration(b[0])-128)/1280
}
