package coap

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func block1Of(m *Message) (Block, bool) {
	b, found, _ := optionBlock(m.Options, message.Block1)
	return b, found
}

// collect is a peer that takes one block after the other, in order, in blocks of at most
// szx: what libcoap and most others do.
func collect(body *[]byte, szx uint8, response []byte) func(time.Time, *Message, func(Message)) {
	return func(_ time.Time, m *Message, reply func(Message)) {
		b, has := block1Of(m)
		asked, pull, _ := optionBlock(m.Options, message.Block2)
		switch {
		case !has && pull && asked.Number > 0 && len(*body) == 0:
			reply(ackOf(m, codes.RequestEntityIncomplete, nil, nil))
			return
		case !has:
			b = Block{SZX: asked.SZX}
		case b.SZX > szx && b.Number == 0:
			reply(ackOf(m, codes.RequestEntityTooLarge, message.Options{blockValue(message.Block1, Block{SZX: szx})}, nil))
			return
		case b.Number == 0:
			*body = append((*body)[:0], m.Payload...)
		case b.Offset() == len(*body):
			*body = append(*body, m.Payload...)
		case b.Offset()+len(m.Payload) != len(*body):
			reply(ackOf(m, codes.RequestEntityIncomplete, nil, nil))
			return
		}
		if b.More {
			reply(ackOf(m, codes.Continue, message.Options{blockValue(message.Block1, b)}, nil))
			return
		}
		r := newRepresentation(response, nil)
		asked.SZX = b.SZX
		payload, more, ok := r.block(asked.Number, asked.SZX)
		asked.More = more
		if !ok {
			reply(ackOf(m, codes.BadRequest, nil, nil))
			return
		}
		reply(ackOf(m, codes.Changed, message.Options{blockValue(message.Block2, asked)}, payload))
	}
}

func TestStopAndWaitPeer(t *testing.T) {
	up, down := testBody(5000, 1), testBody(3000, 2)
	for _, szx := range []uint8{maxSZX, 4} {
		for _, loss := range []float64{0, .2} {
			var got []byte
			peer := &scriptedPeer{answer: collect(&got, szx, down)}
			p := newPlainPath(t, 1, loss, peer, Config{})
			p.jitter = 5 * ms // so that blocks overtake each other
			p.post(up, RequestOptions{ExpectBody: len(down)})
			e := p.result()
			if e.Kind != EventResponse || e.Message.Code != codes.Changed {
				t.Fatalf("SZX %d: event %d %v, error %v", szx, e.Kind, e.Message.Code, e.Err)
			}
			if !bytes.Equal(got, up) || !bytes.Equal(e.Message.Payload, down) {
				t.Errorf("SZX %d: %d bytes up, %d down", szx, len(got), len(e.Message.Payload))
			}
		}
	}
}

// A block that is answered 2.31 with a smaller size makes the transfer start over in
// blocks of that size, under another tag (RFC 7959 section 2.3).
func TestContinueSmaller(t *testing.T) {
	var got []byte
	inner := collect(&got, maxSZX, nil)
	tags := make(map[string]bool)
	peer := &scriptedPeer{}
	peer.answer = func(now time.Time, m *Message, reply func(Message)) {
		tag, _ := option(m.Options, optionRequestTag)
		tags[string(tag)] = true
		if b, _ := block1Of(m); b.SZX > 2 {
			reply(ackOf(m, codes.Continue, message.Options{blockValue(message.Block1, Block{Number: b.Number, More: b.More, SZX: 2})}, nil))
			return
		}
		inner(now, m, reply)
	}
	p := newPlainPath(t, 1, 0, peer, Config{})
	up := testBody(3000, 1)
	p.post(up, RequestOptions{})
	if e := p.result(); e.Kind != EventResponse || !bytes.Equal(got, up) {
		t.Fatalf("event %d, error %v, %d bytes", e.Kind, e.Err, len(got))
	}
	if len(tags) != 2 {
		t.Errorf("%d tags", len(tags))
	}
}

func TestEcho(t *testing.T) {
	lane := newMiniLane([]byte("m2"))
	lane.demand = []byte("abcdefgh")
	p := newPlainPath(t, 1, 0, lane, Config{})
	p.post(testBody(2500, 1), RequestOptions{Echo: []byte("outdated")})
	if e := p.result(); e.Kind != EventResponse {
		t.Fatalf("event %d, error %v", e.Kind, e.Err)
	}
	if took := p.now.Sub(testStart); took != 200*ms {
		t.Errorf("finished after %v", took)
	}
	for _, m := range lane.received[:3] {
		if echo, _ := option(m.Options, optionEcho); string(echo) != "outdated" {
			t.Errorf("first blocks bear Echo %q", echo)
		}
	}
	if n := lane.count(func(m *Message) bool { _, found := block1Of(m); return found }); n != 6 {
		t.Errorf("%d blocks sent", n)
	}
	p.cancel()
	lane.received = nil
	p.post([]byte("known"), RequestOptions{Echo: lane.demand})
	if e := p.result(); e.Kind != EventResponse || len(lane.received) != 1 {
		t.Errorf("event %d after %d datagrams", e.Kind, len(lane.received))
	}
}

