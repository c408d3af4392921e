package endpoint

import "time"

// Drain has no more handlers started: requests are answered with a 5.03 and come again in a
// second. The caller holds the lock.
func (o *Owner) Drain() { o.Most = 0 }

// Handlers is how many have not returned, those that wait for a peer among them. The caller
// holds the lock.
func (o *Owner) Handlers() int { return o.handlers }

// EndObservations ends what the peer observes with a 5.03, so that it asks anew instead of
// waiting for states that will not come. The caller holds the lock, and flushes.
func (p *Endpoint) EndObservations(now time.Time) {
	last := overloaded()
	for _, o := range p.served {
		if o.open {
			o.send(now, last)
		}
	}
}
