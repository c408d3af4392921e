package coap

import (
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func noResponse(v byte) message.Options {
	return message.Options{{ID: message.URIPath, Value: []byte("a")}, {ID: message.NoResponse, Value: []byte{v}}}
}

// RFC 7967 section 2.1: which class is suppressed by which bit.
func TestNoResponse(t *testing.T) {
	for _, c := range []struct {
		value byte
		code  codes.Code
		want  codes.Code
	}{
		{2, codes.Content, codes.Empty}, {2, codes.NotFound, codes.NotFound}, {8, codes.NotFound, codes.Empty},
		{8, codes.Content, codes.Content}, {16, codes.InternalServerError, codes.Empty}, {26, codes.Content, codes.Empty},
	} {
		for name, mode := range map[string][]func(*Config){"records": nil, "peer": {peerMode}} {
			p := newTestPair(t, 1, .1, mode...)
			p.respond = func(Message) Message { return Message{Code: c.code} }
			var out Batch
			id, err := p.conns[0].Request(p.now, Message{Code: codes.POST, Options: noResponse(c.value), Payload: testBody(2500, 1)}, RequestOptions{}, &out)
			if err != nil {
				t.Fatal(err)
			}
			p.carry(0, &out)
			p.finish(0, id)
			if e := p.done[0][id]; e.Kind != EventResponse || e.Message.Code != c.want {
				t.Errorf("%s: No-Response %d and %v: event %d with %v", name, c.value, c.code, e.Kind, e.Message.Code)
			}
			for token, n := range p.handled[1] {
				if n != 1 {
					t.Errorf("%s: request %d was handled %d times", name, token, n)
				}
			}
		}
	}
}

// A NON that nobody answers is one datagram, and nothing waits for it.
func TestSendOnce(t *testing.T) {
	p := newTestPair(t, 1, 0)
	p.respond = func(Message) Message { return Message{Code: codes.Changed} }
	var out Batch
	m := Message{Type: message.NonConfirmable, Code: codes.POST, Options: noResponse(26), Payload: []byte("21.5")}
	if _, err := p.conns[0].Request(p.now, m, RequestOptions{}, &out); err != nil {
		t.Fatal(err)
	}
	p.carry(0, &out)
	p.run(time.Second, func() bool { return len(p.bodies[1]) == 1 })
	if p.sent != [2]int{1, 0} || !p.conns[0].Deadline().IsZero() {
		t.Errorf("%d datagrams there, %d back; deadline %v", p.sent[0], p.sent[1], p.conns[0].Deadline())
	}
}
