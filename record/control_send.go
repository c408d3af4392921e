package record

import (
	"slices"
	"time"
)

// next puts the message whose turn it is on its way.
func (c *Control) next(now time.Time) {
	if c.out.active() || c.message > 0xFFFF {
		return // message_seq may not wrap (RFC 9147 section 5.2)
	}
	m := Message{Sequence: uint16(c.message)}
	switch {
	case c.ticket != nil:
		m.Type, m.Body = NewSessionTicket, c.ticket
		c.ticket = nil
	case c.update:
		m.Type, m.Body = KeyUpdate, []byte{updateNotRequested}
		if c.request {
			m.Body[0] = updateRequested
		}
		c.update, c.request = false, false
	default:
		return
	}
	c.message++
	c.out = outgoing{Message: m, epoch: c.conn.send.epoch, due: now}
}

// Exhausted reports that the numbers of messages are used up, after 65536 of them. Then there
// are no more key updates, and a handshake has to follow.
func (c *Control) Exhausted() bool { return c.message > 0xFFFF && !c.out.active() }

// Pending reports that Append has something to seal.
func (c *Control) Pending(now time.Time) bool {
	c.check(now)
	c.next(now)
	return len(c.acks) > 0 || c.due(now)
}

// due reports that the message on its way has to be sent, for the first time or again.
func (c *Control) due(now time.Time) bool {
	return c.out.active() && !c.out.due.IsZero() && !now.Before(c.out.due)
}

// sortACKs sorts by insertion: there are at most maxACKs, mostly in order, and package slices would
// make the device program 8 kB larger.
func (c *Control) sortACKs() {
	for i := range c.acks {
		for j := i; j > 0 && c.acks[j].less(c.acks[j-1]); j-- {
			c.acks[j], c.acks[j-1] = c.acks[j-1], c.acks[j]
		}
	}
}

// Append seals what is due: an ACK, then the message on its way. With last the last of these
// records has no length and nothing may follow it in the datagram. On error dst is returned as
// it was.
func (c *Control) Append(now time.Time, dst []byte, last bool) ([]byte, error) {
	if !c.Pending(now) {
		return dst, nil
	}
	out, due := dst, c.due(now)
	var err error
	if len(c.acks) > 0 {
		c.sortACKs()
		if out, err = c.conn.Seal(out, ACK, c.acks.Append(nil), last && !due); err != nil {
			return dst, err
		}
	}
	if due {
		n := c.conn.Next().Sequence
		if out, err = c.conn.Seal(out, Handshake, c.out.Message.Append(nil), last); err != nil {
			return dst, err
		}
		c.sent(now, n)
	}
	c.acks = c.acks[:0]
	return out, nil
}

// sent notes that the message on its way has left in record n.
func (c *Control) sent(now time.Time, n uint64) {
	if len(c.out.sent) == sentMemory {
		c.out.sent = slices.Delete(c.out.sent, 0, 1)
	}
	c.out.sent = append(c.out.sent, n)
	c.out.tries++
	if c.out.tries >= maxTries {
		c.out.due = time.Time{}
		return
	}
	c.out.due = now.Add(min(c.timeout<<(c.out.tries-1), maxTimeout))
}

// acknowledged ends the way of the message that an ACK names.
func (c *Control) acknowledged(now time.Time, content []byte) (Event, error) {
	var room [maxACKs]RecordNumber
	a, err := ParseAcknowledgement(room[:0], content)
	if err != nil {
		return Event{}, err
	}
	arrived := false
	for _, n := range a {
		c.conn.Confirm(n)
		arrived = arrived || c.out.active() && n.Epoch == c.out.epoch && slices.Contains(c.out.sent, n.Sequence)
	}
	if !arrived {
		return Event{}, nil
	}
	return c.arrived(now)
}

// arrived acts on the delivery of the message on its way. Only now does an update move the keys
// (RFC 9147 section 8).
func (c *Control) arrived(now time.Time) (Event, error) {
	event := Event{Kind: EventTicketDelivered}
	if c.out.Type == KeyUpdate {
		if err := c.conn.updateSend(); err != nil {
			return Event{}, err
		}
		c.since = now
		event = Event{Kind: EventSendEpoch, Epoch: c.conn.send.epoch}
	}
	c.out = outgoing{}
	c.next(now)
	return event, nil
}
