package coap

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func TestPeerBodies(t *testing.T) {
	for _, loss := range []float64{0, .1, .3} {
		for _, size := range []struct{ up, down int }{{0, 0}, {1, 1}, {1025, 1023}, {0, 5000}, {5000, 0}, {100_000, 30_000}} {
			t.Run(fmt.Sprintf("%d up %d down %.0f%%", size.up, size.down, loss*100), func(t *testing.T) {
				p := newTestPair(t, 1, loss, peerMode)
				p.delay, p.dup = 1*ms, loss/4
				up, down := testBody(size.up, 1), testBody(size.down, 2)
				p.respond = func(Message) Message { return Message{Code: codes.Content, Payload: down} }
				id := p.request(0, up, RequestOptions{Timeout: 20 * time.Minute}) // one block, or a time-out, at a time
				p.finish(0, id)
				p.check(0, id, down)
				if got := p.bodies[1]; len(got) != 1 || !bytes.Equal(got[0], up) {
					t.Fatalf("the handler was called %d times, or got another body", len(got))
				}
			})
		}
	}
}

// A handler that takes its time is called once although the peer repeats its request.
func TestPeerPatience(t *testing.T) {
	p := newTestPair(t, 1, .2, peerMode)
	p.thinking = func() time.Duration { return 3000 * ms }
	id := p.request(0, []byte("x"), RequestOptions{})
	p.finish(0, id)
	p.check(0, id, []byte("x"))
}

// An answer of many blocks travels on the acknowledgement also where it takes as long as a
// round trip to a server far away; only then the request is acknowledged without it.
func TestPeerAcknowledgement(t *testing.T) {
	p := newPeerProbe(t, false)
	p.send(get(1))
	e := p.request()
	p.now = p.now.Add(peerAckDelay - 1)
	p.only(p.respond(e.ID, Message{Code: codes.Content, Payload: testBody(2000, 2)}), message.Acknowledgement, codes.Content)

	p = newPeerProbe(t, false)
	p.send(get(1))
	e = p.request()
	if got := p.conn.Deadline(); !got.Equal(p.now.Add(peerAckDelay)) {
		t.Fatalf("deadline after %v", got.Sub(p.now))
	}
	p.only(p.advance(), message.Acknowledgement, codes.Empty)
	p.only(p.respond(e.ID, Message{Code: codes.Content, Payload: testBody(2000, 2)}), message.Confirmable, codes.Content)
}

// A request is not repeated before a second has passed, also where a later one has been
// answered: a server may be slow, and take the repeat for a new request.
func TestPeerTimeout(t *testing.T) {
	p := newPeerProbe(t, false)
	ask := func() Message {
		var out Batch
		if _, err := p.conn.Request(p.now, Message{Code: codes.GET}, RequestOptions{}, &out); err != nil {
			t.Fatal(err)
		}
		return p.parse(&out)[0]
	}
	first := ask()
	for range 20 { // answered at once
		p.now = p.now.Add(1 * ms)
		m := ask()
		if got := p.send(Message{Type: message.Acknowledgement, Code: codes.Content, Token: m.Token, MessageID: m.MessageID}); len(got) != 0 {
			t.Fatalf("sent %v", got)
		}
		if e, ok := p.conn.Next(); !ok || e.Kind != EventResponse {
			t.Fatalf("event %v", e.Kind)
		}
	}
	for {
		got := p.advance()
		if len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0].MessageID != first.MessageID || p.now.Before(testStart.Add(peerTimeout)) {
			t.Errorf("after %v: %v", p.now.Sub(testStart), got)
		}
		return
	}
}

type peerProbe struct{ *probe }

func newPeerProbe(t *testing.T, forward bool) peerProbe {
	return peerProbe{&probe{t: t, now: testStart, conn: NewConn(Config{Peer: true, Forward: forward, Rand: testRand(1)})}}
}

func block(id message.OptionID, n uint32, more bool, szx uint8) message.Option {
	return message.Option{ID: id, Value: appendUint(nil, Block{Number: n, More: more, SZX: szx}.Value())}
}

// A client may take a new token for every block, as libcoap does, and use one again for the
// next request.
func TestPeerTokens(t *testing.T) {
	p := newPeerProbe(t, false)
	path := message.Option{ID: message.URIPath, Value: []byte("a")}
	body := testBody(100, 1)
	r := p.send(Message{Code: codes.PUT, Token: []byte{1}, Options: message.Options{path, block(message.Block1, 0, true, 2)}, Payload: body[:64]})
	if r[0].Code != codes.Continue || !bytes.Equal(r[0].Token, []byte{1}) {
		t.Fatalf("answer %v", r[0])
	}
	if r = p.send(Message{Code: codes.PUT, Token: []byte{2}, Options: message.Options{path, block(message.Block1, 1, false, 2)}, Payload: body[64:]}); len(r) != 0 {
		t.Fatalf("answer %v before the handler's", r[0])
	}
	e := p.request()
	if !bytes.Equal(e.Message.Payload, body) {
		t.Fatal("another body")
	}
	r = p.respond(e.ID, Message{Code: codes.Changed, Payload: testBody(2000, 2)})
	if !bytes.Equal(r[0].Token, []byte{2}) || r[0].MessageID != p.id {
		t.Fatalf("answer %v", r[0])
	}
	r = p.send(Message{Code: codes.PUT, Token: nil, Options: message.Options{path, block(message.Block2, 1, false, 6)}})
	if b, found, _ := optionBlock(r[0].Options, message.Block2); !found || b.Number != 1 || len(r[0].Token) != 0 || len(r[0].Payload) != 976 {
		t.Fatalf("the second block is %v", r[0])
	}
	for range 2 { // under one token
		p.send(Message{Code: codes.GET, Token: []byte{2}, Options: message.Options{path}})
		p.respond(p.request().ID, Message{Code: codes.Content})
	}
}

