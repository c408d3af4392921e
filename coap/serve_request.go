package coap

import (
	"encoding/binary"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// receiveRequest takes a request of the peer, or a block or pull of one (protocol
// section 12). On the plain lane a device serves nothing.
func (c *Conn) receiveRequest(now time.Time, m *Message, badOption bool, out *Batch) {
	if !c.trusted() {
		c.reject(m, out)
		return
	}
	block1, has1, err1 := optionBlock(m.Options, message.Block1)
	block2, has2, err2 := optionBlock(m.Options, message.Block2)
	switch {
	case badOption || !c.understood(m.Options): // RFC 7252 section 5.4.1
		c.refuse(m, codes.BadOption, out)
		return
	case err1 != nil || err2 != nil:
		c.refuse(m, codes.BadRequest, out)
		return
	}
	pull := has2 && block2.Number > 0 && !has1 && (len(m.Payload) == 0 || c.config.Peer)
	e, known := c.find(m, pull, block1, has1)
	switch {
	case !known && c.config.Peer:
		c.refuse(m, codes.RequestEntityIncomplete, out)
	case !known:
		c.reject(m, out)
	case e == nil:
		c.refuse(m, codes.ServiceUnavailable, out)
	case pull:
		e.pull(now, m, block2, out)
	case e.cancels(m):
		e.cancel(now, m, out)
	default:
		e.block1, e.hasBlock1 = block1, has1
		switch {
		case e.state == entryReceiving && !has2:
			e.szx = maxSZX
		case e.state == entryReceiving:
			e.szx = block2.SZX
		case has2:
			e.narrow(block2.SZX)
		}
		e.receive(now, m, out)
	}
}

// reject answers a CON with RST and a NON not at all.
func (c *Conn) reject(m *Message, out *Batch) {
	if m.Type == message.Confirmable {
		c.empty(message.Reset, m.MessageID, out)
	}
}

// reply starts the response to a datagram, and c.transmit sends it: on the
// acknowledgement of a CON, as NON to a NON.
func (c *Conn) reply(m *Message, code codes.Code) *Message {
	r := c.blank()
	r.Code, r.Token, r.Type, r.MessageID = code, m.Token, message.Acknowledgement, m.MessageID
	if m.Type != message.Confirmable {
		r.Type, r.MessageID = message.NonConfirmable, -1
	}
	return r
}

func (c *Conn) transmit(now time.Time, r *Message, out *Batch) {
	if r.MessageID < 0 {
		_, id := c.recovery.packets.add(now, nil)
		r.MessageID = int32(id)
	}
	out.add(r)
}

// refuse answers a datagram for which there is no entry, and makes none.
func (c *Conn) refuse(m *Message, code codes.Code, out *Batch) {
	r := c.reply(m, code)
	if code == codes.ServiceUnavailable {
		c.addUint(message.MaxAge, 1)
	}
	c.transmit(time.Time{}, r, out)
}

// receive takes a block of a request, or all of it.
func (e *entry) receive(now time.Time, m *Message, out *Batch) {
	c := e.conn
	switch e.state {
	case entryHandling:
		e.withdraw(m)
		if e.in != nil && e.hasBlock1 {
			e.pour(now, m, out)
		} else {
			e.wait(now, m, out)
		}
		return
	case entryAnswered:
		e.repeat(now, m, out)
		return
	}
	if !e.begun && e.hasBlock1 {
		if max := c.streams(m, e.block1); max > 0 {
			e.stream(now, m, max, out)
			return
		}
	}
	size, _ := optionUint(m.Options, message.Size1)
	if int64(size) > int64(c.config.MaxBody) || !e.hasBlock1 && len(m.Payload) > c.config.MaxBody {
		e.tooLarge(now, m, c.config.MaxBody, out)
		return
	}
	if !e.hasBlock1 {
		if !e.begun {
			e.handle(now, m, e.keep(m, true), out)
		}
		return
	}
	e.assemble(now, m, out)
}

// assemble takes one block of several.
func (e *entry) assemble(now time.Time, m *Message, out *Batch) {
	c := e.conn
	if !e.begun {
		e.request, e.begun, e.body = e.keep(m, false), true, newAssembly(c.config.MaxBody)
	}
	if e.body.begun && e.block1.SZX < e.body.szx { // what is larger does not get through
		e.body = newAssembly(c.config.MaxBody)
	}
	switch e.body.accept(e.block1, m.Payload) {
	case blockInvalid:
		c.transmit(now, c.reply(m, codes.BadRequest), out)
		return
	case blockTooLarge:
		e.tooLarge(now, m, c.config.MaxBody, out)
		return
	case blockConflict: // RFC 7959 section 2.5 leaves it to us: the first wins
		return
	}
	if e.body.complete() {
		e.request.Payload = e.body.body()
		request := e.request
		e.request, e.body = Message{}, assembly{}
		e.handle(now, m, request, out)
		return
	}
	c.server.hold(e, e.body.size())
	c.server.use(now, e)
	if e.body.lastWithGaps() && !e.block1.More {
		e.gaps(now, m, e.body.missing(), out)
		return
	}
	e.proceed(now, m, out)
}

// gaps answers the last block while others are missing (RFC 9177 section 5).
func (e *entry) gaps(now time.Time, m *Message, missing []uint32, out *Batch) {
	c := e.conn
	r := c.reply(m, codes.RequestEntityIncomplete)
	c.addUint(message.ContentFormat, uint32(formatMissingBlocks))
	c.addBlock(message.Block1, e.block1)
	for _, n := range missing {
		r.Payload = appendMissing(r.Payload, n)
	}
	c.transmit(now, r, out)
}

// appendMissing appends a number of a CBOR sequence in the fewest bytes (RFC 8949
// section 4.2.1).
func appendMissing(b []byte, n uint32) []byte {
	switch {
	case n < 24:
		return append(b, byte(n))
	case n < 1<<8:
		return append(b, 24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 25), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, 26), n)
}

