package coap

import (
	"net/netip"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// TestLaneKeys: endpoint and tag make the key; none is another than an empty one.
func TestLaneKeys(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	body := testBody(100, 1)
	for i, options := range [][]message.Option{nil, {tag("")}, {tag("a")}, {tag("a\x00")}} {
		s.want(upload(body, 2, options...)[0], codes.Continue)
		if n := s.lane.Stats().Entries; n != i+1 {
			t.Errorf("%d entries, want %d", n, i+1)
		}
	}
	s.from = netip.AddrPortFrom(s.from.Addr(), 1)
	s.want(upload(body, 2)[1], codes.RequestEntityIncomplete)
	s.from = netip.MustParseAddrPort("[2001:db8::8]:40000")
	s.want(upload(body, 2)[1], codes.RequestEntityIncomplete)
	s.from = netip.MustParseAddrPort("192.0.2.1:40000")
	s.want(upload(body, 2)[0], codes.Continue)
	s.from = netip.MustParseAddrPort("[::ffff:192.0.2.1]:40000") // the same, on another socket
	if transfer := s.lane.Stats().Entries; transfer != 7 {
		t.Errorf("%d entries", transfer)
	}
	if _, transfer := s.send(upload(body, 2)[1]); transfer == nil {
		t.Error("a mapped address is another endpoint")
	}
	s.want(hs([]byte("x"), tag("a"), tag("b")), codes.BadRequest)
}

// TestLaneLife: 60 s after the last new block, 247 s at most, also after the answer.
func TestLaneLife(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	if !s.lane.Deadline().IsZero() {
		t.Error("a deadline without an entry")
	}
	posts := upload(testBody(16*8, 1), 0)
	begun := s.now
	for k := range 5 {
		s.want(posts[k], codes.Continue)
		s.now = begun.Add(time.Duration(k+1) * 49 * time.Second)
		s.want(posts[k], codes.Continue) // a repeat gives no more time
	}
	if d := s.lane.Deadline(); !d.Equal(begun.Add(entryLife)) {
		t.Errorf("deadline after %v", d.Sub(begun))
	}
	s.lane.Advance(begun.Add(entryLife - 1))
	if n := s.lane.Stats().Entries; n != 1 {
		t.Errorf("%d entries", n)
	}
	s.now = begun.Add(entryLife)
	s.want(posts[7], codes.RequestEntityIncomplete) // without Advance too
	if st := s.lane.Stats(); st.Expired != 1 || st.Entries != 1 || st.Bytes != 16 {
		t.Errorf("%+v", st)
	}
	d := s.lane.Deadline()
	if !d.Equal(s.now.Add(entryIdle)) {
		t.Errorf("deadline after %v", d.Sub(s.now))
	}
	s.lane.Advance(d.Add(-1))
	if s.lane.Stats().Entries != 1 {
		t.Error("expired early")
	}
	s.lane.Advance(d)
	if st := s.lane.Stats(); st.Entries != 0 || st.Bytes != 0 || st.Unproven != 0 || !s.lane.Deadline().IsZero() {
		t.Errorf("%+v", st)
	}
}
