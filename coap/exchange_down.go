package coap

import (
	"bytes"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

// A download is the response of an exchange, while its blocks come in any order.
type download struct {
	down   assembly
	in     *inflow // instead of down, where the application takes the body as it comes
	head   Message // code and options of block 0
	headed bool    // block 0 is here
	etag   []byte
	szx    uint8
	got    bits

	expected int     // bytes, 0 if unknown
	pulled   uint32  // the next block that was never pulled
	pullEnd  uint32  // one past the last block worth pulling
	twin     *item   // a pull of which more copies go out at once
	twins    int     // how many
	parked   []*item // pulls that the peer has and will answer
	refusals int
	changes  int // of what is held of the response
}

// mostChanges is how often a response may change while its blocks come. Without a bound a peer
// whose every block has another ETag is asked as fast as it answers. On the plain lane anybody
// can bring about a change.
const mostChanges = 16

// expect sets how many blocks to pull before the first has come.
func (x *exchange) expect(body int) {
	x.expected = min(body, x.conn.config.MaxBody)
	x.rewind()
}

// rewind makes all of the response needed.
func (x *exchange) rewind() {
	x.download.szx = x.szx
	x.down, x.head, x.headed, x.etag, x.got = newAssembly(x.conn.config.MaxBody), Message{}, false, nil, bits{}
	x.pulled, x.pullEnd = x.firstPull(), x.early()
	x.twin, x.parked = nil, nil
}

// early returns one past the last block to pull before the first has come: the peer
// parks so many pulls.
func (x *exchange) early() uint32 {
	return min(blocks(x.expected, x.download.szx), maxParked+1)
}

// blocks returns how many blocks a body has. Where an int has 32 bits, the sum may need more.
func blocks(size int, szx uint8) uint32 {
	return uint32((int64(size) + 16<<szx - 1) >> (4 + szx))
}

// nextPull returns the next pull to send. On the plain lane, where it is small beside
// what it brings, each is sent several times in the first turn.
func (x *exchange) nextPull() *item {
	if it := x.twin; it != nil {
		if x.twins--; x.twins == 0 {
			x.twin = nil
		}
		return it
	}
	for x.pulled < x.lastPull() {
		n := x.pulled
		x.pulled++
		if x.here(n) || x.find(itemPull, n) != nil {
			continue
		}
		it := &item{owner: x, kind: itemPull, number: n}
		x.items = append(x.items, it)
		if !x.conn.trusted() && !x.headed && !x.stepwise {
			x.twin, x.twins = it, x.pullCopies()-1
			if x.twins == 0 {
				x.twin = nil
			}
		}
		return it
	}
	return nil
}

// pullCopies returns how many copies of a pull go out in the first turn of the plain lane:
// three, or as many as a stranger may get. A pull is small beside what it brings, and a lost
// one costs a round trip: at 10 % loss a third copy lets one handshake in a hundred more end
// in one.
func (x *exchange) pullCopies() int {
	if x.pullEnd <= 1 {
		return 1
	}
	return max(1, min(3, (strangerRound-int(x.count))/int(x.pullEnd-1)))
}

// park notes that the peer keeps a pull until it has what is pulled.
func (x *exchange) park(it *item) {
	x.finish(it)
	if x.headed { // then there was no need to
		x.items = append(x.items, it)
		x.conn.recovery.resume(it.at, it)
		return
	}
	x.parked = append(x.parked, it)
}

// take takes one block of the response. The blocks of another ETag are another
// response: what is held of the old one is discarded (RFC 7959 section 2.4).
func (x *exchange) take(now time.Time, m *Message, b Block) {
	etag, _ := option(m.Options, message.ETag)
	switch {
	case x.changed(m):
		x.conn.fail(x, ErrTransfer)
		return
	case x.got.size == 0:
	case b.SZX > x.download.szx:
		x.decline(b)
		return
	case b.SZX < x.download.szx || !bytes.Equal(etag, x.etag):
		if x.changes++; x.changes > mostChanges && x.conn.trusted() {
			x.conn.fail(x, ErrTransfer)
			return
		}
		x.discard(now)
	}
	if x.got.size == 0 {
		x.etag = append([]byte(nil), etag...)
		x.resize(now, b.SZX)
	}
	if x.in != nil {
		x.pour(now, m, b)
		return
	}
	switch x.down.accept(b, m.Payload) {
	case blockTooLarge:
		x.conn.fail(x, ErrTooLarge)
		return
	case blockStored, blockDuplicate:
		x.hold(now, m, b)
	}
	if x.down.complete() {
		x.head.Payload = x.down.body()
		x.deliver(x.head)
	}
}

// decline drops a block that is larger than those which are here. Where the peer has sent it
// by itself, block 0 has to be asked for.
func (x *exchange) decline(b Block) {
	if b.Number == 0 && !x.headed && x.conn.trusted() && x.find(itemBlock, x.count-1) == nil {
		x.again = append(x.again[:0], x.count-1)
		x.conn.kick(x)
	}
}

// hold notes that a block is here, and what that makes unnecessary or possible.
func (x *exchange) hold(now time.Time, m *Message, b Block) {
	if !x.got.has(b.Number) {
		x.got.add(b.Number)
		x.forward(now)
	}
	x.extend(m, b)
	if it := x.find(itemPull, b.Number); it != nil {
		x.finish(it)
	}
	if b.Number > 0 {
		if !x.headed { // block 0 was sent before this one
			x.conn.recovery.suspect(now, x.conn.recovery.packets.next)
		}
	} else {
		x.finishAll(itemBlock)
	}
	if b.Number == 0 && !x.headed {
		x.head, x.headed, x.again, x.cursor = keep(m, false), true, nil, x.count
		for n := range x.count { // or there would be no answer
			x.acked.add(n)
		}
		x.unpark(now)
	}
	x.conn.kick(x)
}

// extend sets how far to pull: to the end where that is known, else one block further.
func (x *exchange) extend(m *Message, b Block) {
	switch size, known := optionUint(m.Options, message.Size2); {
	case !b.More:
		x.pullEnd = b.Number + 1
	case known && int64(size) <= int64(x.largest()):
		x.pullEnd = max(blocks(int(size), b.SZX), b.Number+2)
	default:
		x.pullEnd = max(x.pullEnd, blocks(x.expected, b.SZX), b.Number+2)
	}
	for i := len(x.items) - 1; i >= 0; i-- {
		if it := x.items[i]; it.kind == itemPull && it.number >= x.pullEnd {
			x.finish(it)
		}
	}
}

// unpark makes the parked pulls needed which are not answered at once with block 0.
func (x *exchange) unpark(now time.Time) {
	for _, it := range x.items {
		if it.parked && it.listed {
			it.parked = false
			x.conn.recovery.overdue(now, it)
		}
	}
	for _, it := range x.parked {
		if !x.here(it.number) && it.number < x.pullEnd && x.find(itemPull, it.number) == nil {
			x.items = append(x.items, it)
			x.conn.recovery.resume(now, it)
		}
	}
	x.parked = nil
}

// feed repeats a block of the request although the response has begun. To an address that
// is not proven the peer sends three times what it got and no more; where much was lost
// that may be used up, and small pulls would take long to earn it.
func (x *exchange) feed() {
	if x.headed && !x.delivered && !x.stepwise && len(x.again) == 0 && x.find(itemBlock, 0) == nil {
		x.again = append(x.again, 0)
		x.conn.kick(x)
	}
}

// resize follows a peer that sends smaller blocks than were asked for.
func (x *exchange) resize(now time.Time, szx uint8) {
	if szx == x.download.szx {
		return
	}
	x.upset(now)
	x.finishAll(itemPull)
	x.download.szx, x.twin, x.parked = szx, nil, nil
	x.pulled, x.pullEnd = x.firstPull(), x.early()
}

// discard drops what is held of the response and makes all of it needed: block 0 is
// pulled by repeating the blocks of the request that have not arrived, or the last.
func (x *exchange) discard(now time.Time) {
	x.upset(now)
	x.finishAll(itemPull)
	x.again = x.again[:0]
	for n := range x.cursor {
		if x.find(itemBlock, n) == nil && (!x.acked.has(n) || n == x.count-1 && x.acked.size == x.count) {
			x.again = append(x.again, n)
		}
	}
	x.rewind()
	x.conn.kick(x)
}

// refused takes an error in answer to a pull: what one past the end of a response gets
// that is shorter than expected. Where a block is known to exist, the pull stays needed,
// for a while.
func (x *exchange) refused(now time.Time, it *item) {
	if !it.listed {
		return
	}
	x.finish(it)
	switch n := it.number; {
	case x.here(n):
	case !x.here(n-1) || x.down.ended:
		x.pulled, x.pullEnd = min(x.pulled, n), min(x.pullEnd, n)
	case x.refusals == mostRefusals:
		x.conn.fail(x, ErrTransfer)
	default:
		x.refusals++
		x.items = append(x.items, it)
		x.conn.recovery.expect(now, it)
	}
}
