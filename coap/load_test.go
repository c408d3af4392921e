package coap

import (
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func TestBusy(t *testing.T) {
	p := newTestPair(t, 1, 0, peerMode)
	if p.conns[0].Busy() || p.conns[1].Busy() {
		t.Error("busy with nothing")
	}
	id := p.request(0, []byte("x"), RequestOptions{})
	if !p.conns[0].Busy() {
		t.Error("not busy with a request")
	}
	p.finish(0, id)
	if p.conns[0].Busy() || p.conns[1].Busy() {
		t.Error("busy with what has ended")
	}
	p.observe([]byte("one"))
	if !p.conns[0].Busy() || !p.conns[1].Busy() {
		t.Error("not busy with an observation")
	}
}

func TestHeld(t *testing.T) {
	p := newPeerProbe(t, false)
	p.send(Message{Code: codes.PUT, Options: append(uriPath("a"), block(message.Block1, 0, true, 6)), Payload: make([]byte, 1024)})
	if n := p.conn.Held(); n != 1024 {
		t.Errorf("%d bytes held of a block of 1024", n)
	}
	p.send(Message{Code: codes.PUT, Options: append(uriPath("a"), block(message.Block1, 1, false, 6)), Payload: make([]byte, 10)})
	if n := p.conn.Held(); n != 0 {
		t.Errorf("%d bytes held of what the handler has", n)
	}
	p.respond(p.request().ID, Message{Code: codes.Changed, Payload: make([]byte, 3000)})
	if n := p.conn.Held(); n != 3000 {
		t.Errorf("%d bytes held of a response of 3000", n)
	}
	var out Batch
	p.conn.Advance(p.now.Add(entryLifetime+time.Second), &out)
	if n := p.conn.Held(); n != 0 {
		t.Errorf("%d bytes held after their time", n)
	}
}
