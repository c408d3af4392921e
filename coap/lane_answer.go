package coap

import (
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A Transfer is a complete body that waits for its answer.
type Transfer struct {
	entry     *laneEntry
	body      []byte
	proven    bool
	head      head // of the message that completed it
	block1    Block
	hasBlock1 bool
	szx       uint8 // of the blocks of the answer
}

// Body returns the body, which must not be changed.
func (t *Transfer) Body() []byte { return t.body }

// From returns where it came from and its answer goes to.
func (t *Transfer) From() netip.AddrPort { return t.entry.key.from }

// Proven tells whether the address had been proven by an Echo when the body was complete.
func (t *Transfer) Proven() bool { return t.proven }

// ticket makes a Transfer of the message that completed a body, or repeats it.
func (l *Lane) ticket(v *visit, e *laneEntry, p *posted) *Transfer {
	return &Transfer{
		entry: e, body: e.body.body(), proven: e.proven, head: v.head,
		block1: p.block1, hasBlock1: p.hasBlock1, szx: p.answerSize(),
	}
}

// Answer takes the answer to a Transfer, m2 or a sealed refusal, and keeps body for
// repeats and pulls: block 0 goes to the message that completed the transfer, the others
// to the pulls that have come already. An answer to what is no longer waiting is dropped.
// All datagrams go to t.From.
func (l *Lane) Answer(now time.Time, t *Transfer, body []byte, out *Batch) {
	e := t.entry
	if e.transfer != t {
		return
	}
	e.transfer = nil
	e.pool.close(e)
	e.at, e.answer = now, newRepresentation(body, entityTag(body))
	l.stats.Answered++
	parked := e.parked
	e.parked = nil
	l.grow(now, e, len(body)) // who is pushed out is answered once
	l.answerFirst(now, e, t, out)
	for i := range parked {
		l.answerPull(now, e, &parked[i].head, parked[i].block, out)
	}
}

// Refuse answers a Transfer with a code, once, and forgets it: its bytes may be a
// stranger's, who must not spoil the transfer of another. The device comes back with
// another Request-Tag. The datagram goes to t.From.
func (l *Lane) Refuse(now time.Time, t *Transfer, code Code, out *Batch) {
	e := t.entry
	if e.transfer != t {
		return
	}
	l.stats.Refused++
	r := response{code: code}
	if code == codes.ServiceUnavailable || code == codes.TooManyRequests {
		r.maxAge = busyRetry
	}
	l.send(&t.head, &r, e.allowance(), out)
	l.remove(e)
}

// answerFirst sends block 0 of the answer, if its bound lets it.
func (l *Lane) answerFirst(now time.Time, e *laneEntry, t *Transfer, out *Batch) bool {
	r := response{code: codes.Changed, block1: t.block1, hasBlock1: t.hasBlock1}
	r.block1.More = false
	return l.sendBlock(now, e, &t.head, &r, Block{SZX: t.szx}, out)
}

// Demand asks for an Echo instead of an answer. The body stays complete, and is handed out again
// with the next block that bears a valid one. The datagram goes to t.From.
func (l *Lane) Demand(now time.Time, t *Transfer, out *Batch) {
	e := t.entry
	if e.transfer != t {
		return
	}
	e.transfer = nil
	l.demandEcho(&visit{now: now, from: t.From(), head: t.head, out: out}, e)
}

func (l *Lane) answerPull(now time.Time, e *laneEntry, to *head, b Block, out *Batch) bool {
	return l.sendBlock(now, e, to, &response{code: codes.Changed}, b, out)
}

// sendBlock completes r with block b of the answer.
func (l *Lane) sendBlock(now time.Time, e *laneEntry, to *head, r *response, b Block, out *Batch) bool {
	payload, more, ok := e.answer.block(b.Number, b.SZX)
	if !ok {
		return true // past the end: there is nothing that a proven address would get
	}
	r.etag, r.payload = e.answer.etag, payload
	r.block2, r.hasBlock2 = Block{Number: b.Number, More: more, SZX: b.SZX}, true
	n := l.send(to, r, e.allowance(), out)
	e.sent += n
	if n > 0 {
		e.serve(now, b)
	}
	return n > 0
}

// pull takes a request for one block of the answer.
func (l *Lane) pull(v *visit, p *posted) {
	e := l.visited(v, p)
	if e == nil {
		l.refuse(v, codes.RequestEntityIncomplete)
		return
	}
	b := Block{Number: p.block2.Number, SZX: p.block2.SZX}
	if !e.answered {
		l.park(v, e, b)
		return
	}
	if _, _, ok := e.answer.block(b.Number, b.SZX); !ok {
		l.fail(v, e, &response{code: codes.BadRequest})
		return
	}
	if e.quiet(v.now, b) {
		l.stats.Ignored++
		return
	}
	if !l.answerPull(v.now, e, &v.head, b, v.out) {
		l.demandEcho(v, e) // it has had its three times: nothing else comes from here
	}
}

// park keeps a pull until there is an answer, each block once, and acknowledges it. It is
// answered as NON then.
func (l *Lane) park(v *visit, e *laneEntry, b Block) {
	i := 0
	for i < len(e.parked) && e.parked[i].block.Number != b.Number {
		i++
	}
	switch {
	case i == maxParked, i < len(e.parked) && v.now.Sub(e.parked[i].at) < quietPull:
		l.stats.Ignored++
		return
	case i == len(e.parked):
		e.parked = append(e.parked, parkedPull{block: b, head: v.head})
		e.parked[i].head.kind = message.NonConfirmable
	}
	e.parked[i].at = v.now
	if v.head.kind == message.Confirmable {
		l.empty(v, e, message.Acknowledgement)
	}
}
