package coap

import (
	"encoding/binary"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
)

// Respond answers the request of an EventRequest: m holds code, options and the whole
// body, which the Conn keeps for repeats and pulls. It is called once a request, in its
// own time: a request that waits is acknowledged meanwhile.
func (c *Conn) Respond(now time.Time, id uint64, m Message, out *Batch) error {
	return c.RespondBody(now, id, m, nil, out)
}

// RespondBody is Respond with a body that is not held whole, instead of the payload of m. It
// is read until the peer has had time to ask for all of it again. If it is an io.Closer it is
// closed then, or at Release; where RespondBody fails it is the caller's.
func (c *Conn) RespondBody(now time.Time, id uint64, m Message, body Body, out *Batch) error {
	given, err := newSource(m.Payload, body)
	e := c.server.entries[id]
	switch {
	case err != nil:
	case e == nil || e.state != entryHandling:
		err = ErrUnknownRequest
	default:
		err = c.checkResponse(&m)
	}
	if err != nil {
		return err
	}
	c.renew(now)
	e.given = given
	e.respond(now, m, out)
	c.pump(now, out)
	return nil
}

func (c *Conn) checkResponse(m *Message) error {
	head := Message{Code: m.Code, Options: m.Options, Type: message.Confirmable}
	if !isResponse(m.Code) || !wellFormed(&head) {
		return ErrFormat
	}
	for _, o := range m.Options {
		if transferOption(o.ID) {
			return ErrFormat
		}
	}
	return nil
}

func (e *entry) respond(now time.Time, m Message, out *Batch) {
	c := e.conn
	e.state, e.response = entryAnswered, m
	if e.in != nil && !e.in.complete() { // an answer before the end belongs to no block
		e.separate = true
	}
	c.server.leave(e)
	e.in = nil
	agreed := e.agreed()
	e.divide()
	c.server.answered++
	if agreed {
		e.open(now)
	}
	c.server.hold(e, len(m.Payload))
	c.server.settle(e)
	switch {
	case e.silent:
		e.answer(now, message.NonConfirmable, -1, out)
	case e.separate && e.suppressed():
	case e.separate:
		e.confirmed(now, out)
	default:
		e.answer(now, message.Acknowledgement, e.ackID, out)
	}
	e.answerParked(now, out)
	c.server.use(now, e)
}

// divide decides whether the response needs blocks, and of which size: the peer may have
// asked for smaller ones (RFC 7959 section 2.4).
func (e *entry) divide() {
	c := e.conn
	room := e.conn.size.limit
	head := Message{Code: e.response.Code, Options: e.response.Options, Type: message.Confirmable}
	size, err := coder.DefaultCoder.Size(head)
	if err != nil {
		size = 0 // it has been checked
	}
	size += c.tokenRoom(e) + blockRoom + observeRoom
	asked := 16 << min(e.szx, maxSZX)
	e.blockwise = false
	if size+e.given.size <= room && (e.szx == maxSZX || e.given.size <= asked) {
		return
	}
	largest, ok := blockSize(room - size - etagRoom - size2Room)
	if !ok {
		e.spoil()
		return
	}
	e.blockwise, e.szx = true, min(largest, e.szx)
	etag, found := option(e.response.Options, message.ETag)
	switch {
	case found:
	case e.given.body == nil:
		etag = entityTag(e.given.payload)
	case e.content.etag == nil:
		etag = binary.BigEndian.AppendUint32(nil, uint32(c.random(etagSize)))
	default:
		etag = e.content.etag
	}
	e.content = representation{e.given, etag}
}

// spoil makes the response an error: it cannot be sent, or its body not be read.
func (e *entry) spoil() {
	e.given.close()
	e.response, e.content, e.blockwise = Message{Code: codes.InternalServerError}, representation{}, false
}

// fill writes the response itself, without type and message ID: the whole of it or its
// first block.
func (e *entry) fill(it *item, m *Message) bool {
	c := e.conn
	m.Code, m.Token = e.response.Code, c.entryToken(e)
	m.Options = append(m.Options, e.response.Options...)
	if e.observing && !e.ending {
		c.addUint(message.Observe, e.value)
	}
	ok := true
	if e.blockwise {
		ok = e.fillBlock(Block{SZX: e.szx}, m)
		c.addUint(message.Size2, uint32(e.content.size))
	} else {
		m.Payload, ok = e.given.slice(0, e.given.size)
	}
	if !ok {
		e.spoil()
		*m = Message{Options: m.Options[:0]}
		return e.fill(it, m)
	}
	if e.hasBlock1 {
		c.addBlock(message.Block1, Block{Number: e.block1.Number, SZX: e.block1.SZX})
	}
	return true
}

