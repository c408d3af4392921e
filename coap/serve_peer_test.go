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
				id := p.request(0, up, RequestOptions{})
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