// What comes without an Echo is an answer like any other.
func TestUnauthorized(t *testing.T) {
	peer := &scriptedPeer{answer: func(_ time.Time, m *Message, reply func(Message)) {
		reply(ackOf(m, codes.Unauthorized, nil, nil))
	}}
	p := newPlainPath(t, 1, 0, peer, Config{})
	p.post(testBody(2500, 1), RequestOptions{})
	if e := p.result(); e.Kind != EventResponse || e.Message.Code != codes.Unauthorized {
		t.Errorf("event %d %v, error %v", e.Kind, e.Message.Code, e.Err)
	}
}

// The body with another ETag replaces what is held, block by block or when Refetch says
// that what was delivered is not genuine.
func TestRefetch(t *testing.T) {
	forged, genuine := testBody(2500, 8), testBody(2600, 9)
	lane := newMiniLane(forged)
	p := newPlainPath(t, 1, .1, lane, Config{})
	p.post(testBody(2500, 1), RequestOptions{ExpectBody: len(genuine)})
	if e := p.result(); !bytes.Equal(e.Message.Payload, forged) {
		t.Fatalf("%d bytes, error %v", len(e.Message.Payload), e.Err)
	}
	lane.body = genuine
	var out Batch
	p.device.Refetch(p.now, p.id, &out)
	p.carry(0, &out)
	if e := p.result(); !bytes.Equal(e.Message.Payload, genuine) {
		t.Fatalf("%d bytes, error %v", len(e.Message.Payload), e.Err)
	}
	if len(lane.posts) > 1 && !bytes.Equal(lane.posts[0], lane.posts[1]) {
		t.Error("another request went out")
	}
	p.cancel()
	p.device.Refetch(p.now, p.id, &out)
	if out.Len() != 0 || !p.device.Deadline().IsZero() {
		t.Errorf("%d datagrams after Cancel, deadline %v", out.Len(), p.device.Deadline())
	}
}

func TestETagChange(t *testing.T) {
	old, fresh := testBody(2500, 8), testBody(2500, 9)
	lane := newMiniLane(old)
	p := newPlainPath(t, 1, 0, lane, Config{})
	served := 0
	lane.answer = func(now time.Time, m *Message, reply func(Message)) {
		lane.serve(now, m, reply)
		if _, pull := option(m.Options, message.Block2); pull {
			if served++; served == 1 {
				lane.body = fresh
			}
		}
	}
	p.post(testBody(2500, 1), RequestOptions{ExpectBody: len(old)})
	if e := p.result(); !bytes.Equal(e.Message.Payload, fresh) {
		t.Fatalf("%d bytes, error %v", len(e.Message.Payload), e.Err)
	}
}

// A response whose every block is one of another is given up, and not asked for until the
// time is over. The stored response that the request names is not named in a pull: libcoap's
// server takes that for the response which the pull belongs to.
func TestETagChangesForever(t *testing.T) {
	asked := 0
	peer := &scriptedPeer{answer: func(_ time.Time, m *Message, reply func(Message)) {
		asked++
		b, pull, _ := optionBlock(m.Options, message.Block2)
		if _, found := option(m.Options, message.ETag); found == (pull && b.Number > 0) {
			t.Errorf("ETag %v in %v", found, m)
		}
		b.More, b.SZX = true, 2
		reply(Message{Type: message.Acknowledgement, Code: codes.Content, Token: m.Token, MessageID: m.MessageID, Payload: testBody(64, 1),
			Options: message.Options{{ID: message.ETag, Value: []byte{byte(asked)}}, {ID: message.Block2, Value: appendUint(nil, b.Value())}}})
	}}
	p := newPlainPath(t, 1, 0, peer, Config{Peer: true})
	p.start(Message{Code: codes.GET, Options: message.Options{{ID: message.ETag, Value: []byte{0}}}}, RequestOptions{})
	if e := p.result(); !errors.Is(e.Err, ErrTransfer) {
		t.Errorf("event %d, error %v", e.Kind, e.Err)
	}
	if asked > 3*mostChanges {
		t.Errorf("asked %d times", asked)
	}
}

// On the plain lane an RST ends nothing: anybody can send one.
func TestResetByStranger(t *testing.T) {
	peer := &scriptedPeer{answer: func(_ time.Time, m *Message, reply func(Message)) {
		reply(Message{Type: message.Reset, MessageID: m.MessageID})
	}}
	p := newPlainPath(t, 1, 0, peer, Config{})
	p.post(testBody(2500, 1), RequestOptions{ExpectBody: 2000})
	if e := p.result(); !errors.Is(e.Err, ErrTimeout) {
		t.Errorf("event %d, error %v", e.Kind, e.Err)
	}
	if len(p.device.events) != 0 || !p.device.Deadline().IsZero() {
		t.Errorf("%d more events", len(p.device.events))
	}
}

