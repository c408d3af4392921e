package coap

import (
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A posted is what the options of a POST to /hs say.
type posted struct {
	key       laneKey
	payload   []byte
	hasBlock1 bool
	block1    Block
	hasBlock2 bool
	block2    Block
	echoed    bool
}

// answerSize returns the block size in which the answer is wanted.
func (p *posted) answerSize() uint8 {
	switch {
	case p.hasBlock2:
		return p.block2.SZX
	case p.hasBlock1:
		return p.block1.SZX
	}
	return maxSZX
}

// post takes a POST to /hs: a block of a body, a whole body, or a pull.
func (l *Lane) post(v *visit, m *Message) *Transfer {
	p := posted{payload: m.Payload}
	if code := p.parse(v, m); code != codes.Empty {
		l.refuse(v, code)
		return nil
	}
	pull := p.hasBlock2 && !p.hasBlock1
	size, _ := optionUint(m.Options, message.Size1)
	switch {
	case pull && p.block2.Number > 0 && len(m.Payload) > 0, !pull && !p.hasBlock1 && len(m.Payload) == 0:
		l.refuse(v, codes.BadRequest)
		return nil
	case uint64(size) > uint64(l.config.MaxBody):
		l.tooLarge(v)
		return nil
	}
	p.echoed = l.echoed(v, m)
	if pull && len(m.Payload) == 0 {
		l.pull(v, &p)
		return nil
	}
	return l.block(v, &p)
}

// parse reads the options. The code is that of the error, or Empty.
func (p *posted) parse(v *visit, m *Message) Code {
	if f, ok := optionUint(m.Options, message.ContentFormat); ok && f != uint32(formatCBOR) {
		return codes.UnsupportedMediaType
	}
	if f, ok := optionUint(m.Options, message.Accept); ok && f != uint32(formatCBOR) {
		return codes.NotAcceptable
	}
	var err1, err2 error
	p.block1, p.hasBlock1, err1 = optionBlock(m.Options, message.Block1)
	p.block2, p.hasBlock2, err2 = optionBlock(m.Options, message.Block2)
	if err1 != nil || err2 != nil || p.hasBlock1 && p.hasBlock2 && p.block2.Number > 0 {
		return codes.BadRequest
	}
	p.key.from = v.from
	for _, o := range m.Options {
		if o.ID != optionRequestTag {
			continue
		}
		if p.key.tagged { // a list of tags is allowed, and nobody needs it here
			return codes.BadRequest
		}
		p.key.tagged, p.key.size = true, uint8(copy(p.key.tag[:], o.Value))
	}
	return codes.Empty
}

func (l *Lane) tooLarge(v *visit) {
	l.fail(v, nil, &response{code: codes.RequestEntityTooLarge, size1: uint32(l.config.MaxBody)})
}

// block takes a block of a body, or all of it.
func (l *Lane) block(v *visit, p *posted) *Transfer {
	switch p.check(l.config.MaxBody) {
	case blockInvalid:
		l.refuse(v, codes.BadRequest)
		return nil
	case blockTooLarge:
		l.tooLarge(v)
		return nil
	}
	e := l.entry(v, p)
	if e == nil {
		return nil
	}
	status := e.accept(p)
	if status == blockConflict && !p.key.tagged && p.block1.Number == 0 {
		l.restart(e)
		status = e.accept(p)
	}
	switch status {
	case blockStored:
		if !l.grow(v.now, e, len(p.payload)) {
			l.noRoom(v, e.proven)
			return nil
		}
		l.renew(v.now, e)
	case blockConflict:
		l.stats.Ignored++
		return nil
	}
	return l.progress(v, e, p)
}

func (p *posted) check(max int) blockStatus {
	if p.hasBlock1 {
		return checkBlock(p.block1, p.payload, max)
	}
	if len(p.payload) > max {
		return blockTooLarge
	}
	return blockStored
}

func (e *laneEntry) accept(p *posted) blockStatus {
	if p.hasBlock1 {
		return e.body.accept(p.block1, p.payload)
	}
	return e.body.acceptWhole(p.payload)
}

// entry finds the entry of a block, or makes one where it may: nothing is kept of an
// address that should have been proven.
func (l *Lane) entry(v *visit, p *posted) *laneEntry {
	if e := l.visited(v, p); e != nil {
		return e
	}
	into := &l.unproven
	if p.echoed {
		into = &l.proven
	}
	if !p.echoed && l.config.AlwaysEcho || !l.makeRoom(v.now, into, prefixOf(v.from.Addr())) {
		l.noRoom(v, p.echoed)
		return nil
	}
	e := l.newEntry(v, p.key, into)
	e.received = v.size
	return e
}

// visited finds the entry of a block or pull and counts what it brings.
func (l *Lane) visited(v *visit, p *posted) *laneEntry {
	e := l.find(v.now, p.key)
	if e == nil {
		return nil
	}
	e.received += v.size
	if p.echoed && !e.proven {
		l.prove(v.now, e)
	}
	return e
}

// noRoom asks for an Echo, which helps, or to come again later.
func (l *Lane) noRoom(v *visit, proven bool) {
	if proven {
		l.fail(v, nil, &response{code: codes.ServiceUnavailable, maxAge: busyRetry})
		return
	}
	l.demandEcho(v, nil)
}

// progress answers a block that is in its place.
func (l *Lane) progress(v *visit, e *laneEntry, p *posted) *Transfer {
	switch {
	case e.answered:
		if !l.answerFirst(v.now, e, l.ticket(v, e, p), v.out) {
			l.demandEcho(v, e)
		}
	case e.transfer != nil: // the answer is being made, and its sender asks again
		l.stats.Ignored++
	case !e.body.complete():
		l.proceed(v, e, p)
	default:
		e.transfer = l.ticket(v, e, p)
		l.stats.Transfers++
		return e.transfer
	}
	return nil
}

// proceed asks for what is missing.
func (l *Lane) proceed(v *visit, e *laneEntry, p *posted) {
	r := response{code: codes.Continue, block1: p.block1, hasBlock1: true}
	if p.block1.More {
		r.echo = l.freshEcho(v)
	} else {
		r.code, r.format, r.hasFormat = codes.RequestEntityIncomplete, formatMissingBlocks, true
		for _, n := range e.body.missing() {
			r.payload = appendMissing(r.payload, n)
		}
	}
	l.reply(v, e, &r)
}
