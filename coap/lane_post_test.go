package coap

import (
	"bytes"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// TestLaneOrders: blocks in any order, each twice, complete the body once.
func TestLaneOrders(t *testing.T) {
	body, m2 := testBody(250, 1), testBody(150, 2)
	orders := [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}}
	for _, order := range orders {
		s := newStranger(t, LaneConfig{})
		posts := upload(body, 2, tag("a"))
		for i, k := range order[:3] {
			for range 2 {
				want := codes.Continue
				if k == 3 {
					want = codes.RequestEntityIncomplete
				}
				a := s.want(posts[k], want)
				b, _, _ := optionBlock(a.Options, message.Block1)
				if b.Number != uint32(k) || b.More != (k != 3) || b.SZX != 2 {
					t.Errorf("order %v: block %d answered with %v", order, k, b)
				}
				switch {
				case want == codes.Continue && !hasEcho(a):
					t.Error("2.31 without an Echo")
				case want != codes.Continue && len(a.Payload) != 3-i:
					t.Errorf("order %v: missing %x", order, a.Payload)
				}
			}
		}
		transfer := s.completes(posts[order[3]], body)
		if transfer.Proven() {
			t.Error("proven without an Echo")
		}
		s.silence(posts[order[3]]) // the answer is being made
		s.silence(posts[0])
		answers := s.answer(transfer, m2)
		if len(answers) != 1 {
			t.Fatalf("order %v: answered %v", order, answers)
		}
		s.checkFirst(answers[0], m2, order[3])
		for k := range posts { // each repeat is answered alike
			s.checkFirst(s.want(posts[k], codes.Changed), m2, k)
		}
		if got := s.lane.Stats(); got.Transfers != 1 || got.Answered != 1 || got.Entries != 1 {
			t.Errorf("%+v", got)
		}
	}
}

// checkFirst holds an answer against protocol section 7.2, 3.
func (s *stranger) checkFirst(m Message, body []byte, block1 int) {
	s.t.Helper()
	b1, _, _ := optionBlock(m.Options, message.Block1)
	b2, found, _ := optionBlock(m.Options, message.Block2)
	etag, _ := option(m.Options, message.ETag)
	if m.Code != codes.Changed || b1 != (Block{uint32(block1), false, 2}) || !found || b2 != (Block{0, len(body) > 64, 2}) ||
		!bytes.Equal(etag, entityTag(body)) || !bytes.Equal(m.Payload, body[:min(64, len(body))]) {
		s.t.Errorf("first block: %v, Block1 %v, Block2 %v, ETag %x", &m, b1, b2, etag)
	}
}

// TestLaneMissing: the list is a CBOR sequence of the numbers (RFC 9177 section 5).
func TestLaneMissing(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	posts := upload(testBody(1000, 1), 0)
	for k := 1; k < 30; k++ {
		s.want(posts[k], codes.Continue)
	}
	a := s.want(posts[62], codes.RequestEntityIncomplete)
	want := []byte{0}
	for n := byte(30); len(want) < leastList-1; n++ {
		want = append(want, 24, n)
	}
	if format, _ := optionUint(a.Options, message.ContentFormat); format != 272 || !bytes.Equal(a.Payload, want) {
		t.Errorf("format %d, missing %x, want %x", format, a.Payload, want)
	}
}

// TestLaneLoneLast: a lone last block is no body (go-coap hands it to the handler as one).
func TestLaneLoneLast(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	posts := upload(testBody(250, 1), 2)
	if a := s.want(posts[3], codes.RequestEntityIncomplete); !bytes.Equal(a.Payload, []byte{0, 1, 2}) {
		t.Errorf("missing %x", a.Payload)
	}
}

// TestLaneRetransmission: a block that is sent again with its message ID, or another one,
// is the same block (in go-coap its second ACK forks the transfer).
func TestLaneRetransmission(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	body := testBody(250, 1)
	posts := upload(body, 2, tag("a"))
	for k := range 3 {
		s.want(posts[k], codes.Continue)
		s.id--
		s.want(posts[k], codes.Continue)
		s.want(posts[k], codes.Continue)
	}
	s.completes(posts[3], body)
	if st := s.lane.Stats(); st.Entries != 1 || st.Bytes != len(body) {
		t.Errorf("%+v", st)
	}
}

// TestLaneNON: requests by NON are answered by NON, each with a message ID of its own.
func TestLaneNON(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	body := testBody(250, 1)
	posts := upload(body, 2)
	ids := map[int32]bool{}
	for k := range posts {
		posts[k].Type = message.NonConfirmable
		if k < 3 {
			ids[s.want(posts[k], codes.Continue).MessageID] = true
		}
	}
	a := s.answer(s.completes(posts[3], body), []byte("m2"))
	if len(a) != 1 || a[0].Type != message.NonConfirmable || a[0].Code != codes.Changed {
		t.Fatalf("%v", a)
	}
	if ids[a[0].MessageID] = true; len(ids) != 4 {
		t.Errorf("message IDs %v", ids)
	}
}

