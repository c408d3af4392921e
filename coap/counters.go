package coap

import "time"

// Counters are of all Conns that have them in their Config. They are not safe for concurrent use.
type Counters struct {
	Sent   uint64 // CONs, each copy; those that ask for the round-trip time are not counted
	Resent uint64 // of these, copies of what had been sent before: it, or its answer, seemed lost
	RTT    Spans  // samples, of the CONs that were answered
}

func (c *Counters) sent(it *item) {
	if c == nil || it.kind == itemPing {
		return
	}
	c.Sent++
	if it.numbered {
		c.Resent++
	}
}

func (c *Counters) sample(rtt time.Duration) {
	if c != nil {
		c.RTT.Add(rtt)
	}
}
