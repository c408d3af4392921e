package coap

import (
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// maxStreaming is how many requests of one peer may have a body that comes as it is taken.
const maxStreaming = 4

// streams tells how many bytes of a request's body the application takes as they come, 0
// where it wants the body whole.
func (c *Conn) streams(m *Message, b Block) int {
	if c.config.Stream == nil || !c.config.Secure || !b.More && b.Number == 0 {
		return 0
	}
	return c.config.Stream(m)
}

// stream gives a request to the application of which only a block is here.
func (e *entry) stream(now time.Time, m *Message, max int, out *Batch) {
	s := &e.conn.server
	s.unlink(e)
	if size, _ := optionUint(m.Options, message.Size1); int64(size) > int64(max) {
		e.tooLarge(now, m, max, out)
		return
	}
	if len(s.streaming) == maxStreaming {
		e.dismiss(now, m, codes.ServiceUnavailable, message.Option{ID: message.MaxAge, Value: []byte{1}}, out)
		return
	}
	e.state, e.begun, e.in = entryHandling, true, newInflow(max)
	e.in.at = now
	request := e.keep(m, false)
	e.asks(&request)
	s.streaming = append(s.streaming, e)
	e.conn.emit(Event{Kind: EventRequest, ID: e.key, Message: request, More: true})
	e.pour(now, m, out)
}

// pour takes a block of a body that the application takes as it comes.
func (e *entry) pour(now time.Time, m *Message, out *Batch) {
	c := e.conn
	switch e.in.accept(now, e.block1, m.Payload) {
	case blockInvalid:
		c.transmit(now, c.reply(m, codes.BadRequest), out)
		return
	case blockConflict:
		return
	case blockTooLarge:
		e.dry(ErrTooLarge)
		e.tooLarge(now, m, e.in.max, out)
		return
	case blockFull: // that it is not the last answer says More
		r := c.reply(m, codes.ServiceUnavailable)
		c.addBlock(message.Block1, Block{Number: e.block1.Number, More: true, SZX: e.block1.SZX})
		c.transmit(now, r, out)
		return
	}
	chunk, done := e.in.pop(), e.in.complete()
	switch {
	case done && slices.Contains(c.server.streaming, e):
		c.server.leave(e)
		c.emit(Event{Kind: EventRequestBody, ID: e.key, Message: Message{Payload: chunk}})
	case len(chunk) > 0:
		c.emit(Event{Kind: EventRequestBody, ID: e.key, Message: Message{Payload: chunk}, More: true})
	}
	switch {
	case done:
		e.wait(now, m, out)
	case !e.block1.More:
		e.gaps(now, m, e.in.missing(), out)
	default:
		e.proceed(now, m, out)
	}
}

// proceed answers a block that is not the last.
func (e *entry) proceed(now time.Time, m *Message, out *Batch) {
	r := e.conn.reply(m, codes.Continue)
	e.conn.addBlock(message.Block1, e.block1)
	e.conn.transmit(now, r, out)
}

// dry tells the application that no more comes.
func (e *entry) dry(err error) {
	e.conn.server.leave(e)
	e.conn.emit(Event{Kind: EventRequestBody, ID: e.key, Err: err})
}

// leave takes e out of those whose body is still coming.
func (s *serving) leave(e *entry) {
	if i := slices.Index(s.streaming, e); i >= 0 {
		s.streaming = slices.Delete(s.streaming, i, i+1)
	}
}

// driesAt returns when a body counts as given up by the peer, zero where it is not the peer's
// turn.
func (e *entry) driesAt() time.Time {
	if !e.in.waits() {
		return time.Time{}
	}
	return e.in.at.Add(inflowTime)
}

func (c *Conn) driesDue(now time.Time) {
	for _, e := range slices.Clone(c.server.streaming) {
		if at := e.driesAt(); !at.IsZero() && !now.Before(at) {
			e.dry(ErrTimeout)
		}
	}
}

// ConsumedRequest notes that the application has taken n bytes of a request's body, which it
// gets by EventRequestBody.
func (c *Conn) ConsumedRequest(now time.Time, id uint64, n int) {
	if e := c.server.entries[id]; e != nil && e.in != nil {
		e.in.take(now, n)
	}
}

// Release closes what is held of bodies. A Conn is not to be used after it.
func (c *Conn) Release() {
	for _, e := range c.server.entries {
		e.given.close()
	}
}
