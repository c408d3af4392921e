package coap

import (
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

// receiveEmpty takes a ping, or an ACK or RST without content, which belong to a message
// by its ID alone (RFC 7252 section 4.2).
func (c *Conn) receiveEmpty(now time.Time, m *Message, size int, out *Batch) {
	if m.Type == message.Confirmable {
		c.empty(message.Reset, m.MessageID, out)
		return
	}
	if !c.believable(m) {
		return
	}
	it, sequence := c.recovery.answered(now, uint16(m.MessageID))
	if it != nil {
		c.size.arrived(it, sequence, size)
	}
	switch {
	case it == nil || it.owner == nil:
	case m.Type == message.Reset:
		it.owner.reset(now, it)
	default:
		it.owner.acknowledged(now, it, sequence)
	}
}

// believable tells whether an ACK or RST may count. On the plain lane who guesses a message ID
// can send one, and there it has no business but with a pull or a ping.
func (c *Conn) believable(m *Message) bool {
	if c.trusted() {
		return true
	}
	k := c.recovery.packets.find(uint16(m.MessageID))
	return k != nil && (m.Type == message.Reset && k.item.kind == itemPing ||
		m.Type == message.Acknowledgement && k.item.kind == itemPull)
}

// receiveResponse finds the exchange of a response. One that belongs to none is rejected
// or ignored (RFC 7252 section 5.3.2).
func (c *Conn) receiveResponse(now time.Time, m *Message, size int, out *Batch) {
	x := c.exchange(m.Token)
	if x == nil {
		if c.trusted() { // on the plain lane it is a stranger's
			c.stray(m, out)
		}
		return
	}
	if m.Type == message.Acknowledgement {
		it, sequence := c.recovery.answered(now, uint16(m.MessageID))
		if it != nil && it.owner == owner(x) {
			c.size.arrived(it, sequence, size)
			x.answer(now, m, it, sequence)
			return
		}
	}
	if !c.standsAlone(m) {
		return // what it answers cannot be told, and there are other copies
	}
	if m.Type == message.Confirmable {
		c.empty(message.Acknowledgement, m.MessageID, out)
	}
	if m.Type != message.Acknowledgement {
		c.recovery.listen(now)
	}
	c.size.down[sizeClass(size)] = c.recovery.packets.next
	x.answer(now, m, nil, 0)
}

// stray rejects a response that nobody waits for. A NON is only where it is a notification,
// so that the peer stops (RFC 7641 section 3.6).
func (c *Conn) stray(m *Message, out *Batch) {
	_, notification := option(m.Options, message.Observe)
	if m.Type == message.Confirmable || m.Type == message.NonConfirmable && notification {
		c.empty(message.Reset, m.MessageID, out)
	}
}

// standsAlone tells whether a response counts that cannot be told to answer a copy of ours. On
// the plain lane that is a block of the response only: an error would have us start over.
func (c *Conn) standsAlone(m *Message) bool {
	if c.trusted() {
		return m.Type != message.Acknowledgement
	}
	_, found := option(m.Options, message.Block2)
	return found && m.Code>>5 == 2
}

// empty sends an Empty ACK or RST.
func (c *Conn) empty(t message.Type, id int32, out *Batch) {
	out.add(&Message{Type: t, MessageID: id})
}
