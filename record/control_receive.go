package record

import (
	"fmt"
	"slices"
	"time"
)

// Handle takes a record that has just opened, of whatever type, and says what it changed. An
// error, ErrMessage or ErrTooOften, is about this record only: nothing has changed and
// the session goes on.
func (c *Control) Handle(now time.Time, r Record) (Event, error) {
	c.heard(now, r.Epoch)
	switch r.Type {
	case Handshake:
		return c.received(now, r)
	case ACK:
		return c.acknowledged(now, r.Content)
	}
	return Event{}, nil
}

// heard notes that the peer is there, and in which epoch it sends.
func (c *Control) heard(now time.Time, epoch uint64) {
	if c.conn.changing() && c.dropAt.IsZero() && epoch == c.conn.receive[0].epoch {
		c.dropAt = now.Add(c.cfg.Grace)
	}
	if c.out.active() && c.out.due.IsZero() {
		c.out.tries, c.out.due = 0, now
	}
	c.check(now)
}

// received takes a message: the one expected is acted on, one that has been here is acknowledged
// again, since its ACK may be lost, and one too early is left for its sender to repeat.
func (c *Control) received(now time.Time, r Record) (Event, error) {
	m, err := ParseMessage(r.Content)
	if err != nil {
		return Event{}, err
	}
	switch n := uint32(m.Sequence); {
	case n < c.expected:
		c.acknowledge(r.Number())
		return Event{}, nil
	case n > c.expected:
		return Event{}, fmt.Errorf("%w: out of order", ErrMessage)
	case r.Epoch != c.conn.receive[0].epoch:
		// A KeyUpdate is the last message of its epoch.
		return Event{}, fmt.Errorf("%w: in an epoch that is over", ErrMessage)
	}
	event := Event{Kind: EventTicket, Body: m.Body}
	if m.Type == KeyUpdate {
		if event, err = c.peerUpdates(now, m.Body[0] == updateRequested); err != nil {
			return Event{}, err
		}
	}
	c.expected++
	c.acknowledge(r.Number())
	return event, nil
}

// peerUpdates opens the peer's next epoch. A peer is never more than one ahead: of the epoch after
// that it can speak only in the one that is opened here. A request that meets an update of ours on
// its way is granted by that one.
func (c *Control) peerUpdates(now time.Time, requested bool) (Event, error) {
	if !c.updated.IsZero() && now.Sub(c.updated) < updateInterval {
		return Event{}, ErrTooOften
	}
	if err := c.conn.updateReceive(); err != nil {
		return Event{}, err
	}
	c.updated, c.dropAt = now, time.Time{}
	if requested {
		c.Update(false)
	}
	return Event{Kind: EventReceiveEpoch, Epoch: c.conn.receive[0].epoch}, nil
}

// acknowledge puts a record into the next ACK.
func (c *Control) acknowledge(n RecordNumber) {
	if len(c.acks) == maxACKs {
		c.acks = slices.Delete(c.acks, 0, 1)
	}
	c.acks = append(c.acks, n)
}