// fillBlock adds block b of the response to m, and tells whether there is one.
func (e *entry) fillBlock(b Block, m *Message) bool {
	payload, more, ok := e.content.block(b.Number, b.SZX)
	m.Payload, b.More = payload, more
	e.conn.addBlock(message.Block2, b)
	if _, found := option(m.Options, message.ETag); !found {
		e.conn.addOption(message.ETag, e.content.etag)
	}
	return ok
}

// answer sends the response: on the acknowledgement of a copy, or as NON.
func (e *entry) answer(now time.Time, t message.Type, id int32, out *Batch) {
	if e.suppressed() {
		if t == message.Acknowledgement {
			e.conn.empty(t, id, out)
		}
		return
	}
	m := e.conn.blank()
	e.fill(nil, m)
	m.Type, m.MessageID = t, id
	e.conn.transmit(now, m, out)
}

// repeat answers a copy of a request that was answered before.
func (e *entry) repeat(now time.Time, m *Message, out *Batch) {
	e.conn.server.use(now, e)
	if m.Type == message.Confirmable {
		e.answer(now, message.Acknowledgement, m.MessageID, out)
	} else {
		e.answer(now, message.NonConfirmable, -1, out)
	}
}

// answerParked answers the pulls that came before the response.
func (e *entry) answerParked(now time.Time, out *Batch) {
	for _, b := range e.parked {
		if e.blockwise { // otherwise nobody needs them any more
			e.answerPull(now, e.token, message.NonConfirmable, -1, b, out)
		}
	}
	e.parked = nil
}

// answerPull sends block b of the response. The options of the first block need not be
// repeated, since one token names one response; a peer of another kind gets them.
func (e *entry) answerPull(now time.Time, token message.Token, t message.Type, id int32, b Block, out *Batch) {
	c := e.conn
	m := c.blank()
	m.Type, m.MessageID, m.Token = t, id, token
	if c.config.Secure {
		m.Token = c.numberToken(e.key)
	} else {
		m.Options = append(m.Options, e.response.Options...)
	}
	if t == message.Confirmable {
		m.Type = message.Acknowledgement
	} else {
		m.MessageID = -1
	}
	b = e.translate(b)
	if m.Code = e.response.Code; !e.blockwise || !e.fillBlock(b, m) {
		if t == message.NonConfirmable && id < 0 {
			return // a parked pull past the end
		}
		m.Code, m.Options, m.Payload = codes.BadRequest, m.Options[:0], nil
	}
	c.transmit(now, m, out)
}

// translate turns the number of a larger block into one of ours; a smaller one is served.
func (e *entry) translate(b Block) Block {
	if b.SZX <= e.szx {
		return Block{Number: b.Number, SZX: b.SZX}
	}
	return Block{Number: uint32(b.Offset() >> (4 + e.szx)), SZX: e.szx}
}

// narrow takes the wish of a peer that repeats a request: larger blocks do not reach it.
func (e *entry) narrow(szx uint8) {
	if szx >= e.szx {
		return
	}
	e.szx = szx
	if e.state == entryAnswered {
		e.divide()
	}
}

// confirmed sends the response, or what it is by now, as a message of its own.
func (e *entry) confirmed(now time.Time, out *Batch) {
	e.item = item{owner: e, kind: itemResponse}
	e.conn.send(now, &e.item, out)
}

// acknowledged takes the ACK for a separate response or a notification.
func (e *entry) acknowledged(now time.Time, it *item, sequence uint64) {
	if sequence < e.changed && !e.stale { // late, for a state that the one on its way has replaced
		e.quiet, e.heardAt = 0, now
		return
	}
	e.conn.recovery.finish(it)
	e.notified(now, sequence)
}

// reset takes the RST of a peer that has the response already, or does not want it.
func (e *entry) reset(now time.Time, it *item) {
	e.conn.recovery.finish(it)
	e.end(now, nil)
}
