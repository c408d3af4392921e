package coap

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// The tests in this file are named after what was measured on go-coap v3.5.5, which
// docs/decisions.md lists as the reasons for a Conn of our own.

// carryAllBut is carry for a path that loses the datagram with this index.
func (p *testPath) carryAllBut(from, lost int, out *Batch) {
	var rest Batch
	for i := range out.Len() {
		if i != lost {
			rest.commit(append(rest.begin(), out.Datagram(i)...))
		}
	}
	p.sent[from]++
	out.Reset()
	p.carry(from, &rest)
}

func TestEveryBlockIsRetransmitted(t *testing.T) {
	body := testBody(5000, 1)
	for lost := range 5 {
		p := newTestPair(t, 1, 0)
		var out Batch
		m := Message{Code: codes.POST, Options: uriPath("a"), Payload: body}
		id, err := p.conns[0].Request(p.now, m, RequestOptions{ExpectBody: len(body)}, &out)
		if err != nil {
			t.Fatal(err)
		}
		p.carryAllBut(0, lost, &out)
		p.finish(0, id)
		p.check(0, id, body)
		if took := p.now.Sub(testStart); took > 500*ms {
			t.Errorf("datagram %d lost: finished after %v", lost, took)
		}
	}
}

// A second ACK for a block, or an ACK for its second copy, sends nothing.
func TestSecondACK(t *testing.T) {
	c := NewConn(Config{Secure: true, Rand: testRand(1)})
	var out Batch
	body := testBody(20_000, 1)
	if _, err := c.Request(testStart, Message{Code: codes.POST, Payload: body}, RequestOptions{}, &out); err != nil {
		t.Fatal(err)
	}
	if out.Len() != initialWindow {
		t.Fatalf("%d datagrams", out.Len())
	}
	m, err := Parse(bytes.Clone(out.Datagram(1)))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := block1Of(&m)
	ack := ackOf(&m, codes.Continue, message.Options{blockValue(message.Block1, b)}, nil)
	d, err := Append(nil, &ack)
	if err != nil {
		t.Fatal(err)
	}
	out.Reset()
	c.Receive(testStart.Add(100*ms), d, &out)
	if first := out.Len(); first != 2 {
		t.Errorf("%d datagrams after the first ACK", first)
	}
	out.Reset()
	c.Receive(testStart.Add(101*ms), d, &out)
	if out.Len() != 0 {
		t.Errorf("%d datagrams after the second ACK", out.Len())
	}
}

func TestNoLimitOfThreeSeconds(t *testing.T) {
	p := newTestPair(t, 1, .1)
	p.delay = 900 * ms
	body := testBody(20_000, 1)
	id := p.request(0, body, RequestOptions{ExpectBody: len(body)})
	p.finish(0, id)
	p.check(0, id, body)
	if took := p.now.Sub(testStart); took < 3*time.Second {
		t.Errorf("took %v only", took)
	}
}

// More requests than there are message IDs, within less than their lifetime of 247 s.
func TestManyRequests(t *testing.T) {
	client := NewConn(Config{Secure: true, Rand: testRand(1)})
	server := NewConn(Config{Secure: true, Rand: testRand(2)})
	now := testStart
	var up, down Batch
	for n := range 1<<16 + 2000 {
		now = now.Add(ms)
		up.Reset()
		down.Reset()
		id, err := client.Request(now, Message{Code: codes.GET}, RequestOptions{}, &up)
		if err != nil {
			t.Fatal(err)
		}
		for d := range up.All() {
			server.Receive(now, d, &down)
		}
		e, ok := server.Next()
		if !ok || e.Kind != EventRequest {
			t.Fatalf("request %d did not arrive", n)
		}
		if err := server.Respond(now, e.ID, Message{Code: codes.Content}, &down); err != nil {
			t.Fatal(err)
		}
		for d := range down.All() {
			client.Receive(now, d, &up)
		}
		if e, ok := client.Next(); !ok || e.Kind != EventResponse || e.ID != id {
			t.Fatalf("request %d was not answered", n)
		}
	}
	if n := len(server.server.entries); n > maxAnswered+1 {
		t.Errorf("%d entries", n)
	}
	if len(client.byID)+len(client.byToken)+len(client.open)+len(client.ready) != 0 {
		t.Error("the client remembers exchanges that have ended")
	}
	if n := len(client.recovery.packets.ring) + len(server.recovery.packets.ring); n > 2*firstPackets {
		t.Errorf("%d packets", n)
	}
	if cap(client.events)+cap(server.events) > 8 {
		t.Errorf("%d places for events", cap(client.events)+cap(server.events))
	}
}