// Copies of a message are known by its ID, and answered alike.
func TestPeerRepeats(t *testing.T) {
	p := newPeerProbe(t, false)
	m := Message{Code: codes.POST, MessageID: 77, Token: []byte{1}, Options: uriPath("a")}
	p.send(m)
	e := p.request()
	p.send(m)
	first := p.respond(e.ID, Message{Code: codes.Created})
	again := p.send(m)
	p.quiet()
	if len(again) != 1 || again[0].Code != first[0].Code || again[0].MessageID != 77 {
		t.Errorf("answered %v and then %v", first, again)
	}
}

// A program that is started anew on the same port may begin with the message IDs that it had.
func TestPeerStartedAnew(t *testing.T) {
	p := newPeerProbe(t, false)
	for token := range byte(3) {
		p.send(Message{Code: codes.GET, MessageID: 1, Token: []byte{token}, Options: uriPath("a")})
		r := p.respond(p.request().ID, Message{Code: codes.Content, Payload: []byte{token}})
		if len(r) != 1 || !bytes.Equal(r[0].Token, []byte{token}) || !bytes.Equal(r[0].Payload, []byte{token}) {
			t.Fatalf("token %d: answered %v", token, r)
		}
	}
	again := p.send(Message{Code: codes.GET, MessageID: 1, Token: []byte{2}, Options: uriPath("a")})
	p.quiet()
	if len(again) != 1 || !bytes.Equal(again[0].Payload, []byte{2}) {
		t.Errorf("a copy was answered %v", again)
	}
}

// A later block of a transfer that never began is told so (RFC 7959 section 2.9.2).
func TestPeerLaterBlock(t *testing.T) {
	p := newPeerProbe(t, false)
	r := p.send(Message{Code: codes.PUT, Options: append(uriPath("a"), block(message.Block1, 3, true, 2)), Payload: make([]byte, 64)})
	if len(r) != 1 || r[0].Code != codes.RequestEntityIncomplete {
		t.Errorf("answer %v", r)
	}
	p.quiet()
}

// RFC 7252 section 5.7.1: a proxy forwards critical options that it does not know where they
// are safe to, and refuses the others.
func TestForward(t *testing.T) {
	const safe, unsafe = message.OptionID(65001), message.OptionID(65003)
	for _, c := range []struct {
		id      message.OptionID
		forward bool
		passes  bool
	}{{safe, true, true}, {safe, false, false}, {unsafe, true, false}, {unsafe, false, false}} {
		p := newPeerProbe(t, c.forward)
		r := p.send(Message{Code: codes.GET, Options: append(uriPath("a"), message.Option{ID: c.id})})
		if c.passes {
			p.request()
		} else if len(r) != 1 || r[0].Code != codes.BadOption {
			t.Errorf("option %d, forward %v: answer %v", c.id, c.forward, r)
		}
	}
}

// What the application has as Echo goes along until the peer hands out another.
func TestPeerEcho(t *testing.T) {
	var echoes []string
	peer := &scriptedPeer{answer: func(_ time.Time, m *Message, reply func(Message)) {
		value, _ := option(m.Options, optionEcho)
		if echoes = append(echoes, string(value)); string(value) != "fresh" {
			reply(ackOf(m, codes.Unauthorized, message.Options{{ID: optionEcho, Value: []byte("fresh")}}, nil))
			return
		}
		reply(ackOf(m, codes.Changed, nil, nil))
	}}
	p := newPlainPath(t, 1, 0, peer, Config{Peer: true})
	var out Batch
	m := Message{Code: codes.PUT, Options: append(uriPath("a"), message.Option{ID: optionEcho, Value: []byte("stale")})}
	if _, err := p.device.Request(p.now, m, RequestOptions{}, &out); err != nil {
		t.Fatal(err)
	}
	p.carry(0, &out)
	if e := p.result(); e.Message.Code != codes.Changed || len(echoes) != 2 || echoes[0] != "stale" {
		t.Errorf("%v, %v; the peer has seen %q", e.Message.Code, e.Err, echoes)
	}
}

// A response with a critical option that is not known is a proxy's to refuse, others never see
// it.
func TestForwardResponse(t *testing.T) {
	for _, forward := range []bool{true, false} {
		peer := &scriptedPeer{answer: func(_ time.Time, m *Message, reply func(Message)) {
			reply(ackOf(m, codes.Content, message.Options{{ID: 65003}}, nil))
		}}
		p := newPlainPath(t, 1, 0, peer, Config{Peer: true, Forward: forward})
		var out Batch
		if _, err := p.device.Request(p.now, Message{Code: codes.GET, Options: uriPath("a")}, RequestOptions{}, &out); err != nil {
			t.Fatal(err)
		}
		p.carry(0, &out)
		e := p.result()
		if delivered := e.Kind == EventResponse && len(e.Message.Options) == 1; delivered != forward {
			t.Errorf("forward %v: event %d, %v with %v", forward, e.Kind, e.Err, e.Message.Options)
		}
	}
}
