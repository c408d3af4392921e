package coap

import "time"

const (
	firstTimeout  = 200 * time.Millisecond // while the RTT is unknown
	timeoutMargin = 50 * time.Millisecond
	shortestLag   = 5 * time.Millisecond
	lowestCap     = 600 * time.Millisecond // of time-outs that grow in silence
)

// RTT estimates the round-trip time of a path as RFC 6298 does. It is a value, so that
// what the handshake learnt can be given to the session. The zero value knows nothing.
type RTT struct {
	smoothed  time.Duration // SRTT
	variation time.Duration // RTTVAR
	lowest    time.Duration // what the path takes when nothing queues
}

// Known tells whether there was a sample.
func (r RTT) Known() bool { return r.smoothed > 0 }

// Smoothed returns SRTT, 0 while it is unknown.
func (r RTT) Smoothed() time.Duration { return r.smoothed }

// Update takes a sample in (RFC 6298 sections 2.2 and 2.3). A sample belongs to one copy
// of a message, told by its message ID, so Karn's rule needs no exception.
func (r *RTT) Update(sample time.Duration) {
	sample = max(sample, time.Microsecond)
	if !r.Known() {
		*r = RTT{smoothed: sample, variation: sample / 2, lowest: sample}
		return
	}
	r.variation += ((r.smoothed - sample).Abs() - r.variation) / 4
	r.smoothed += (sample - r.smoothed) / 8
	if sample < r.lowest {
		r.lowest = sample
	} else {
		r.lowest += (sample - r.lowest) / 64 // the path may have become longer for good
	}
}

// timeout is how long to hear nothing before everything needed is sent again.
func (r RTT) timeout() time.Duration {
	if !r.Known() {
		return firstTimeout
	}
	return r.smoothed + max(timeoutMargin, 2*r.variation)
}

// longest is what time-outs grow to at first.
func (r RTT) longest() time.Duration { return max(lowestCap, 4*r.smoothed) }

// lag is how much later than the answer to a later datagram an answer may come before it
// counts as lost: so much reordering is taken for granted.
func (r RTT) lag() time.Duration { return max(shortestLag, r.smoothed/8) }

// congested tells whether delay has grown so far that losses are to be blamed on what is
// sent. The margin covers a peer that holds its answer back for its handler.
func (r RTT) congested() bool { return r.smoothed+2*r.variation > 2*r.lowest+timeoutMargin }