// A slow handler stops neither other requests nor its own.
func TestSlowHandler(t *testing.T) {
	p := newTestPair(t, 1, 0)
	slow := true
	p.thinking = func() time.Duration {
		if slow {
			slow = false
			return 30 * time.Second
		}
		return 0
	}
	first := p.request(0, []byte("slow"), RequestOptions{})
	p.run(time.Second, func() bool { return len(p.handled[1]) == 1 })
	second := p.request(0, []byte("fast"), RequestOptions{})
	p.finish(0, second)
	if took := p.now.Sub(testStart); took > 300*ms {
		t.Errorf("the fast request took %v", took)
	}
	p.finish(0, first)
	p.check(0, first, []byte("slow"))
	p.run(time.Second, func() bool { return len(p.queue) == 0 })
	if p.sent[0] != 3 || p.sent[1] != 3 { // CON, ACK, CON, ACK; and CON, ACK
		t.Errorf("%d and %d datagrams", p.sent[0], p.sent[1])
	}
}

func TestResponseBodyCap(t *testing.T) {
	p := newTestPair(t, 1, 0)
	p.conns[0].config.MaxBody = 5000
	p.respond = func(Message) Message { return Message{Code: codes.Content, Payload: testBody(20_000, 1)} }
	id := p.request(0, nil, RequestOptions{})
	p.finish(0, id)
	if e := p.done[0][id]; !errors.Is(e.Err, ErrTooLarge) {
		t.Errorf("event %d, error %v", e.Kind, e.Err)
	}
}

func TestRequestBodyCap(t *testing.T) {
	p := newTestPair(t, 1, 0)
	p.conns[1].config.MaxBody = 5000
	id := p.request(0, testBody(20_000, 1), RequestOptions{})
	p.finish(0, id)
	if e := p.done[0][id]; e.Message.Code != codes.RequestEntityTooLarge || len(p.handled[1]) != 0 {
		t.Errorf("event %d %v, %d handled", e.Kind, e.Message.Code, len(p.handled[1]))
	}
}

// What is not CoAP changes nothing.
func TestMalformedDatagram(t *testing.T) {
	p := newTestPair(t, 1, 0)
	id := p.request(0, testBody(3000, 1), RequestOptions{})
	var out Batch
	for _, d := range [][]byte{nil, {0x40}, {0x80, 1, 2, 3}, {0x40, 0x01, 0, 1, 0xff}, {0x4f, 1, 0, 1}, bytes.Repeat([]byte{0x40}, 2000)} {
		for _, c := range p.conns {
			c.Receive(p.now, d, &out)
		}
	}
	if out.Len() != 0 {
		t.Errorf("%d answers", out.Len())
	}
	p.finish(0, id)
	p.check(0, id, testBody(3000, 1))
}

// A Conn does nothing before its Deadline, and what it waits for comes at that time.
func TestDeadlineIsExact(t *testing.T) {
	for seed := range uint64(20) {
		p := newTestPair(t, seed, .3)
		p.jitter = 30 * ms
		p.thinking = func() time.Duration { return time.Duration(p.rng.IntN(200)) * ms }
		var ids []uint64
		for i := range 20 {
			ids = append(ids, p.request(0, testBody(i*200, 1), RequestOptions{ExpectBody: i * 200}))
		}
		p.run(10*time.Minute, func() bool {
			var out Batch
			for i, c := range p.conns {
				at := c.Deadline()
				if len(p.queue) > 0 {
					at = earlier(at, p.queue[0].at)
				}
				if early := at.Add(-1); early.After(p.now) {
					c.Advance(early, &out)
				}
				if out.Len() > 0 {
					t.Fatalf("seed %d: end %d sent %d datagrams before its deadline", seed, i, out.Len())
				}
			}
			return len(p.done[0]) == len(ids)
		})
	}
}
