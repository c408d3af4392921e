package coap

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

// Deadline returns when Advance has to be called, zero if there is nothing to wait for.
func (c *Conn) Deadline() time.Time {
	at := earlier(c.recovery.deadline(), c.server.deadline())
	if len(c.byID) > 0 {
		at = earlier(at, c.expiry)
	}
	if len(c.ready) > 0 || len(c.queue) > 0 && c.place() {
		at = earlier(at, c.opening())
	}
	return at
}

// opening returns when what has never been sent can be, zero if that takes an event. It is
// now where Cancel has just made room.
func (c *Conn) opening() time.Time {
	if c.recovery.room(c.latest) {
		return c.latest
	}
	return c.recovery.relief()
}

// Advance does what is due: repeats, acknowledgements held back, the ends of exchanges.
func (c *Conn) Advance(now time.Time, out *Batch) {
	if len(c.byID) > 0 && !now.Before(c.expiry) {
		c.expire(now)
	}
	c.serveDue(now, out)
	due := c.recovery.due(now)
	c.weigh(now)
	for _, it := range due {
		if it.listed || it.kind == itemPing { // and not given up for smaller blocks
			c.send(now, it, out)
		}
	}
	if !c.trusted() {
		c.prod(now)
	}
	c.pump(now, out)
}

// prod does on the plain lane what helps where repeats do not.
func (c *Conn) prod(now time.Time) {
	for _, x := range c.open {
		if c.recovery.silent >= feedAfter {
			x.feed()
		}
		x.unstick(now)
	}
}

// expire ends the exchanges whose time has passed.
func (c *Conn) expire(now time.Time) {
	for _, x := range append(slices.Clone(c.open), c.queue...) {
		if x.deadline.IsZero() || now.Before(x.deadline) {
			continue
		}
		if x.in != nil && x.in.told && !x.in.waits() { // it is the application's turn
			x.deadline = now.Add(x.grace)
			continue
		}
		if !x.delivered && !x.leaving {
			c.emit(Event{Kind: EventFailed, ID: x.id, Err: ErrTimeout})
			if x.mayObserve() { // nobody will look at what the peer sends
				x.leave(now)
				continue
			}
		}
		c.remove(x)
	}
	c.findExpiry()
}

func (c *Conn) findExpiry() {
	c.expiry = time.Time{}
	for _, list := range [...][]*exchange{c.open, c.queue} {
		for _, x := range list {
			c.expiry = earlier(c.expiry, x.deadline) // none: an observation
		}
	}
}

// fail ends an exchange.
func (c *Conn) fail(x *exchange, err error) {
	c.emit(Event{Kind: EventFailed, ID: x.id, Err: err})
	c.remove(x)
}

// remove forgets an exchange. A packet may refer to it for a while, not to its bodies.
func (c *Conn) remove(x *exchange) {
	x.stop()
	delete(c.byID, x.id)
	if c.byToken[x.key] == x {
		delete(c.byToken, x.key)
	}
	c.open, c.queue, c.ready = without(c.open, x), without(c.queue, x), without(c.ready, x)
	x.message, x.body, x.down, x.closed = Message{}, source{}, assembly{}, true
	if len(c.queue) == 0 && !x.deadline.IsZero() && !x.deadline.After(c.expiry) {
		c.findExpiry() // with a long queue expire does that, some time too early
	}
}

