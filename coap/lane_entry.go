package coap

import (
	"container/heap"
	"container/list"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

// A laneKey names a transfer (RFC 9175 section 3.3): an endpoint, and a Request-Tag or
// none, which is another thing than an empty one.
type laneKey struct {
	from   netip.AddrPort
	tag    [8]byte
	size   uint8 // of tag
	tagged bool
}

// A laneEntry is one transfer: a body on its way in, and then its answer on its way out.
type laneEntry struct {
	key     laneKey
	body    assembly
	created time.Time
	expires time.Time
	index   int // in the expiry heap

	proven         bool // an Echo has come from the address
	received, sent int  // bytes of datagrams

	pool   *pool
	prefix netip.Prefix
	place  *list.Element // in the list of the pool
	held   int           // bytes that the pool counts

	transfer *Transfer // handed out, not answered yet
	answered bool
	answer   representation
	at       time.Time // of the answer
	parked   []parkedPull
	served   [2 * maxParked]servedPull // the latest, as a ring
	serves   int
}

// A parkedPull is a pull that came before its answer.
type parkedPull struct {
	head  head
	block Block
	at    time.Time // last acknowledged
}

// A servedPull says when a block was last sent.
type servedPull struct {
	block Block
	at    time.Time
}

// allowance returns how many bytes may be sent now.
func (e *laneEntry) allowance() int {
	if e.proven {
		return maxDatagram
	}
	return amplify*e.received - e.sent
}

// quiet tells whether block b was sent a moment ago, and what asks for it is a copy.
func (e *laneEntry) quiet(now time.Time, b Block) bool {
	for i := range e.served {
		s := &e.served[i]
		if s.block == b && !s.at.IsZero() && now.Sub(s.at) < quietPull {
			return true
		}
	}
	return false
}

func (e *laneEntry) serve(now time.Time, b Block) {
	e.served[e.serves%len(e.served)] = servedPull{block: b, at: now}
	e.serves++
}

// newEntry makes an entry in a pool that has room for it.
func (l *Lane) newEntry(v *visit, key laneKey, p *pool) *laneEntry {
	e := &laneEntry{
		key: key, body: newAssembly(l.config.MaxBody), created: v.now, expires: v.now.Add(entryIdle),
		prefix: prefixOf(v.from.Addr()), proven: p == &l.proven,
	}
	p.enter(e)
	l.entries[key] = e
	l.most = max(l.most, len(l.entries))
	heap.Push(&l.expiry, e)
	return e
}

// renew gives an entry that has taken a new block more time, but no life without end.
func (l *Lane) renew(now time.Time, e *laneEntry) {
	e.expires = now.Add(entryIdle)
	if end := e.created.Add(entryLife); e.expires.After(end) {
		e.expires = end
	}
	heap.Fix(&l.expiry, e.index)
}

// restart empties an entry for another body under the same key.
func (l *Lane) restart(e *laneEntry) {
	e.pool.reopen(e)
	e.body = newAssembly(l.config.MaxBody)
	e.transfer, e.answered, e.answer = nil, false, representation{}
	e.parked, e.serves = nil, 0
	clear(e.served[:])
}

// prove takes a valid Echo for the entry. Where the other pool has no room the entry stays
// in its own, and is proven all the same.
func (l *Lane) prove(now time.Time, e *laneEntry) {
	e.proven = true
	if e.answered || !l.makeRoom(now, &l.proven, e.prefix) {
		return
	}
	held := e.held
	e.pool.leave(e)
	l.proven.enter(e)
	l.proven.charge(e, held)
}

// head is what an answer needs of its request.
type head struct {
	kind  message.Type
	id    int32
	token [maxToken]byte
	size  uint8 // of token
}

func (h *head) set(m *Message) {
	h.kind, h.id = m.Type, m.MessageID
	h.size = uint8(copy(h.token[:], m.Token))
}

// expiryHeap orders entries by their end, for container/heap.
type expiryHeap []*laneEntry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].expires.Before(h[j].expires) }

func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *expiryHeap) Push(x any) {
	e := x.(*laneEntry)
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *expiryHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
