package coap

import "time"

// room tells whether one datagram more may be in flight.
func (r *recovery) room(now time.Time) bool {
	if r.gone > 0 && !now.Before(r.goneUntil) {
		r.gone = 0
	}
	return r.flight+r.gone < r.window && r.mayDisturb(now)
}

// hold counts copies that are given up as in flight for a round trip more. Otherwise whoever
// makes us start over, again and again, would have us send without a window.
func (r *recovery) hold(now time.Time, copies int) {
	if copies > 0 {
		r.gone, r.goneUntil = min(r.gone, r.window)+copies, now.Add(r.rtt.timeout())
	}
}

// mayDisturb bounds what a peer gets that has never answered.
func (r *recovery) mayDisturb(now time.Time) bool {
	if r.heard {
		return true
	}
	if now.Sub(r.periodStart) >= strangerPeriod {
		r.periodStart, r.total = now, 0
	}
	return (r.head == nil || r.round < strangerRound) && r.total < strangerTotal
}

// relief returns when there may be room again without anything being heard: a stranger may be
// disturbed, or what was given up has left the path. Zero is never, or at a time-out.
func (r *recovery) relief() time.Time {
	if r.gone > 0 && r.flight < r.window {
		return r.goneUntil
	}
	if r.heard || r.total < strangerTotal {
		return time.Time{}
	}
	return r.periodStart.Add(strangerPeriod)
}

// grow opens the window, if it was what held us back when that copy was sent.
func (r *recovery) grow(answered uint64) {
	if answered > r.fullAt || r.window >= largestWindow {
		return
	}
	r.credit++
	if r.window < r.threshold && !r.rtt.congested() || r.credit >= r.window {
		r.window++
		r.credit = 0
	}
}

// cut halves the window, once for all that was in flight.
func (r *recovery) cut(lost uint64) {
	if lost < r.cutAt {
		return
	}
	floor := initialWindow
	if r.rtt.congested() {
		floor = congestedWindow
	}
	r.window = max(r.window/2, floor)
	r.threshold, r.cutAt = r.window, r.packets.next
}
