package coap

import "time"

// compare sends a ping behind large datagrams that are in doubt, so that something small and
// later can be answered: else nothing shows that they are lost.
func (c *Conn) compare(now time.Time, out *Batch) {
	s := &c.size
	if !c.recovery.heard || !s.ask && !c.doubtful() {
		return
	}
	s.ask = false
	if !s.probe.listed {
		s.probe = item{owner: prober{c}, kind: itemPing}
	}
	c.send(now, &s.probe, out)
}

// doubtful tells whether large items are in doubt, or have met nothing but silence, and
// nothing small has been sent behind all copies of them. In a long silence anything may be
// answered by what does not get through.
func (c *Conn) doubtful() bool {
	tail, probe := c.recovery.tail, &c.size.probe
	if tail == nil || tail == probe {
		return false
	}
	lost := false
	for it := c.recovery.head; it != nil; it = it.next {
		if it.doubled || it.due {
			return false
		}
		lost = lost || it.lost > 0
	}
	switch silent := c.recovery.silent; {
	case silent > 2:
		return true
	case probe.listed && !c.large(tail):
		return false
	default:
		return lost || silent > 1 && c.large(tail)
	}
}

func (c *Conn) large(it *item) bool {
	x, ok := it.owner.(*exchange)
	return it.size > c.config.MinMessage || ok && x.answerSize(it) > c.config.MinMessage
}

// rest takes the probe out when there is nothing to compare it with.
func (c *Conn) rest() {
	if probe := &c.size.probe; c.recovery.head == probe && c.recovery.tail == probe {
		c.recovery.finish(probe)
	}
}

// A prober owns the ping of a sizing.
type prober struct{ *Conn }

func (prober) fill(*item, *Message) bool                      { return true }
func (p prober) acknowledged(_ time.Time, it *item, _ uint64) { p.recovery.finish(it) }
func (p prober) reset(_ time.Time, it *item)                  { p.recovery.finish(it) }