func without(list []*exchange, x *exchange) []*exchange {
	if i := slices.Index(list, x); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// pump starts exchanges while there is a place, and sends what was never sent while the
// window has room, exchanges taking turns.
func (c *Conn) pump(now time.Time, out *Batch) {
	c.latest = now
	c.rest()
	for len(c.queue) > 0 && c.place() {
		x := c.queue[0]
		c.queue = slices.Delete(c.queue, 0, 1)
		c.start(x)
	}
	for len(c.ready) > 0 && c.recovery.room(now) {
		x := c.ready[0]
		it := x.next()
		if it == nil {
			x.waiting = false
			c.ready = slices.Delete(c.ready, 0, 1)
			continue
		}
		c.send(now, it, out)
		copy(c.ready, c.ready[1:])
		c.ready[len(c.ready)-1] = x
	}
	c.compare(now, out)
	if c.broken {
		c.giveUp()
	}
}

// giveUp ends exchanges whose body cannot be read.
func (c *Conn) giveUp() {
	c.broken = false
	for i := len(c.open) - 1; i >= 0; i-- {
		if x := c.open[i]; x.broken {
			c.fail(x, ErrBody)
		}
	}
}

// place tells whether one exchange more may be open. One whose request has not been
// acknowledged must not fall behind the peer's window of tokens.
func (c *Conn) place() bool {
	active := 0
	for _, x := range c.open {
		if x.ping || x.delivered || x.watching {
			continue
		}
		active++
		if c.config.Secure && !x.separate && c.token-x.key >= tokenSpread {
			return false
		}
	}
	return active < nstart
}

func (c *Conn) start(x *exchange) {
	c.open = append(c.open, x)
	x.progress = c.latest
	if !x.ping {
		c.name(x)
	}
	c.kick(x)
}

// name gives an exchange a token that was never used.
func (c *Conn) name(x *exchange) {
	switch {
	case c.config.Secure:
		c.token++
		x.key = c.token
	case c.config.Peer:
		for x.key = 0; x.key == 0 || c.byToken[x.key] != nil; {
			x.key = c.random(peerToken)
		}
	default:
		for x.key = c.random(tagSize); c.byToken[x.key] != nil; {
			x.key = c.random(tagSize)
		}
		x.tag = c.freshTag()
	}
	c.byToken[x.key] = x
}

// freshTag returns a random Request-Tag (RFC 9175 section 3).
func (c *Conn) freshTag() []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(c.random(tagSize)))[1:]
}

// exchange returns the exchange with a token, nil if there is none.
func (c *Conn) exchange(token message.Token) *exchange {
	if c.trusted() {
		return c.byToken[tokenNumber(token)]
	}
	if len(token) != tagSize+1 {
		return nil
	}
	return c.byToken[uint64(binary.BigEndian.Uint32(token)>>8)]
}

// tokenNumber reads a token as a number; 0 is none of ours.
func tokenNumber(token message.Token) (n uint64) {
	if len(token) > 0 && token[0] == 0 {
		return 0
	}
	for _, b := range token {
		n = n<<8 | uint64(b)
	}
	return n
}

// kick has pump ask x for what to send.
func (c *Conn) kick(x *exchange) {
	if !x.waiting && !x.closed {
		x.waiting = true
		c.ready = append(c.ready, x)
	}
}

// send sends a copy of it.
func (c *Conn) send(now time.Time, it *item, out *Batch) {
	id := c.recovery.record(now, it)
	m := c.blank()
	if !it.owner.fill(it, m) {
		return // its exchange ends when pump has its turn
	}
	m.Type, m.MessageID = message.Confirmable, int32(id)
	it.size, _ = out.add(m)
	it.trial.copies++
}

// blank returns the scratch message, empty.
func (c *Conn) blank() *Message {
	c.scratch = Message{Options: c.scratch.Options[:0]}
	c.values = c.values[:0]
	return &c.scratch
}

// addBlock adds a Block option to the scratch message.
func (c *Conn) addBlock(id message.OptionID, b Block) { c.addUint(id, b.Value()) }

func (c *Conn) addUint(id message.OptionID, v uint32) {
	n := len(c.values)
	c.values = appendUint(c.values, v)
	c.addOption(id, c.values[n:])
}

// addOption adds an option to the scratch message where it belongs in the order.
func (c *Conn) addOption(id message.OptionID, value []byte) {
	options := c.scratch.Options
	i := len(options)
	for i > 0 && options[i-1].ID > id {
		i--
	}
	c.scratch.Options = slices.Insert(options, i, message.Option{ID: id, Value: value})
}
