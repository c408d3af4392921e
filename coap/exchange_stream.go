package coap

import (
	"bytes"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

// streamReach is how far behind the first block that the peer lacks others are sent: as far as
// a peer has room that takes a body as it comes.
const streamReach = inflowRoom >> (4 + maxSZX)

// stream sets up what of a request is not held whole.
func (x *exchange) stream(o RequestOptions) error {
	if o.Body != nil || o.Stream {
		x.grace = o.Timeout
		if x.grace == 0 {
			x.grace = defaultTimeout
		}
	}
	if o.Stream {
		if x.observe || !x.conn.trusted() {
			return ErrFormat
		}
		x.in = newInflow((maxBlockNumber + 1) << (4 + maxSZX))
	}
	x.expect(o.ExpectBody)
	return nil
}

// reach returns one past the last block that may be sent.
func (x *exchange) reach() uint32 {
	if x.full {
		return x.cursor
	}
	return min(x.count, x.acked.leading()+streamReach)
}

// forward notes that something of a transfer has come forward.
func (x *exchange) forward(now time.Time) {
	x.progress = now
	if x.grace > 0 {
		x.deadline = now.Add(x.grace)
	}
}

// holdBack takes the answer that there is no room for block n now: it is asked for alone, each
// time after a time-out, until there is.
func (x *exchange) holdBack(now time.Time, n uint32) {
	if x.headed || n >= x.cursor || x.acked.has(n) {
		return
	}
	for i := len(x.items) - 1; i >= 0; i-- {
		if it := x.items[i]; it.kind == itemBlock && it.number > n {
			x.finish(it)
		}
	}
	x.cursor, x.again, x.full = n+1, nil, true
	it := x.find(itemBlock, n)
	if it == nil {
		it = x.newBlock(n)
	}
	x.conn.recovery.expect(now, it)
}

// pour takes a block of a response that the application takes as it comes.
func (x *exchange) pour(now time.Time, m *Message, b Block) {
	switch x.in.accept(now, b, m.Payload) {
	case blockTooLarge:
		x.conn.fail(x, ErrTooLarge)
		return
	case blockStored, blockDuplicate:
		x.hold(now, m, b)
	}
	x.tell()
}

// tell gives the application what it can have: the head of the response before its body.
func (x *exchange) tell() {
	if !x.headed && !x.in.told {
		return
	}
	c := x.conn
	if !x.in.told {
		x.in.told, x.in.etag = true, x.etag
		c.emit(Event{Kind: EventResponse, ID: x.id, Message: x.head, More: true})
	}
	chunk, done := x.in.pop(), x.in.complete()
	if len(chunk) > 0 || done {
		c.emit(Event{Kind: EventBody, ID: x.id, Message: Message{Payload: chunk}, More: !done})
	}
	if done {
		c.remove(x)
	}
}

// changed tells whether a block belongs to another response than the one whose beginning the
// application has.
func (x *exchange) changed(m *Message) bool {
	etag, _ := option(m.Options, message.ETag)
	return x.in != nil && x.in.told && !bytes.Equal(etag, x.in.etag)
}

// here tells whether block n of the response is.
func (x *exchange) here(n uint32) bool {
	return x.got.has(n) || x.in != nil && int(n) < x.in.next>>(4+x.download.szx)
}

// firstPull returns the first block worth pulling: block 0 comes with the response.
func (x *exchange) firstPull() uint32 {
	if x.in == nil {
		return 1
	}
	return max(1, uint32(x.in.next>>(4+x.download.szx)))
}

// lastPull returns one past the last block that there is room for.
func (x *exchange) lastPull() uint32 {
	if x.in == nil {
		return x.pullEnd
	}
	return min(x.pullEnd, uint32((x.in.taken+inflowRoom)>>(4+x.download.szx)))
}

// largest returns how many bytes a response may have.
func (x *exchange) largest() int {
	if x.in != nil {
		return x.in.max
	}
	return x.conn.config.MaxBody
}

// Consumed notes that the application has taken n bytes of the response to a request, which it
// gets by EventBody: as many more are asked for.
func (c *Conn) Consumed(now time.Time, id uint64, n int, out *Batch) {
	if x := c.byID[id]; x != nil && x.in != nil {
		x.in.take(now, n)
		x.forward(now)
		c.kick(x)
		c.pump(now, out)
	}
}
