package coap

import (
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
