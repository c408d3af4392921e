package coap

import (
	"bytes"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func post(token byte, b Block, payload []byte) Message {
	return Message{Code: codes.POST, Token: message.Token{token}, Options: message.Options{blockValue(message.Block1, b)}, Payload: payload}
}

// A lone last block is not a whole body, a repeated one forks nothing, and a block that
// completes the body may be any.
func TestServeBlocks(t *testing.T) {
	p := newProbe(t, Config{})
	body := testBody(2500, 1)
	last := post(1, Block{Number: 2, SZX: 6}, body[2048:])
	r := p.only(p.send(last), message.Acknowledgement, codes.RequestEntityIncomplete)
	if format, _ := optionUint(r.Options, message.ContentFormat); format != 272 || !bytes.Equal(r.Payload, []byte{0, 1}) {
		t.Errorf("missing: format %d, %x", format, r.Payload)
	}
	p.only(p.send(last), message.Acknowledgement, codes.RequestEntityIncomplete)
	for range 2 {
		r = p.only(p.send(post(1, Block{Number: 1, More: true, SZX: 6}, body[1024:2048])), message.Acknowledgement, codes.Continue)
		if b, _ := block1Of(&r); b.Number != 1 {
			t.Errorf("2.31 for block %d", b.Number)
		}
	}
	if got := p.send(post(1, Block{Number: 1, More: true, SZX: 6}, make([]byte, 1024))); len(got) != 0 {
		t.Errorf("other bytes under a number got %v", got)
	}
	p.quiet()
	pull := Message{Code: codes.POST, Token: message.Token{1}, Options: message.Options{blockValue(message.Block2, Block{Number: 1, SZX: 6})}}
	p.only(p.send(pull), message.Acknowledgement, codes.Empty)
	if got := p.send(post(1, Block{Number: 0, More: true, SZX: 6}, body[:1024])); len(got) != 0 {
		t.Errorf("sent %v before the response", got)
	}
	e := p.request()
	if !bytes.Equal(e.Message.Payload, body) || len(e.Message.Options) != 0 {
		t.Errorf("%d bytes, options %v", len(e.Message.Payload), e.Message.Options)
	}
	got := p.respond(e.ID, Message{Code: codes.Changed, Payload: body})
	if len(got) != 2 || got[0].Type != message.Acknowledgement || got[1].Type != message.NonConfirmable {
		t.Fatalf("sent %v", got)
	}
	if b := blockOf(got[0]); b != (Block{More: true, SZX: 6}) || !bytes.Equal(got[0].Payload, body[:1024]) {
		t.Errorf("block %+v with %d bytes", b, len(got[0].Payload))
	}
	if b := blockOf(got[1]); b != (Block{Number: 1, More: true, SZX: 6}) || !bytes.Equal(got[1].Payload, body[1024:2048]) {
		t.Errorf("block %+v with %d bytes", b, len(got[1].Payload))
	}
	p.only(p.send(last), message.Acknowledgement, codes.Changed)
	pull.Options[0] = blockValue(message.Block2, Block{Number: 3, SZX: 6})
	p.only(p.send(pull), message.Acknowledgement, codes.BadRequest)
	p.quiet()
}

func TestServeBodyCap(t *testing.T) {
	p := newProbe(t, Config{MaxBody: 100})
	p.only(p.send(post(1, Block{Number: 6, More: true, SZX: 0}, make([]byte, 16))), message.Acknowledgement, codes.RequestEntityTooLarge)
	r := p.only(p.send(post(1, Block{Number: 0, More: true, SZX: 0}, make([]byte, 16))), message.Acknowledgement, codes.RequestEntityTooLarge)
	if limit, _ := optionUint(r.Options, message.Size1); limit != 100 {
		t.Errorf("Size1 %d", limit)
	}
	m := get(2)
	m.Payload = make([]byte, 101)
	p.only(p.send(m), message.Acknowledgement, codes.RequestEntityTooLarge)
	p.quiet()
}

// A client that asks for smaller blocks gets them.
func TestServeSmallerBlocks(t *testing.T) {
	p := newProbe(t, Config{})
	p.send(get(1, blockValue(message.Block2, Block{SZX: 2})))
	e := p.request()
	body := testBody(200, 1)
	r := p.only(p.respond(e.ID, Message{Code: codes.Content, Payload: body}), message.Acknowledgement, codes.Content)
	if b := blockOf(r); b != (Block{More: true, SZX: 2}) || !bytes.Equal(r.Payload, body[:64]) {
		t.Errorf("block %+v with %d bytes", b, len(r.Payload))
	}
	r = p.only(p.send(get(1, blockValue(message.Block2, Block{Number: 3, SZX: 2}))), message.Acknowledgement, codes.Content)
	if b := blockOf(r); b != (Block{Number: 3, SZX: 2}) || !bytes.Equal(r.Payload, body[192:]) {
		t.Errorf("block %+v with %d bytes", b, len(r.Payload))
	}
}
