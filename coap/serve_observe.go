package coap

import (
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

const (
	maxObserved = 64 // observations of one peer
	observeRoom = 4  // bytes of an Observe option at most
	// A peer that is only sent NON notifications is asked for a sign of life by a CON after
	// so many or so long (RFC 7641 section 4.5 demands it once in 24 hours).
	quietNotifications = 16
	quietTime          = 60 * time.Second
	// observerTimeout is how long a CON notification may go unanswered until the peer counts
	// as gone: MAX_TRANSMIT_WAIT (RFC 7252 section 4.8.2).
	observerTimeout = 93 * time.Second
)

// An observation is what an entry knows of a peer that observes (RFC 7641), server side.
type observation struct {
	asked     bool   // the request wants to observe
	withdrawn bool   // the peer has cancelled before there was a response
	observing bool   // and the application has agreed
	value     uint32 // of the newest state
	changed   uint64 // copies from this sequence number on carry the newest state
	stale     bool   // the newest state is to be sent when the one on its way has arrived
	ending    bool   // the newest state is the last, and an older is on its way
	quiet     int    // NON since the last sign of life
	heardAt   time.Time
	waitsFrom time.Time // since then a CON is unanswered; zero: none is
}

// asks notes what the options of a whole request say about its answers.
func (e *entry) asks(request *Message) {
	value, found := option(request.Options, message.Observe)
	e.asked = found && parseUint(value) == 0 && observable(request.Code)
	e.suppress, _ = optionUint(request.Options, message.NoResponse)
}

// suppressed tells whether the peer does not want this response (RFC 7967 section 2.1).
func (e *entry) suppressed() bool {
	class := e.response.Code >> 5
	return class > 0 && e.suppress>>(class-1)&1 == 1
}

// agreed tells whether the application's response is to begin an observation, and takes the
// option out, which the engine sets. Of one that the peer does not want any more the
// application learns at once.
func (e *entry) agreed() bool {
	_, found := option(e.response.Options, message.Observe)
	if found {
		e.response.Options = withoutObserve(e.response.Options)
	}
	if found && e.asked && e.withdrawn {
		e.conn.emit(Event{Kind: EventCancelled, ID: e.key})
	}
	return found && e.asked && !e.withdrawn
}

// withdraw takes a copy of a request that is being handled: it may cancel what has not begun.
func (e *entry) withdraw(m *Message) {
	value, found := optionUint(m.Options, message.Observe)
	e.withdrawn = e.withdrawn || found && value == 1
}

// open begins an observation where there is something to observe, and room.
func (e *entry) open(now time.Time) {
	s := &e.conn.server
	if e.response.Code>>5 != 2 || len(s.observed) >= maxObserved {
		return
	}
	e.observing, e.value, e.heardAt = true, s.next(), now
	s.observed = append(s.observed, e)
	s.answered-- // it does not make room for others
}

// next is the Observe value of a new state. It counts for all observations together, so that
// one which is begun anew goes on from the values of the old.
func (s *serving) next() uint32 {
	s.value = (s.value + 1) & observeMask
	return s.value
}

// withoutObserve returns a copy of options without the option that the engine sets.
func withoutObserve(options message.Options) message.Options {
	return slices.DeleteFunc(slices.Clone(options), func(o message.Option) bool { return o.ID == message.Observe })
}

// Room tells whether the peer may open one observation more.
func (c *Conn) Room() bool { return len(c.server.observed) < maxObserved }

// Notify sends a new state of what the request id observes. A state that has not been
// received yet is not sent again once there is a newer one (RFC 7641 section 4.5.2). It is
// confirmable unless m is NonConfirmable; that becomes a CON now and then, to learn whether
// the peer is still there. With a code other than 2.xx the observation ends.
// ErrUnknownRequest says that it has ended already.
func (c *Conn) Notify(now time.Time, id uint64, m Message, out *Batch) error {
	e := c.server.entries[id]
	if e == nil || !e.observing || e.ending {
		return ErrUnknownRequest
	}
	m.Options = withoutObserve(m.Options)
	if err := c.checkResponse(&m); err != nil {
		return err
	}
	c.renew(now)
	e.notify(now, m, out)
	c.pump(now, out)
	return nil
}

func (e *entry) notify(now time.Time, m Message, out *Batch) {
	c := e.conn
	non := m.Type == message.NonConfirmable
	m.Type = message.Confirmable
	e.response = m
	e.given.close()
	e.given = source{payload: m.Payload, size: len(m.Payload)}
	e.divide()
	c.server.hold(e, len(m.Payload))
	e.value, e.changed = c.server.next(), c.recovery.packets.next
	last := e.response.Code>>5 != 2
	if last {
		e.conclude(now)
	}
	e.item.numbered = false // other content is another message
	switch {
	case e.item.listed:
		e.stale = true
	case non && !last && e.quiet < quietNotifications && now.Sub(e.heardAt) < quietTime:
		e.quiet++
		e.item.owner = e // an RST finds it
		_, mid := c.recovery.packets.add(now, &e.item)
		e.answer(now, message.NonConfirmable, int32(mid), out)
	default:
		e.press(now, out)
	}
}

// press sends the newest state as a CON.
func (e *entry) press(now time.Time, out *Batch) {
	e.stale = false
	if e.waitsFrom.IsZero() {
		e.waitsFrom = now
	}
	e.confirmed(now, out)
}

// notified takes the sign of life of an observer. Where it has an older state only, Advance
// sends the newest.
func (e *entry) notified(now time.Time, sequence uint64) {
	e.quiet, e.heardAt, e.waitsFrom = 0, now, time.Time{}
	if e.stale = e.stale && sequence < e.changed; e.stale {
		e.waitsFrom = now
	} else if e.ending {
		e.release(now)
	}
}

// due is when an observation needs attention.
func (e *entry) due() time.Time {
	switch {
	case e.stale && !e.item.listed:
		return e.waitsFrom
	case !e.waitsFrom.IsZero():
		return e.waitsFrom.Add(observerTimeout)
	}
	return time.Time{}
}

// notifyDue sends states that have waited, and gives up observers that are gone.
func (c *Conn) notifyDue(now time.Time, out *Batch) {
	for _, e := range slices.Clone(c.server.observed) {
		switch at := e.due(); {
		case at.IsZero() || now.Before(at):
		case e.stale && !e.item.listed:
			if e.ending {
				e.release(now)
			}
			e.press(now, out)
		default:
			e.end(now, ErrTimeout)
		}
	}
}

// cancels tells whether a request ends the observation that it names (RFC 7641 section 3.6).
func (e *entry) cancels(m *Message) bool {
	value, found := optionUint(m.Options, message.Observe)
	return e.observing && found && value == 1
}

func (e *entry) cancel(now time.Time, m *Message, out *Batch) {
	e.token = append(e.token[:0], m.Token...)
	e.end(now, nil)
	e.repeat(now, m, out)
}

// end ends an observation, and says so.
func (e *entry) end(now time.Time, err error) {
	if !e.observing {
		return
	}
	e.release(now)
	e.conn.recovery.finish(&e.item)
	e.conn.emit(Event{Kind: EventCancelled, ID: e.key, Err: err})
}

// release makes an entry that observed an ordinary one, kept for repeats.
func (e *entry) release(now time.Time) {
	s := &e.conn.server
	if i := slices.Index(s.observed, e); i >= 0 {
		s.observed = slices.Delete(s.observed, i, i+1)
	}
	e.observing, e.ending, e.stale, e.waitsFrom = false, false, false, time.Time{}
	s.answered++
	s.use(now, e)
}

// conclude ends an observation behind its newest state. While one is on its way the entry keeps
// its place: what is sent from now on has no Observe option, and where an older state arrives
// the newest follows.
func (e *entry) conclude(now time.Time) {
	if e.item.listed {
		e.ending = true
		return
	}
	e.release(now)
}

// EndObservation ends an observation without a word to the peer, but for a state that has not
// arrived yet.
func (c *Conn) EndObservation(now time.Time, id uint64) {
	if e := c.server.entries[id]; e != nil && e.observing {
		e.conclude(now)
	}
}
