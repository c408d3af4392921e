package coap

import (
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

const (
	mostRestarts = 30
	mostRefusals = 8 // of pulls that should have been answered
)

// acknowledged takes an Empty ACK: of a pull, that it is parked; of a block, that the
// request is complete and its response will be a message of its own (RFC 7252 section
// 5.2.2). That is then in the hands of the peer's recovery. On the plain lane anybody can
// say so, and the last block stays needed.
func (x *exchange) acknowledged(now time.Time, it *item, _ uint64) {
	switch {
	case x.closed || !it.listed:
	case x.leaving:
		x.conn.remove(x)
	case it.kind == itemPing:
		x.pong()
	case it.kind == itemPull:
		if x.conn.trusted() {
			x.park(it)
		} else { // it stays needed, since anybody can say so
			it.parked = true
		}
	case x.conn.trusted() && x.unanswered:
		x.deliver(Message{})
	case x.conn.trusted():
		x.separate, x.cursor, x.again = true, x.count, nil
		x.finishAll(itemBlock)
	default:
		x.ack(now, it.number)
	}
}

func (x *exchange) pong() {
	x.conn.emit(Event{Kind: EventPong, ID: x.id})
	x.conn.remove(x)
}

// reset takes an RST: the answer to a ping, the end of a request. On the plain lane a request
// gets none from a server, and whoever guesses a message ID must not end it.
func (x *exchange) reset(_ time.Time, it *item) {
	switch {
	case x.closed || x.delivered:
	case it.kind == itemPing:
		x.pong()
	case x.leaving:
		x.conn.remove(x)
	case x.conn.trusted() && it.sequence >= x.restart:
		x.conn.fail(x, ErrReset)
	}
}

// answer takes a response: to the copy with this sequence number of it, or by itself if
// it is nil.
func (x *exchange) answer(now time.Time, m *Message, it *item, sequence uint64) {
	block1, has1, err1 := optionBlock(m.Options, message.Block1)
	block2, has2, err2 := optionBlock(m.Options, message.Block2)
	pull := it != nil && it.kind == itemPull
	switch {
	case x.closed || x.delivered || err1 != nil || err2 != nil || it != nil && sequence < x.restart:
	case x.leaving && (hasObserve(m) || block2.Number > 0): // from before the peer was told
	case x.leaving:
		x.conn.remove(x)
	case x.watching && !x.current(now, m, it, block2, has2):
	case m.Code == codes.Continue:
		x.proceed(now, m, it, block1, has1)
	case m.Code == codes.RequestEntityIncomplete:
		x.incomplete(now, m, it)
	case m.Code == codes.Unauthorized && x.challenged(m):
		x.startOver(now, x.szx)
	case m.Code == codes.ServiceUnavailable && has1 && block1.More && x.conn.config.Secure:
		x.holdBack(now, block1.Number)
	case m.Code == codes.RequestEntityTooLarge && has1 && !x.whole && block1.SZX < x.szx:
		x.startOver(now, block1.SZX)
	case m.Code>>5 == 2 && has1 && block1.More && block1.Number < x.count-1:
		x.ack(now, block1.Number)
	case has2:
		x.take(now, m, block2)
	case pull && it.number > 0 && x.watching: // what it belonged to has been replaced
		x.discard(now)
	case pull && it.number > 0:
		x.refused(now, it)
	default:
		x.deliver(keep(m, true))
	}
}

// proceed takes a 2.31: one block has arrived. It may ask for smaller ones (RFC 7959
// section 2.3) and bear a fresh Echo.
func (x *exchange) proceed(now time.Time, m *Message, it *item, b Block, has bool) {
	if !has {
		if it == nil || it.kind != itemBlock {
			return
		}
		b = Block{Number: it.number, SZX: x.szx}
	}
	if b.SZX < x.szx && !x.whole {
		x.startOver(now, b.SZX)
		return
	}
	if value, _ := option(m.Options, optionEcho); len(value) <= EchoSize { // for which there is room
		x.fresh = x.remember(m) || x.fresh
	}
	if b.Number < x.count {
		x.ack(now, b.Number)
	}
}

// remember takes a fresh Echo for the blocks still to be sent (RFC 9175 section 2.3).
func (x *exchange) remember(m *Message) bool {
	value, found := option(m.Options, optionEcho)
	if !found || x.conn.config.Secure {
		return false
	}
	x.echo = append([]byte(nil), value...)
	return true
}

func (x *exchange) challenged(m *Message) bool { return x.remember(m) && x.restarts < mostRestarts }

// ack notes that block n of the request has arrived. When all have and there is still no
// response, the last is needed once more.
func (x *exchange) ack(now time.Time, n uint32) {
	it := x.find(itemBlock, n)
	if x.headed { // it was to feed the peer
		if it != nil {
			x.finish(it)
		}
		return
	}
	if !x.acked.has(n) {
		x.acked.add(n)
		x.full = x.full && n != x.cursor-1
		x.forward(now)
	}
	if x.acked.size < x.count || x.separate {
		if it != nil {
			x.finish(it)
		}
		return
	}
	if it == nil || n != x.count-1 {
		if it != nil {
			x.finish(it)
		}
		if it = x.find(itemBlock, x.count-1); it == nil {
			it = x.newBlock(x.count - 1)
		}
	}
	x.conn.recovery.expect(now, it)
}

// incomplete takes a 4.08. With a list, the blocks in it are needed (RFC 9177 section
// 5). Without one the peer knows nothing of the transfer: a pull that overtook its
// request gets that too, but a block only where blocks have to come one by one.
func (x *exchange) incomplete(now time.Time, m *Message, it *item) {
	format, _ := optionUint(m.Options, message.ContentFormat)
	switch pull := it != nil && it.kind == itemPull; {
	case message.MediaType(format) == formatMissingBlocks && len(m.Payload) > 0 && !pull:
		x.missing(now, m.Payload, it)
	case pull && x.acked.size == 0 && !x.headed:
	case x.whole && !pull || x.restarts >= mostRestarts:
		x.deliver(keep(m, true))
	default:
		if !pull && (it == nil || it.number > 0) {
			x.stepwise = true
		}
		x.startOver(now, x.szx)
	}
}

// missing takes the list of a 4.08. The block it answers has arrived.
func (x *exchange) missing(now time.Time, list []byte, it *item) {
	if x.headed {
		return
	}
	for len(list) > 0 {
		n, rest, ok := parseMissing(list)
		if !ok || n >= uint64(x.count) {
			break
		}
		list = rest
		if number := uint32(n); x.acked.has(number) {
			x.acked.remove(number)
			x.again = append(x.again, number)
		}
	}
	if it != nil && it.kind == itemBlock {
		x.ack(now, it.number)
	}
	x.conn.kick(x)
}

// parseMissing reads a number of a CBOR sequence (RFC 8949 section 3, major type 0).
func parseMissing(b []byte) (n uint64, rest []byte, ok bool) {
	switch {
	case b[0] < 24:
		return uint64(b[0]), b[1:], true
	case b[0] < 24 || b[0] > 26:
		return 0, nil, false
	}
	size := 1 << (b[0] - 24)
	if len(b) < 1+size {
		return 0, nil, false
	}
	return uint64(parseUint(b[1 : 1+size])), b[1+size:], true
}

// startOver makes all of the request needed again, in blocks of this size. Inside records
// that is a new exchange to the peer, which has answered the old one.
func (x *exchange) startOver(now time.Time, szx uint8) {
	x.upset(now)
	x.begin(now, szx)
}

func (x *exchange) begin(now time.Time, szx uint8) {
	c := x.conn
	x.stop()
	x.progress = now
	x.restart, x.restarts = c.recovery.packets.next, x.restarts+1
	x.acked, x.cursor, x.again, x.separate, x.fresh, x.full = bits{}, 0, nil, false, false, false
	switch changed := szx != x.szx; {
	case c.trusted():
		delete(c.byToken, x.key)
		c.name(x)
	case changed: // another size is another transfer
		x.tag = x.conn.freshTag()
	}
	if szx != x.szx {
		x.cut(szx)
	}
	x.rewind()
	c.kick(x)
}

// deliver ends the exchange. On the plain lane it stays, for Refetch.
func (x *exchange) deliver(m Message) {
	c := x.conn
	x.changes = 0
	if x.observed(&m) {
		return
	}
	c.emit(Event{Kind: EventResponse, ID: x.id, Message: m})
	if c.trusted() {
		c.remove(x)
		return
	}
	x.left = x.copies()
	x.stop()
	x.delivered = true
}
