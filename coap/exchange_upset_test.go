package coap

import (
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// Whoever answers each datagram of the plain lane, so that all has to be begun again, has us
// send no more than a window in a round trip.
func TestUpsets(t *testing.T) {
	etag := []byte{0}
	peer := &scriptedPeer{answer: func(_ time.Time, m *Message, reply func(Message)) {
		etag = []byte{etag[0] + 1} // each of them is another response
		reply(ackOf(m, codes.Changed, message.Options{
			{ID: message.ETag, Value: etag}, {ID: message.Block2, Value: nil},
		}, []byte("forged")))
	}}
	p := newPlainPath(t, 1, 0, peer, Config{})
	p.post(testBody(2500, 1), RequestOptions{ExpectBody: 2300})
	end := p.now.Add(2 * time.Second)
	for p.now.Before(end) {
		p.result()
		var out Batch
		p.device.Refetch(p.now, p.id, &out)
		p.carry(0, &out)
	}
	first := 0
	for i, at := range peer.at {
		for peer.at[first].Add(100 * ms).Before(at) {
			first++
		}
		if n := i - first + 1; n > largestWindow {
			t.Fatalf("%d datagrams within a round trip at %v", n, at.Sub(testStart))
		}
	}
	if len(peer.at) < 50 {
		t.Errorf("%d datagrams: the attack has not worked", len(peer.at))
	}
}

// A peer that answers, and takes blocks, and yet never gives a response is given the request
// again, as another transfer.
func TestUnstick(t *testing.T) {
	lane := newMiniLane([]byte("m2"))
	var poisoned []byte
	lane.answer = func(now time.Time, m *Message, reply func(Message)) {
		tag, _ := option(m.Options, optionRequestTag)
		if poisoned == nil {
			poisoned = append(poisoned, tag...)
		}
		b, _ := block1Of(m)
		switch {
		case string(tag) != string(poisoned):
			lane.serve(now, m, reply)
		case b.More:
			reply(ackOf(m, codes.Continue, message.Options{{ID: message.Block1, Value: appendUint(nil, b.Value())}}, nil))
		}
	}
	// Smaller blocks would be tried before that.
	p := newPlainPath(t, 1, 0, lane, Config{MinMessage: defaultMaxMessage})
	p.post(testBody(2500, 1), RequestOptions{})
	e := p.result()
	took := p.now.Sub(testStart)
	if e.Kind != EventResponse || string(e.Message.Payload) != "m2" {
		t.Fatalf("event %d, error %v after %v", e.Kind, e.Err, took)
	}
	if took < stuckAfter || took > 2*stuckAfter+time.Second {
		t.Errorf("finished after %v", took)
	}
}

// An ACK or RST that bears no token counts on the plain lane only where one belongs, so that
// the message IDs of blocks are no use to who guesses them.
func TestGuessedMessageIDs(t *testing.T) {
	p := newPlainPath(t, 1, 0, &scriptedPeer{}, Config{})
	p.post(testBody(2500, 1), RequestOptions{})
	c := p.device
	var out Batch
	for id := range int32(1 << 16) {
		for _, kind := range []message.Type{message.Acknowledgement, message.Reset} {
			b, err := Append(nil, &Message{Type: kind, MessageID: id})
			if err != nil {
				t.Fatal(err)
			}
			c.Receive(p.now.Add(ms), b, &out)
		}
	}
	if c.RTT().Known() || c.recovery.met || out.Len() != 0 || c.recovery.flight != 3 {
		t.Errorf("RTT %v, met %v, %d sent, %d in flight", c.RTT().Smoothed(), c.recovery.met, out.Len(), c.recovery.flight)
	}
}
