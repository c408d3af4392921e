package coap

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A peer that has sent all it may to an address which is not proven hears of more bytes.
func TestFeed(t *testing.T) {
	down := testBody(2300, 2)
	lane := newMiniLane(down)
	zeros := 0
	lane.answer = func(now time.Time, m *Message, reply func(Message)) {
		b, isBlock := block1Of(m)
		if isBlock && b.Number == 0 {
			zeros++
		}
		if isBlock || zeros > 1 {
			lane.serve(now, m, reply)
		}
	}
	p := newPlainPath(t, 1, 0, lane, Config{})
	p.post(testBody(2500, 1), RequestOptions{ExpectBody: len(down)})
	if e := p.result(); !bytes.Equal(e.Message.Payload, down) {
		t.Fatalf("%d bytes, error %v", len(e.Message.Payload), e.Err)
	}
	if took := p.now.Sub(testStart); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// The Echo of a 2.31 is on the pulls that are repeated after it.
func TestFreshEchoOnPulls(t *testing.T) {
	down := testBody(2300, 2)
	lane := newMiniLane(down)
	pulls := 0
	lane.answer = func(now time.Time, m *Message, reply func(Message)) {
		if _, isBlock := block1Of(m); !isBlock {
			echo, found := option(m.Options, optionEcho)
			if pulls++; pulls <= 6 { // three copies of each of two
				if found {
					t.Errorf("pull %d bears Echo %q", pulls, echo)
				}
				return
			}
			if string(echo) != "freshest" {
				t.Errorf("pull %d bears Echo %q", pulls, echo)
			}
		}
		lane.serve(now, m, func(r Message) {
			if r.Code == codes.Continue {
				r.Options = append(r.Options, message.Option{ID: optionEcho, Value: []byte("freshest")})
			}
			reply(r)
		})
	}
	p := newPlainPath(t, 1, 0, lane, Config{})
	p.post(testBody(2500, 1), RequestOptions{ExpectBody: len(down)})
	if e := p.result(); !bytes.Equal(e.Message.Payload, down) {
		t.Fatalf("%d bytes, error %v", len(e.Message.Payload), e.Err)
	}
}

// A response without Size2 is pulled to its end, one shorter than expected no further.
func TestUnexpectedSizes(t *testing.T) {
	for _, expect := range []int{0, 100, 3000, 9000} {
		for _, size := range []int{10, 1024, 1025, 3000, 8000} {
			down := testBody(size, 2)
			p := newPlainPath(t, 1, .1, newMiniLane(down), Config{})
			p.post(testBody(2500, 1), RequestOptions{ExpectBody: expect})
			if e := p.result(); !bytes.Equal(e.Message.Payload, down) {
				t.Errorf("expected %d, got %d of %d bytes, error %v", expect, len(e.Message.Payload), size, e.Err)
			}
		}
	}
}

// Sizes up to the largest that an int of 32 bits holds.
func TestBlocks(t *testing.T) {
	for _, row := range []struct {
		size int
		szx  uint8
		want uint32
	}{{0, 6, 0}, {1, 6, 1}, {1024, 6, 1}, {1025, 6, 2}, {33, 0, 3}, {math.MaxInt32, 6, 1 << 21}, {math.MaxInt32, 0, 1 << 27}} {
		if got := blocks(row.size, row.szx); got != row.want {
			t.Errorf("blocks(%d, %d) = %d, want %d", row.size, row.szx, got, row.want)
		}
	}
}
