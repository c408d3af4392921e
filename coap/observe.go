package coap

import (
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

// Of Observe values (RFC 7641 section 3.4): 24 bits that count up and wrap, and the time
// after which any is newer.
const (
	observeHalf   = 1 << 23
	observeMask   = 1<<24 - 1
	observeStale  = 128 * time.Second
	notifyTimeout = 60 * time.Second // for the later blocks of a notification
)

// A watch is what an exchange that observes knows of it (RFC 7641), client side.
type watch struct {
	observe  bool // the request asks for it
	watching bool // the peer has agreed
	leaving  bool // it is being told to stop
	value    uint32
	valueAt  time.Time
}

// register notes what the options of a request say about its answers.
func (x *exchange) register(m *Message) {
	value, found := option(m.Options, message.Observe)
	x.observe = found && parseUint(value) == 0 && observable(m.Code)
	suppress, _ := optionUint(m.Options, message.NoResponse)
	x.unanswered = suppress != 0
}

// observable are the methods that Observe may go with (RFC 7641 section 2, RFC 8132 section
// 2.4).
func observable(code Code) bool { return code == GET || code == FETCH }

// observed takes a whole response where more are to follow, and tells whether that is so.
func (x *exchange) observed(m *Message) bool {
	value, found := optionUint(m.Options, message.Observe)
	if !x.observe || !found || m.Code>>5 != 2 {
		if !x.watching {
			return false
		}
		x.conn.emit(Event{Kind: EventNotification, ID: x.id, Message: *m})
		x.conn.remove(x)
		return true
	}
	kind := EventNotification
	if !x.watching {
		kind, x.value, x.valueAt = EventResponse, value&observeMask, x.conn.latest
	}
	x.conn.emit(Event{Kind: kind, ID: x.id, Message: *m})
	x.wait()
	return true
}

// wait makes the exchange ready for the next notification.
func (x *exchange) wait() {
	x.watching, x.deadline = true, time.Time{}
	x.stop()
	x.rewind()
	x.again, x.cursor, x.separate = nil, x.count, true
	x.pullEnd = 1
	x.conn.findExpiry()
}

// idle tells whether an observation has nothing under way.
func (x *exchange) idle() bool { return x.watching && !x.leaving && x.deadline.IsZero() }

// current tells whether a message to an observation is to be looked at: a notification that
// is newer than the last, which begins a download, or something that belongs to one.
func (x *exchange) current(now time.Time, m *Message, it *item, b Block, blockwise bool) bool {
	value, found := optionUint(m.Options, message.Observe)
	switch {
	case m.Code>>5 != 2 || !found && !blockwise: // the end, or an answer to a pull of an older state
		return it != nil || m.Type != message.Acknowledgement
	case !found: // a later block
		return !x.idle()
	case x.newer(now, value&observeMask):
	default: // block 0 may have to be asked for
		return !x.idle() && value&observeMask == x.value
	}
	x.restart = x.conn.recovery.packets.next // answers to older pulls are of an older state
	x.stop()
	x.rewind()
	x.pullEnd = 1
	x.value, x.valueAt = value&observeMask, now
	if blockwise && (b.More || b.Number > 0) {
		x.deadline = now.Add(notifyTimeout)
		x.conn.expiry = earlier(x.conn.expiry, x.deadline)
	}
	return true
}

// newer is RFC 7641 section 3.4.
func (x *exchange) newer(now time.Time, value uint32) bool {
	return value != x.value && (value-x.value)&observeMask < observeHalf || now.Sub(x.valueAt) > observeStale
}

// mayObserve tells whether the peer has, or may have begun, an observation for this exchange.
func (x *exchange) mayObserve() bool { return x.watching || x.observe && x.whole && x.key != 0 }

// leave tells the peer to stop: the request again, under its token, with an Observe of 1.
func (x *exchange) leave(now time.Time) {
	x.stop()
	x.leaving, x.deadline = true, now.Add(notifyTimeout)
	x.conn.expiry = earlier(x.conn.expiry, x.deadline)
	x.message.Options = slices.Clone(x.message.Options)
	for i, o := range x.message.Options {
		if o.ID == message.Observe {
			x.message.Options[i].Value = []byte{1}
		}
	}
	x.headed, x.again = false, []uint32{0}
	x.conn.kick(x)
}

func hasObserve(m *Message) bool {
	_, found := option(m.Options, message.Observe)
	return found
}

// sendOnce sends a request that nobody answers.
func (c *Conn) sendOnce(now time.Time, x *exchange, out *Batch) {
	c.name(x)
	m := c.blank()
	if !x.fill(&item{owner: x, kind: itemBlock}, m) {
		c.fail(x, ErrBody)
		return
	}
	m.Type, m.MessageID = message.NonConfirmable, -1
	c.transmit(now, m, out)
	c.emit(Event{Kind: EventResponse, ID: x.id})
	c.remove(x)
}
