package coap

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
)

const (
	blockRoom   = 10 // bytes of Block1, Block2, Size1 and payload marker at most
	etagRoom    = 1 + etagSize
	size2Room   = 1
	echoRoom    = 3  // of the header of an Echo option
	largestEcho = 40 // bytes, RFC 9175 section 2.2.1
	tagRoom     = 3 + tagSize
	peerToken   = 4 // bytes
)

// An exchange is a request of ours until its whole response is here: all the blocks of
// the request are sent at once, and behind them pulls for the later blocks of the
// response (protocol section 9).
type exchange struct {
	conn     *Conn
	id       uint64
	key      uint64    // the token as a number; on the plain lane its first 3 bytes
	deadline time.Time // zero while it observes and waits
	ping     bool
	waiting  bool // in Conn.ready
	closed   bool

	message Message // code and options
	body    source
	tag     []byte // Request-Tag, on the plain lane
	echo    []byte
	header  int  // bytes of a message without block and payload
	fresh   bool // echo came with a 2.31, so that the blocks before had none or an old one
	whole   bool // the body needs no Block1
	szx     uint8
	count   uint32 // of the blocks of the request

	acked    bits
	cursor   uint32   // the next block that was never sent
	again    []uint32 // blocks the peer asked for again
	items    []*item  // sent and needed
	first    item     // saves an allocation where there is one only
	only     [1]*item // the same for items
	restart  uint64   // answers to copies before this sequence number are of the past
	restarts int
	stepwise bool // the peer takes one block at a time
	separate bool // the request has arrived and its response will come by itself
	upsets   int  // times that all or half was begun again
	left     int  // copies that were out when the response was delivered
	progress time.Time
	stuck    int           // times that nothing came forward for long
	grace    time.Duration // a body is streamed: the deadline moves with its progress
	full     bool          // the peer has no room for the newest block
	broken   bool          // its body cannot be read

	download
	watch
	unanswered bool // No-Response: it ends when it has arrived
	delivered  bool // on the plain lane: until Refetch or the deadline
}

// newExchange checks that a request can be sent.
func newExchange(c *Conn, m Message, o RequestOptions) (*exchange, error) {
	m.Token, m.Type, m.MessageID = nil, message.Confirmable, 0
	if value, found := option(m.Options, optionEcho); found && c.config.Peer { // which a newer one replaces
		o.Echo, m.Options = value, withoutEcho(m.Options)
	}
	payload := m.Payload
	m.Payload = nil
	if !isRequest(m.Code) || !wellFormed(&m) || len(o.Echo) > largestEcho {
		return nil, ErrFormat
	}
	for _, option := range m.Options {
		if transferOption(option.ID) {
			return nil, ErrFormat
		}
	}
	size, err := coder.DefaultCoder.Size(m)
	if err != nil {
		return nil, ErrFormat
	}
	body, err := newSource(payload, o.Body)
	if err != nil {
		return nil, err
	}
	x := &exchange{conn: c, message: m, body: body, echo: o.Echo, header: size + tagSize + 1}
	x.items = x.only[:0]
	switch {
	case c.config.Secure:
		x.header = size + tokenSize(c.token+maxQueue)
	case c.config.Peer:
		x.header, x.stepwise = size+peerToken+echoRoom+largestEcho, true
	default:
		x.header += tagRoom + echoRoom + max(EchoSize, len(o.Echo))
	}
	x.register(&m)
	szx, whole, ok := x.fit()
	x.whole = whole
	x.cut(szx)
	if len(payload) > c.config.MaxBody || !ok || !whole && x.count > maxBlockNumber {
		return nil, ErrTooLarge
	}
	return x, x.stream(o)
}

func withoutEcho(options message.Options) message.Options {
	return slices.DeleteFunc(slices.Clone(options), func(o message.Option) bool { return o.ID == optionEcho })
}

// next returns an item that was never sent, nil if there is none or if it has to wait.
func (x *exchange) next() *item {
	if x.closed || x.broken || x.delivered || x.stepwise && len(x.items) > 0 {
		return nil
	}
	if !x.headed || len(x.again) > 0 {
		if n, ok := x.nextBlock(); ok {
			return x.newBlock(n)
		}
		if x.stepwise || x.ping {
			return nil
		}
	}
	return x.nextPull()
}

func (x *exchange) nextBlock() (uint32, bool) {
	if n := len(x.again); n > 0 {
		number := x.again[n-1]
		x.again = x.again[:n-1]
		return number, true
	}
	for x.cursor < x.reach() {
		x.cursor++
		if !x.acked.has(x.cursor - 1) {
			return x.cursor - 1, true
		}
	}
	return 0, false
}