func TestRequestErrors(t *testing.T) {
	c := NewConn(Config{Rand: testRand(1), MaxBody: 1000})
	long := make([]byte, 255)
	tests := []struct {
		name string
		m    Message
		want error
	}{
		{"body", Message{Code: codes.POST, Payload: make([]byte, 1001)}, ErrTooLarge},
		{"header", Message{Code: codes.POST, Options: message.Options{
			{ID: message.URIPath, Value: long}, {ID: message.URIPath, Value: long}, {ID: message.URIPath, Value: long},
			{ID: message.URIPath, Value: long}, {ID: message.URIPath, Value: long},
		}}, ErrTooLarge},
		{"response", Message{Code: codes.Content}, ErrFormat},
		{"nothing", Message{}, ErrFormat},
		{"order", Message{Code: codes.GET, Options: message.Options{{ID: message.URIQuery}, {ID: message.URIPath}}}, ErrFormat},
		{"block", Message{Code: codes.GET, Options: message.Options{{ID: message.Block2}}}, ErrFormat},
		{"tag", Message{Code: codes.GET, Options: message.Options{{ID: optionRequestTag}}}, ErrFormat},
	}
	var out Batch
	for _, test := range tests {
		if _, err := c.Request(testStart, test.m, RequestOptions{}, &out); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
	}
	if out.Len() != 0 || !c.Deadline().IsZero() {
		t.Error("something was sent")
	}
	for range nstart + maxQueue {
		if _, err := c.Request(testStart, Message{Code: codes.GET}, RequestOptions{}, &out); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Request(testStart, Message{Code: codes.GET}, RequestOptions{}, &out); !errors.Is(err, ErrBusy) {
		t.Errorf("error %v, want %v", err, ErrBusy)
	}
	if out.Len() != strangerRound {
		t.Errorf("%d datagrams to a stranger", out.Len())
	}
}

// The 16th exchange is open, the 17th waits for one to end, or to be cancelled.
func TestNSTART(t *testing.T) {
	p := newTestPair(t, 1, 0)
	p.conns[0].recovery.heard, p.conns[0].recovery.window = true, largestWindow
	p.thinking = func() time.Duration { return time.Second }
	var ids []uint64
	for range nstart + 2 {
		ids = append(ids, p.request(0, nil, RequestOptions{}))
	}
	p.run(time.Second, func() bool { return len(p.handled[1]) > 0 && p.conns[0].recovery.flight == 0 })
	if n := len(p.handled[1]); n != nstart {
		t.Fatalf("%d requests at once", n)
	}
	var none Batch
	p.conns[0].Cancel(p.now, ids[3], &none)
	cancelled := p.now
	p.run(time.Second, func() bool { return len(p.handled[1]) > nstart })
	if took := p.now.Sub(cancelled); took != p.delay {
		t.Errorf("the next request took %v to arrive", took)
	}
	p.finish(0, append(ids[:3:3], ids[4:]...)...)
	if _, ok := p.done[0][ids[3]]; ok {
		t.Error("an event for a cancelled request")
	}
}

func TestParseMissing(t *testing.T) {
	for _, n := range []uint32{0, 1, 23, 24, 255, 256, 65535, 65536, maxBlockNumber} {
		b := appendMissing(nil, n)
		if got, rest, ok := parseMissing(append(b, 7)); !ok || got != uint64(n) || len(rest) != 1 {
			t.Errorf("%d: %d, %d bytes left, %v", n, got, len(rest), ok)
		}
		for size := 1; size < len(b); size++ {
			if _, _, ok := parseMissing(b[:size]); ok {
				t.Errorf("%d: a prefix of %d bytes is read", n, size)
			}
		}
	}
	for _, first := range []byte{27, 28, 31, 32, 0x40, 0x80, 0xff} {
		if _, _, ok := parseMissing([]byte{first, 0, 0, 0, 0, 0, 0, 0, 0}); ok {
			t.Errorf("%#x is read as a number", first)
		}
	}
}

// Inside records an RST is the peer's, and ends a request.
func TestResetByPeer(t *testing.T) {
	c, out := NewConn(Config{Secure: true, Rand: rand.Reader}), new(Batch)
	id, err := c.Request(testStart, Message{Code: codes.GET}, RequestOptions{}, out)
	if err != nil {
		t.Fatal(err)
	}
	sent := out.Datagram(0)
	c.Receive(testStart, []byte{0x70, 0, sent[2], sent[3]}, out)
	if e, ok := c.Next(); !ok || e.ID != id || !errors.Is(e.Err, ErrReset) {
		t.Errorf("event %v of %d, error %v, want ErrReset of %d", e.Kind, e.ID, e.Err, id)
	}
}