// TestLaneWhole: a body without Block1 is block 0 and the last.
func TestLaneWhole(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	body := testBody(1400, 1)
	transfer := s.completes(hs(body), body)
	s.silence(hs(body))
	a := s.answer(transfer, testBody(1300, 2))
	if _, found, _ := optionBlock(a[0].Options, message.Block1); found || len(a[0].Payload) != 1024 {
		t.Errorf("%v", &a[0])
	}
	s.want(hs(body), codes.Changed)
	other := changed(body)
	s.completes(hs(other), other) // without a tag another body starts over
}

// TestLaneStartOver: without a tag block 0 with other bytes is another body, and with a
// tag it is dropped.
func TestLaneStartOver(t *testing.T) {
	first, second := testBody(250, 1), testBody(250, 7)
	for _, tagged := range []bool{false, true} {
		s := newStranger(t, LaneConfig{})
		var options []message.Option
		if tagged {
			options = append(options, tag(""))
		}
		a, b := upload(first, 2, options...), upload(second, 2, options...)
		s.want(a[0], codes.Continue)
		s.want(a[1], codes.Continue)
		s.silence(b[1])
		if tagged {
			s.silence(b[0])
			s.want(a[2], codes.Continue)
			s.completes(a[3], first)
			continue
		}
		s.want(b[0], codes.Continue)
		s.want(b[1], codes.Continue)
		s.want(b[2], codes.Continue)
		old := s.completes(b[3], second)
		s.want(a[0], codes.Continue) // while the answer is being made
		if got := s.answer(old, []byte("late")); got != nil {
			t.Errorf("an answer to the body before: %v", got)
		}
		for _, p := range a[1:3] {
			s.want(p, codes.Continue)
		}
		s.answer(s.completes(a[3], first), []byte("m2"))
		s.want(b[0], codes.Continue) // after the answer
		if st := s.lane.Stats(); st.Entries != 1 || st.Bytes != 64 || st.Unproven != 1 {
			t.Errorf("%+v", st)
		}
	}
}

// TestLaneStopAndWait is what libcoap does: a Request-Tag, Size1 and Uri-Port, one block
// at a time, the Echo of each 2.31 in the next, and then the blocks of the answer.
func TestLaneStopAndWait(t *testing.T) {
	body, m2 := testBody(2500, 1), testBody(1300, 2)
	for szx := range uint8(maxSZX + 1) {
		s := newStranger(t, LaneConfig{AlwaysEcho: szx%2 == 1})
		common := []message.Option{tag("lib"), number(message.Size1, uint32(len(body))), number(message.URIPort, 5688)}
		posts := upload(body, szx, common...)
		var echo []message.Option
		var transfer *Transfer
		for k := 0; k < len(posts); k++ {
			m := posts[k]
			m.Options = append(m.Options, echo...)
			if k == len(posts)-1 {
				transfer = s.completes(m, body)
				break
			}
			want := codes.Continue
			if s.lane.config.AlwaysEcho && k == 0 && echo == nil {
				want, k = codes.Unauthorized, -1
			}
			value, ok := option(s.want(m, want).Options, optionEcho)
			if !ok {
				t.Fatal("no Echo to take along")
			}
			echo = []message.Option{{ID: optionEcho, Value: value}}
			s.now = s.now.Add(100 * time.Millisecond)
		}
		if !transfer.Proven() {
			t.Error("not proven")
		}
		got := s.answer(transfer, m2)[0].Payload
		for n := uint32(1); len(got) < len(m2); n++ {
			got = append(got, s.want(pullOf(n, szx, common[0]), codes.Changed).Payload...)
		}
		if !bytes.Equal(got, m2) {
			t.Errorf("szx %d: %d bytes", szx, len(got))
		}
		s.want(pullOf(uint32(len(m2)), szx, common[0]), codes.BadRequest)
	}
}

// TestLaneBlock2Size: the block sizes of the two directions are apart.
func TestLaneBlock2Size(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	body := testBody(200, 1)
	posts := upload(body, 3, blockValue(message.Block2, Block{SZX: 1}))
	s.want(posts[0], codes.Continue)
	a := s.answer(s.completes(posts[1], body), testBody(100, 2))
	if b, _, _ := optionBlock(a[0].Options, message.Block2); b != (Block{0, true, 1}) || len(a[0].Payload) != 32 {
		t.Errorf("%v", b)
	}
	if a := s.want(pullOf(3, 1), codes.Changed); len(a.Payload) != 4 {
		t.Errorf("%d bytes", len(a.Payload))
	}
}
