package coap

import (
	"bytes"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// TestLaneLateAnswer: an answer to an entry that is gone goes nowhere.
func TestLaneLateAnswer(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	a, b := s.completes(hs([]byte("m1")), []byte("m1")), s.completes(hs([]byte("m1"), tag("b")), []byte("m1"))
	s.lane.Advance(s.now.Add(entryIdle))
	var out Batch
	s.lane.Answer(s.now, a, []byte("m2"), &out)
	s.lane.Refuse(s.now, b, codes.BadRequest, &out)
	if st := s.lane.Stats(); out.Len() > 0 || st.Bytes != 0 || st.Entries != 0 {
		t.Errorf("%d datagrams, %+v", out.Len(), st)
	}
}

// TestLaneRefuse: an unsealed refusal is given once, and the entry is as if it had not been.
func TestLaneRefuse(t *testing.T) {
	for _, code := range []Code{codes.BadRequest, codes.Unauthorized, codes.ServiceUnavailable} {
		s := newStranger(t, LaneConfig{})
		posts := upload(testBody(100, 1), 2, tag("a"))
		s.want(posts[0], codes.Continue)
		transfer := s.completes(posts[1], testBody(100, 1))
		s.want(pullOf(1, 2, tag("a")), codes.Empty)
		var out Batch
		for range 2 {
			s.lane.Refuse(s.now, transfer, code, &out)
			s.lane.Answer(s.now, transfer, []byte("m2"), &out)
		}
		got := s.parsed(&out)
		if len(got) != 1 || got[0].Code != code || hasEcho(got[0]) {
			t.Errorf("%v: %v", code, got)
		}
		if age, found := optionUint(got[0].Options, message.MaxAge); found != (code == codes.ServiceUnavailable) || found && age != busyRetry {
			t.Errorf("%v: Max-Age %v", code, age)
		}
		if st := s.lane.Stats(); st.Entries != 0 || st.Bytes != 0 {
			t.Errorf("%+v", st)
		}
		s.want(posts[1], codes.RequestEntityIncomplete)
	}
}

// TestLaneParked: pulls before the answer are acknowledged, kept once, and answered as NON
// under their own tokens, eight at most.
func TestLaneParked(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	body, m2 := testBody(700, 1), testBody(500, 2)
	posts := upload(body, 5, tag("a"))
	s.want(posts[0], codes.Continue)
	tokens := map[uint32][]byte{}
	for n := uint32(1); n <= maxParked; n++ {
		s.want(pullOf(n, 2, tag("a")), codes.Empty)
		tokens[n] = []byte{byte(s.id >> 8), byte(s.id)}
		s.silence(pullOf(n, 2, tag("a"))) // a copy
	}
	s.silence(pullOf(maxParked+1, 2, tag("a")))
	s.now = s.now.Add(quietPull)
	s.want(pullOf(1, 2, tag("a")), codes.Empty) // its sender has not heard of it
	transfer := s.completes(posts[1], body)
	s.now = s.now.Add(quietPull)
	s.want(pullOf(2, 2, tag("a")), codes.Empty) // while the answer is being made

	got := s.answer(transfer, m2)
	if len(got) != 8 || got[0].Type != message.Acknowledgement {
		t.Fatalf("%d answers: %v", len(got), got)
	}
	for i, m := range got[1:] { // block 8 is past the end
		n := uint32(i + 1)
		b, _, _ := optionBlock(m.Options, message.Block2)
		etag, _ := option(m.Options, message.ETag)
		if m.Type != message.NonConfirmable || m.Code != codes.Changed || b.Number != n || b.More != (n < 7) ||
			!bytes.Equal(m.Token, tokens[n]) || !bytes.Equal(m.Payload, m2[64*n:min(500, 64*(n+1))]) || !bytes.Equal(etag, entityTag(m2)) {
			t.Errorf("pull %d: %v, block %v", n, &m, b)
		}
	}
}

// TestLaneQuiet: a pull is not answered again within 6 ms of its answer.
func TestLaneQuiet(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	s.answer(s.completes(hs(testBody(700, 1)), testBody(700, 1)), testBody(1300, 2))
	s.want(pullOf(1, 4), codes.Changed)
	s.silence(pullOf(1, 4))
	s.want(pullOf(2, 4), codes.Changed) // another block
	s.want(pullOf(1, 3), codes.Changed) // another size
	s.now = s.now.Add(quietPull - 1)
	s.silence(pullOf(1, 4))
	s.now = s.now.Add(1)
	s.want(pullOf(1, 4), codes.Changed)
	s.silence(pullOf(1, 4))
	s.want(pullOf(100, 4), codes.BadRequest)
}

// TestLaneSpent: an address that has had its three times is asked for an Echo, not left in the
// dark; with it, it gets the rest.
func TestLaneSpent(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	body, m2 := testBody(700, 1), testBody(1300, 2)
	s.answer(s.completes(hs(body), body), m2)
	pull := pullOf(1, 4)
	for range 2 {
		s.now = s.now.Add(quietPull)
		s.want(pull, codes.Changed)
	}
	spent := Message{}
	for range 10 {
		s.now = s.now.Add(quietPull)
		if got, _ := s.send(pull); len(got) == 1 && got[0].Code == codes.Unauthorized {
			spent = got[0]
			break
		}
	}
	if !hasEcho(spent) {
		t.Fatal("no Echo was demanded where the bound was reached")
	}
	s.want(pullOf(1, 4, s.echo()), codes.Changed)
	s.now = s.now.Add(quietPull)
	s.want(pull, codes.Changed)
}

// TestLaneDemand: a complete transfer that has to prove its address is handed out again when
// it has, and its old ticket is worth nothing.
func TestLaneDemand(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	body := testBody(64, 1)
	old := s.completes(hs(body), body)
	var out Batch
	s.lane.Demand(s.now, old, &out)
	a, err := Parse(out.Datagram(0))
	if err != nil || out.Len() != 1 || a.Code != codes.Unauthorized || !hasEcho(a) {
		t.Fatalf("%d datagrams, the first %v, error %v", out.Len(), a.Code, err)
	}
	s.lane.Demand(s.now, old, &out)
	s.lane.Answer(s.now, old, []byte("m2"), &out)
	if out.Len() != 1 {
		t.Error("the old ticket is answered")
	}
	proof := hs(body)
	proof.Options = append(proof.Options, s.echo())
	if !s.completes(proof, body).Proven() {
		t.Error("not proven by its Echo")
	}
}