// tooLarge ends a request whose body is beyond the cap (RFC 7959 section 2.9.3).
func (e *entry) tooLarge(now time.Time, m *Message, max int, out *Batch) {
	limit := appendUint(nil, uint32(max))
	e.dismiss(now, m, codes.RequestEntityTooLarge, message.Option{ID: message.Size1, Value: limit}, out)
}

// dismiss answers a request that the application does not get, or not all of.
func (e *entry) dismiss(now time.Time, m *Message, code codes.Code, option message.Option, out *Batch) {
	e.request, e.body, e.in = Message{}, assembly{}, nil
	e.state, e.silent, e.ackID = entryHandling, m.Type != message.Confirmable, m.MessageID
	e.respond(now, Message{Code: code, Options: message.Options{option}}, out)
}

// handle gives a whole request to the application.
func (e *entry) handle(now time.Time, m *Message, request Message, out *Batch) {
	s := &e.conn.server
	s.unlink(e)
	s.hold(e, 0)
	e.state, e.begun, e.silent = entryHandling, true, m.Type != message.Confirmable
	e.asks(&request)
	e.wait(now, m, out)
	e.conn.emit(Event{Kind: EventRequest, ID: e.key, Message: request})
}

// wait notes which copy the response is to acknowledge. When it has taken too long
// already, the copy is acknowledged at once.
func (e *entry) wait(now time.Time, m *Message, out *Batch) {
	s := &e.conn.server
	switch {
	case m.Type != message.Confirmable:
	case e.separate:
		e.conn.empty(message.Acknowledgement, m.MessageID, out)
	default:
		e.silent, e.ackID = false, m.MessageID
		if !e.ackDue {
			e.ackDue, e.ackAt = true, now.Add(e.conn.ackDelay())
			s.delayed = append(s.delayed, e)
		}
	}
}

// pull takes the request for a later block of the response. Before there is one it is
// parked; it may well have overtaken the request itself.
func (e *entry) pull(now time.Time, m *Message, b Block, out *Batch) {
	c := e.conn
	if e.state == entryAnswered {
		c.server.use(now, e)
		e.answerPull(now, m.Token, m.Type, m.MessageID, b, out)
		return
	}
	if e.state == entryReceiving {
		c.server.use(now, e)
	}
	if c.config.Peer || !e.park(b) { // a peer knows nothing of parking
		return
	}
	if m.Type == message.Confirmable {
		c.empty(message.Acknowledgement, m.MessageID, out)
	}
}

// park keeps a pull, each block once, and tells whether there is a place for it.
func (e *entry) park(b Block) bool {
	for _, known := range e.parked {
		if known.Number == b.Number {
			return true
		}
	}
	if len(e.parked) == maxParked {
		return false
	}
	e.parked = append(e.parked, b)
	return true
}