func (x *exchange) newBlock(n uint32) *item {
	it := &x.first
	if it.owner != nil {
		it = new(item)
	}
	kind := itemBlock
	if x.ping {
		kind = itemPing
	}
	*it = item{owner: x, kind: kind, number: n, slow: x.conn.trusted() && n == x.count-1 && !x.ping}
	x.items = append(x.items, it)
	return it
}

// find returns the item for a block or a pull, nil if it is not out.
func (x *exchange) find(kind itemKind, n uint32) *item {
	for _, it := range x.items {
		if it.kind == kind && it.number == n {
			return it
		}
	}
	return nil
}

// finish takes an item out that is not needed any more.
func (x *exchange) finish(it *item) {
	x.conn.recovery.finish(it)
	for i, known := range x.items {
		if known == it {
			last := len(x.items) - 1
			x.items[i] = x.items[last]
			x.items[last] = nil
			x.items = x.items[:last]
			break
		}
	}
	x.conn.kick(x)
}

// finishAll takes out all items of one kind.
func (x *exchange) finishAll(kind itemKind) {
	for i := len(x.items) - 1; i >= 0; i-- {
		if x.items[i].kind == kind {
			x.finish(x.items[i])
		}
	}
}

// stop takes everything out.
func (x *exchange) stop() {
	for _, it := range x.items {
		x.conn.recovery.finish(it)
	}
	x.items, x.parked, x.twin = nil, nil, nil
}

// fill writes the message of an item.
func (x *exchange) fill(it *item, m *Message) bool {
	if x.ping {
		return true
	}
	c := x.conn
	m.Code, m.Token = x.message.Code, c.tokenOf(x, it)
	for _, o := range x.message.Options {
		if it.kind == itemPull && (o.ID == message.ContentFormat || o.ID == message.Observe || o.ID == message.ETag) {
			continue // a pull has no payload, is no registration, and validates nothing
		}
		m.Options = append(m.Options, o)
	}
	if it.kind == itemPull {
		c.addBlock(message.Block2, Block{Number: it.number, SZX: x.download.szx})
		if x.fresh { // so that the peer may send more than it has got
			c.addOption(optionEcho, x.echo)
		}
		if m.Code == codes.GET && len(x.echo) > 0 { // no entry at the server has seen it
			c.addOption(optionEcho, x.echo)
		}
	} else if !x.fillBlock(it.number, m) {
		return false
	}
	if x.tag != nil {
		c.addOption(optionRequestTag, x.tag)
	}
	return true
}

func (x *exchange) fillBlock(n uint32, m *Message) (ok bool) {
	c := x.conn
	if szx := x.download.szx; szx < maxSZX { // otherwise the response would come in larger blocks
		c.addBlock(message.Block2, Block{SZX: szx})
	}
	b := Block{Number: n, More: n < x.count-1, SZX: x.szx}
	if x.whole {
		m.Payload, ok = x.body.slice(0, x.body.size)
	} else {
		m.Payload, ok = x.body.slice(b.Offset(), min(b.Offset()+b.Size(), x.body.size))
		c.addBlock(message.Block1, b)
		if n == 0 && c.trusted() { // so that the peer can refuse early
			c.addUint(message.Size1, uint32(x.body.size))
		}
	}
	if len(x.echo) > 0 {
		c.addOption(optionEcho, x.echo)
	}
	x.broken = !ok
	c.broken = c.broken || x.broken
	return ok
}

// tokenOf returns the token of an item in bytes: inside records the exchange's number in
// the fewest bytes, on the plain lane its random bytes and one that tells items apart.
func (c *Conn) tokenOf(x *exchange, it *item) message.Token {
	if c.trusted() {
		return c.numberToken(x.key)
	}
	tail := byte(it.number) & 0x7f
	if it.kind == itemPull {
		tail |= 0x80
	}
	n := len(c.values)
	c.values = binary.BigEndian.AppendUint32(c.values, uint32(x.key)<<8|uint32(tail))
	return c.values[n:]
}

// tokenSize returns the bytes of a number as a token.
func tokenSize(key uint64) int {
	n := 1
	for ; key > 0xff; key >>= 8 {
		n++
	}
	return n
}

func (c *Conn) numberToken(key uint64) message.Token {
	n := len(c.values)
	c.values = binary.BigEndian.AppendUint64(c.values, key)
	for c.values[n] == 0 {
		n++
	}
	return c.values[n:]
}
