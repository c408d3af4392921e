package coap

import (
	"testing"

	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// FuzzReceive gives a Conn with open exchanges arbitrary datagrams, each preceded by its
// size, and lets time pass. It must not fail, and what it holds stays bounded.
func FuzzReceive(f *testing.F) {
	f.Add(true, []byte{4, 0x40, 1, 0, 1, 5, 0x41, 1, 0, 1, 1})
	f.Add(true, []byte("\x18\x41\x02\x00\x07\x01\xd1\x0e\x08\xff0123456789abcde\x05\x41\x01\x00\x08\x01"))
	f.Add(false, []byte{4, 0x60, 0, 0, 1, 4, 0x70, 0, 0, 2})
	var out Batch
	seed := NewConn(Config{Secure: true, Rand: testRand(9)})
	if _, err := seed.Request(testStart, Message{Code: codes.POST, Payload: testBody(2000, 1)}, RequestOptions{ExpectBody: 2000}, &out); err != nil {
		f.Fatal(err)
	}
	var all []byte
	for d := range out.All() {
		all = append(append(all, byte(min(len(d), 255))), d[:min(len(d), 255)]...)
	}
	f.Add(true, all)
	f.Fuzz(func(t *testing.T, secure bool, data []byte) {
		const maxBody = 4096
		c := NewConn(Config{Secure: secure, Rand: testRand(1), MaxBody: maxBody})
		var out Batch
		now := testStart
		for i := range 3 {
			m := Message{Code: codes.POST, Options: uriPath("a"), Payload: testBody(i*1500, 1)}
			if _, err := c.Request(now, m, RequestOptions{ExpectBody: 1500}, &out); err != nil {
				t.Fatal(err)
			}
		}
		for len(data) > 0 {
			n := min(int(data[0]), len(data)-1)
			d := append([]byte(nil), data[1:1+n]...)
			if data = data[1+n:]; n >= headerSize { // so that answers find what they answer
				id := c.recovery.packets.first + uint16(d[3])
				if kind := d[0] >> 4 & 3; kind >= 2 {
					d[2], d[3] = byte(id>>8), byte(id)
				}
			}
			out.Reset()
			c.Receive(now, d, &out)
			if at := c.Deadline(); !at.IsZero() && n%3 == 0 {
				if at.Before(now) {
					t.Fatalf("deadline %v in the past", now.Sub(at))
				}
				now = at
				c.Advance(now, &out)
			}
			for e, ok := c.Next(); ok; e, ok = c.Next() {
				if len(e.Message.Payload) > maxBody {
					t.Fatalf("a body of %d bytes", len(e.Message.Payload))
				}
				if e.Kind == EventRequest && e.ID%2 == 0 {
					if err := c.Respond(now, e.ID, Message{Code: codes.Content, Payload: testBody(3000, 1)}, &out); err != nil {
						t.Fatal(err)
					}
				}
			}
			for sent := range out.All() {
				if _, err := Parse(append([]byte(nil), sent...)); err != nil {
					t.Fatalf("sent %x: %v", sent, err)
				}
			}
			s := &c.server
			if len(s.entries) > maxUnanswered+maxAnswered+1 || s.held > (bodiesHeld+1)*maxBody || c.recovery.flight < 0 {
				t.Fatalf("%d entries, %d bytes, %d in flight", len(s.entries), s.held, c.recovery.flight)
			}
		}
		for range 1000 { // everything ends by itself
			at := c.Deadline()
			if at.IsZero() {
				break
			}
			now = at
			out.Reset()
			c.Advance(now, &out)
		}
		if len(c.byID) != 0 && !c.Deadline().IsZero() {
			t.Fatalf("%d exchanges never end", len(c.byID))
		}
	})
}
