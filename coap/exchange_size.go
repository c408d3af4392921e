package coap

import "time"

const fewLeft = 4 // blocks

// fit returns the size of the blocks for what the path carries: the largest that fits behind
// the header. whole says that the body needs none.
func (x *exchange) fit() (szx uint8, whole, ok bool) {
	limit := x.conn.size.limit
	szx, ok = blockSize(limit - x.header - blockRoom)
	return szx, x.header+1+x.body.size <= limit, ok
}

// blockSize returns the SZX of the largest block of at most room bytes.
func blockSize(room int) (szx uint8, ok bool) {
	for szx = maxSZX; ; szx-- {
		if 16<<szx <= room {
			return szx, true
		}
		if szx == 0 {
			return 0, false
		}
	}
}

// cut sets the size of the blocks.
func (x *exchange) cut(szx uint8) {
	x.szx, x.count = szx, 1
	if size := 16 << szx; !x.whole {
		x.count = uint32((x.body.size + size - 1) / size)
	}
	x.download.szx = szx
}

// answerSize guesses at the bytes of the answer to an item.
func (x *exchange) answerSize(it *item) int {
	block := 16<<x.download.szx + leastAnswer
	switch {
	case it.kind == itemPing, it.kind == itemPull && !x.arrived(), it.kind == itemBlock && x.incoming(it):
		return 0
	case it.kind == itemPull:
		if rest := x.expected - int(it.number)<<(4+x.download.szx); rest > 0 {
			return min(block, rest+leastAnswer)
		}
	}
	return block
}

// incoming tells whether the peer seems to lack more of the request than this block, so that
// its answer is small. Where a few are left that get none for long, their acknowledgements may
// be what was lost.
func (x *exchange) incoming(it *item) bool {
	left := x.count - x.acked.size
	return !x.acked.has(it.number) && left > 1 && (left > fewLeft || it.misses < mostGuesses)
}

// arrived tells whether the peer has all of the request.
func (x *exchange) arrived() bool { return x.headed || x.acked.size == x.count }

// shrink begins what is too large for the path again, in smaller blocks.
func (x *exchange) shrink(now time.Time) {
	szx, whole, _ := x.fit()
	if x.ping || x.delivered || x.idle() || szx == x.szx && whole == x.whole && szx >= x.download.szx {
		return
	}
	c, arrived := x.conn, x.arrived()
	x.restart, x.progress = c.recovery.packets.next, now
	switch {
	case c.config.Secure:
		x.stop()
		x.again, x.whole = nil, whole
		x.cut(szx)
		x.anew(arrived)
	case !arrived: // another size is another transfer
		x.whole = whole
		x.begin(now, szx)
		return
	case x.message.Code == GET:
		x.stop()
		x.cut(szx)
		x.again = []uint32{0}
	default: // block 0 can be pulled too, and the request stays as it was
		x.stop()
		x.again, x.download.szx = nil, szx
	}
	x.rewind()
	if !c.config.Secure && x.message.Code != GET {
		x.pulled, x.pullEnd = 0, max(x.pullEnd, 1)
	}
	c.kick(x)
}

// anew makes a request inside records needed under the token that it has: the peer then knows
// it again if it has it already. One block is enough to get the answer again in smaller ones.
func (x *exchange) anew(arrived bool) {
	x.acked, x.cursor, x.full = bits{}, 0, false
	if !arrived && !x.separate {
		return
	}
	x.cursor = x.count
	for n := range x.count {
		x.acked.add(n)
	}
	if !x.separate || x.headed {
		x.again = []uint32{x.count - 1}
	}
}
