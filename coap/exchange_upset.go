package coap

import "time"

const (
	freeUpsets = 2               // as many as happen to a transfer that nobody disturbs
	stuckAfter = 2 * time.Second // and eight round trips; twice that the next time
)

// upset notes that what is out is given up, to begin again. On the plain lane anybody on the
// path can bring that about as often as there is something to answer, so that it must not
// have us send more than a window in a round trip.
func (x *exchange) upset(now time.Time) {
	if x.upsets++; x.upsets > freeUpsets {
		x.conn.recovery.hold(now, x.copies()+x.left)
	}
	x.left = 0
}

// copies returns how many are in flight.
func (x *exchange) copies() (n int) {
	for _, it := range x.items {
		n += it.copies
	}
	return n
}

// unstick begins again under another Request-Tag and token where nothing has come forward for
// long, although the peer is there: somebody has given it blocks that contradict ours.
func (x *exchange) unstick(now time.Time) {
	c := x.conn
	if !c.recovery.met {
		x.progress = now
	}
	if x.closed || x.delivered || x.ping ||
		now.Sub(x.progress) < (stuckAfter+8*c.recovery.rtt.Smoothed())<<x.stuck {
		return
	}
	x.stuck++
	delete(c.byToken, x.key)
	c.name(x)
	x.startOver(now, x.szx)
}
