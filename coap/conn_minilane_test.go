package coap

import (
	"bytes"
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A miniLane is the server's plain lane for one device, by sections 7.1 and 7.2 of the
// protocol and no more, against which the device's side can be judged alone.
type miniLane struct {
	scriptedPeer
	body   []byte // of the response
	lane   map[string]*miniEntry
	demand []byte // an Echo, if one is demanded
	posts  [][]byte
}

type miniEntry struct {
	up     assembly
	parked []Message
	served map[uint32]time.Time
}

func newMiniLane(body []byte) *miniLane {
	l := &miniLane{body: body, lane: make(map[string]*miniEntry)}
	l.answer = l.serve
	return l
}

func (l *miniLane) serve(now time.Time, m *Message, reply func(Message)) {
	if m.Code == codes.Empty {
		reply(Message{Type: message.Reset, MessageID: m.MessageID})
		return
	}
	tag, _ := option(m.Options, optionRequestTag)
	echo, _ := option(m.Options, optionEcho)
	b1, has1, _ := optionBlock(m.Options, message.Block1)
	b2, has2, _ := optionBlock(m.Options, message.Block2)
	e := l.lane[string(tag)]
	pull := has2 && !has1 && b2.Number > 0
	switch {
	case e == nil && pull:
		reply(ackOf(m, codes.RequestEntityIncomplete, nil, nil))
		return
	case e == nil && !bytes.Equal(echo, l.demand):
		reply(ackOf(m, codes.Unauthorized, message.Options{{ID: optionEcho, Value: l.demand}}, nil))
		return
	case e == nil:
		e = &miniEntry{up: newAssembly(1 << 20), served: make(map[uint32]time.Time)}
		l.lane[string(tag)] = e
	}
	if pull {
		l.pull(now, e, m, b2, reply)
		return
	}
	if !has1 {
		b1 = Block{SZX: maxSZX}
	}
	e.up.accept(b1, m.Payload)
	if !e.up.complete() {
		reply(ackOf(m, codes.Continue, message.Options{blockValue(message.Block1, b1)}, nil))
		return
	}
	if len(e.served) == 0 {
		l.posts = append(l.posts, e.up.body())
	}
	b1.More = false
	l.block(now, e, ackOf(m, codes.Changed, message.Options{blockValue(message.Block1, b1)}, nil), Block{SZX: b1.SZX}, reply)
	for _, parked := range e.parked {
		b, _, _ := optionBlock(parked.Options, message.Block2)
		r := ackOf(&parked, codes.Changed, nil, nil)
		r.Type = message.NonConfirmable
		l.block(now, e, r, b, reply)
	}
	e.parked = nil
}

func (l *miniLane) pull(now time.Time, e *miniEntry, m *Message, b Block, reply func(Message)) {
	switch {
	case e.up.complete():
		if at, ok := e.served[b.Number]; !ok || now.Sub(at) >= 6*time.Millisecond {
			l.block(now, e, ackOf(m, codes.Changed, nil, nil), b, reply)
		}
	case !slices.ContainsFunc(e.parked, func(p Message) bool { return blockOf(p) == b }):
		e.parked = append(e.parked, *m)
		reply(Message{Type: message.Acknowledgement, MessageID: m.MessageID})
	}
}

func blockOf(m Message) Block {
	b, _, _ := optionBlock(m.Options, message.Block2)
	return b
}

func (l *miniLane) block(now time.Time, e *miniEntry, r Message, b Block, reply func(Message)) {
	content := newRepresentation(l.body, entityTag(l.body))
	payload, more, ok := content.block(b.Number, b.SZX)
	if !ok {
		r.Code = codes.BadRequest
		reply(r)
		return
	}
	e.served[b.Number] = now
	b.More, r.Payload = more, payload
	r.Options = append(message.Options{{ID: message.ETag, Value: content.etag}, blockValue(message.Block2, b)}, r.Options...)
	reply(r)
}
