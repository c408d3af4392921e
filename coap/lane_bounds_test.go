package coap

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// address makes one of many: n names the prefix, host what is in it.
func address(n, host int) netip.AddrPort {
	a := [16]byte{0x20, 0x01}
	binary.BigEndian.PutUint32(a[2:], uint32(n))
	binary.BigEndian.PutUint32(a[12:], uint32(host))
	return netip.AddrPortFrom(netip.AddrFrom16(a), 5000)
}

// TestLaneAlwaysEcho: nothing is kept before a valid Echo.
func TestLaneAlwaysEcho(t *testing.T) {
	s := newStranger(t, LaneConfig{AlwaysEcho: true})
	body := testBody(100, 1)
	posts := upload(body, 2)
	long := message.Option{ID: optionEcho, Value: testEcho().AppendLong(nil, s.now, s.from.Addr())}
	forged := message.Option{ID: optionEcho, Value: make([]byte, EchoSize)}
	for _, m := range []Message{posts[0], posts[1], hs(body), upload(body, 2, forged)[0]} {
		if a := s.want(m, codes.Unauthorized); !hasEcho(a) {
			t.Error("4.01 without an Echo")
		}
	}
	if st := s.lane.Stats(); st.Entries != 0 || st.EchoDemanded != 4 {
		t.Errorf("%+v", st)
	}
	s.want(upload(body, 2, long)[0], codes.Continue)
	if transfer := s.completes(posts[1], body); !transfer.Proven() {
		t.Error("not proven")
	}
	if st := s.lane.Stats(); st.Entries != 1 || st.Unproven != 0 || s.lane.unproven.bytes != 0 {
		t.Errorf("%+v", st)
	}
	s.lane.SetAlwaysEcho(false)
	s.want(upload(testBody(100, 2), 2)[0], codes.Continue)
}

// TestLaneProve: an Echo on any later block or pull proves the entry.
func TestLaneProve(t *testing.T) {
	body := testBody(100, 1)
	for _, pull := range []bool{false, true} {
		s := newStranger(t, LaneConfig{})
		s.want(upload(body, 2)[0], codes.Continue)
		if pull {
			s.want(pullOf(1, 2, s.echo()), codes.Empty)
		} else {
			s.want(upload(body, 2, s.echo())[0], codes.Continue)
		}
		if st := s.lane.Stats(); st.Entries != 1 || st.Unproven != 0 || st.Bytes != 64 || s.lane.proven.bytes != 64 {
			t.Errorf("%+v", st)
		}
		transfer := s.completes(upload(body, 2)[1], body)
		if got := s.answer(transfer, testBody(64*8, 1)); !transfer.Proven() || len(got[0].Payload) != 64 {
			t.Errorf("proven %v, answered %v", transfer.Proven(), got)
		}
		s.now = s.now.Add(quietPull)
		for n := range uint32(7) {
			s.want(pullOf(n+1, 2), codes.Changed)
		}
	}
}

// TestLaneAmplification: whatever is asked for, an unproven address gets three times its
// bytes at most, and outside a transfer no more than it brought.
func TestLaneAmplification(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	transfer := s.completes(hs(testBody(100, 1)), testBody(100, 1))
	in, sent := transfer.entry.received, 0
	count := func(messages []Message) {
		for _, m := range messages {
			d, _ := Append(nil, &m)
			sent += len(d)
		}
	}
	count(s.answer(transfer, testBody(5000, 2))) // 1024 bytes do not fit
	if sent != 0 || s.lane.Stats().Unsent != 1 {
		t.Errorf("%d bytes sent", sent)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		s.now = s.now.Add(quietPull)
		m := pullOf(rng.Uint32N(5), uint8(rng.Uint32N(7)))
		before := transfer.entry.received
		got, _ := s.send(m)
		in += transfer.entry.received - before
		count(got)
		if sent > amplify*in || sent != transfer.entry.sent {
			t.Fatalf("%d bytes sent for %d, %d counted", sent, in, transfer.entry.sent)
		}
	}
	if sent < 2*in {
		t.Errorf("%d bytes sent for %d", sent, in)
	}
	s.now = s.now.Add(quietPull) // an Echo lifts the bound
	if a := s.want(pullOf(0, 6, s.echo()), codes.Changed); len(a.Payload) != 1024 {
		t.Errorf("%d bytes", len(a.Payload))
	}
}

// TestLaneBrought: a request outside a transfer that is smaller than its answer gets none.
func TestLaneBrought(t *testing.T) {
	s := newStranger(t, LaneConfig{AlwaysEcho: true})
	if got, _ := s.raw([]byte{0x40, 2, 0, 1, 0xb2, 'h', 's', 0xff, 'x'}); len(got) > 0 {
		t.Errorf("answered %v", got)
	}
	if st := s.lane.Stats(); st.Unsent != 1 || st.EchoDemanded != 1 {
		t.Errorf("%+v", st)
	}
	// A GET is the exception: up to three times its bytes, for the Echo.
	if got, _ := s.raw([]byte{0x40, 1, 0, 1, 0xb2, 'h', 's'}); len(got) != 1 || !hasEcho(got[0]) {
		t.Errorf("answered %v", got)
	}
}

// TestLaneWithheld: what belongs to no transfer is answered while there is leave to, and what
// belongs to one always.
func TestLaneWithheld(t *testing.T) {
	left, asked := 0, (*stranger)(nil)
	s := newStranger(t, LaneConfig{Answer: func(now time.Time, to netip.Addr) bool {
		if !now.Equal(asked.now) || to != asked.from.Addr() {
			t.Errorf("asked for %v at %v", to, now)
		}
		left--
		return left >= 0
	}})
	asked = s
	get := Message{Code: codes.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("hs")}, s.echo()}}
	other := Message{Code: codes.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("x")}}}
	ping := []byte{0x40, 0, 1, 2}
	all := func() (n int) {
		for _, m := range []Message{get, other, pullOf(0, 2)} {
			got, _ := s.send(m)
			n += len(got)
		}
		got, _ := s.raw(ping)
		return n + len(got)
	}
	for _, leave := range []int{4, 2, 0} {
		left = leave
		before := s.lane.Stats().Withheld
		if n := all(); n != leave {
			t.Errorf("%d answers with leave for %d", n, leave)
		}
		if got := s.lane.Stats().Withheld - before; got != uint64(4-leave) {
			t.Errorf("%d counted as withheld, want %d", got, 4-leave)
		}
	}
	s.want(upload(testBody(100, 1), 2)[0], codes.Continue)
}

// TestLaneEntries: a flood of blocks makes as many entries as the pool may have, takes
// none from those who are in, and costs the next a round trip (go-coap has no cap).
func TestLaneEntries(t *testing.T) {
	limits := PoolLimits{Entries: 20, Bytes: 1 << 20, PrefixEntries: 5}
	s := newStranger(t, LaneConfig{Unproven: limits, Proven: limits})
	body := testBody(100, 1)
	posts := upload(body, 2)
	for prefix := range 10 {
		for host := range 10 {
			s.from = address(prefix, host)
			want := codes.Continue
			if host >= 5 || prefix >= 4 {
				want = codes.Unauthorized
			}
			s.want(posts[0], want)
		}
	}
	st := s.lane.Stats()
	if st.Entries != 20 || st.Unproven != 20 || st.Bytes != 20*64 || st.Evicted != 0 || len(s.lane.unproven.prefixes) != 4 {
		t.Errorf("%+v", st)
	}
	s.want(upload(body, 2, s.echo())[0], codes.Continue)
	for prefix := range 4 {
		s.from = address(prefix, 0)
		s.completes(posts[1], body) // who was in goes on
	}
	for n := range 40 { // the proven pool has its bounds too
		s.from = address(20+n, 0)
		m := upload(body, 2, s.echo())[0]
		if n < 19 {
			s.want(m, codes.Continue)
		} else if a := s.want(m, codes.ServiceUnavailable); hasEcho(a) {
			t.Error("5.03 with an Echo")
		}
	}
	if st := s.lane.Stats(); st.Entries != 40 || st.Unproven != 20 {
		t.Errorf("%+v", st)
	}
}

// TestLaneAnsweredMakeRoom: what was answered a while ago makes room for others.
func TestLaneAnsweredMakeRoom(t *testing.T) {
	s := newStranger(t, LaneConfig{Unproven: PoolLimits{Entries: 4, Bytes: 1 << 20, PrefixEntries: 2}})
	body := testBody(100, 1)
	for n := range 4 { // answered ones do not count for their prefix
		s.from = address(1, n)
		s.answer(s.completes(hs(body), body), []byte("m2"))
	}
	s.from = address(1, 9)
	s.want(hs(body), codes.Unauthorized)
	s.now = s.now.Add(answeredRest)
	s.completes(hs(body), body)
	if st := s.lane.Stats(); st.Entries != 4 || st.Evicted != 1 {
		t.Errorf("%+v", st)
	}
	s.from = address(1, 0)
	s.want(pullOf(1, 2), codes.RequestEntityIncomplete)
	s.from = address(1, 1)
	s.want(pullOf(0, 2), codes.Changed)
}

// TestLaneBytes: where three quarters of a pool's bytes are out no new entry is made, and
// those in it make room for each other, the oldest first.
func TestLaneBytes(t *testing.T) {
	s := newStranger(t, LaneConfig{Unproven: PoolLimits{Entries: 100, Bytes: 640, PrefixEntries: 100}})
	posts := upload(testBody(1000, 1), 2)
	for n := range 20 {
		s.from = address(n, 0)
		want := codes.Continue
		if n >= 8 { // 512 bytes are held, and 480 is three quarters
			want = codes.Unauthorized
		}
		s.want(posts[0], want)
	}
	s.from = address(7, 0)
	for k := 1; k < 10; k++ { // pushes the oldest seven out
		s.want(posts[k], codes.Continue)
		if b := s.lane.Stats().Bytes; b > 640 {
			t.Fatalf("%d bytes", b)
		}
	}
	if st := s.lane.Stats(); st.Entries != 1 || st.Evicted != 7 {
		t.Errorf("%+v", st)
	}
	if a := s.want(posts[10], codes.Unauthorized); !hasEcho(a) { // is the oldest itself
		t.Error("4.01 without an Echo")
	}
	if st := s.lane.Stats(); st.Entries != 0 || st.Bytes != 0 {
		t.Errorf("%+v", st)
	}
	small := hs([]byte("a small m1, with a large answer"))
	transfer := s.completes(small, small.Payload)
	s.answer(transfer, testBody(1000, 1)) // does not fit: given once, not kept
	if st := s.lane.Stats(); st.Entries != 0 || st.Bytes != 0 || st.Answered != 1 {
		t.Errorf("%+v", st)
	}
}

// TestLaneMaxBody: bodies end at the cap, and the cap is for each of them (go-coap has none).
func TestLaneMaxBody(t *testing.T) {
	s := newStranger(t, LaneConfig{MaxBody: 200})
	posts := upload(testBody(300, 1), 2)
	for k := range 3 {
		s.want(posts[k], codes.Continue)
	}
	a := s.want(posts[3], codes.RequestEntityTooLarge)
	if size, _ := optionUint(a.Options, message.Size1); size != 200 {
		t.Errorf("Size1 %d", size)
	}
	s.want(hs(make([]byte, 201)), codes.RequestEntityTooLarge)
	if st := s.lane.Stats(); st.Bytes != 192 {
		t.Errorf("%+v", st)
	}
}

// checkLane holds what a Lane counts against what it has.
func checkLane(t *testing.T, l *Lane) {
	t.Helper()
	unproven, proven := 0, 0
	for key, e := range l.entries {
		if l.expiry[e.index] != e || e.key != key || e.held < e.body.size() {
			t.Fatalf("entry %v: %d bytes held, %d counted", key, e.body.size(), e.held)
		}
		if len(e.parked) > maxParked || e.body.size() > l.config.MaxBody || !e.proven && e.sent > amplify*e.received {
			t.Fatalf("entry %v: %d parked, %d bytes, sent %d for %d", key, len(e.parked), e.body.size(), e.sent, e.received)
		}
		if e.pool == &l.proven {
			proven += e.held
		} else {
			unproven += e.held
		}
	}
	if unproven != l.unproven.bytes || proven != l.proven.bytes || len(l.expiry) != len(l.entries) ||
		l.unproven.entries()+l.proven.entries() != len(l.entries) {
		t.Fatalf("%d and %d bytes, %d entries", unproven, proven, len(l.entries))
	}
	for _, p := range []*pool{&l.unproven, &l.proven} {
		open := 0
		for _, n := range p.prefixes {
			open += n
		}
		if open != p.open.Len() || p.entries() > p.limits.Entries || p.bytes > p.limits.Bytes+l.config.MaxBody {
			t.Fatalf("%d open of %d, %d entries, %d bytes", open, p.open.Len(), p.entries(), p.bytes)
		}
	}
}

// TestLaneShrinks: what a rush has needed is given back.
func TestLaneShrinks(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	const rush = 4000
	for n := range rush {
		s.from = address(n, n)
		s.want(upload(testBody(100, 1), 2, s.echo())[0], codes.Continue)
	}
	if s.lane.most != rush {
		t.Fatalf("%d entries at most", s.lane.most)
	}
	kept := s.from
	s.now = s.now.Add(entryIdle / 2)
	s.want(upload(testBody(200, 1), 2, tag("a"))[0], codes.Continue)
	s.now = s.now.Add(entryIdle/2 + 1)
	s.lane.Advance(s.now)
	if s.lane.most >= shrinkFrom || len(s.lane.entries) != 1 {
		t.Errorf("%d entries, made for %d", len(s.lane.entries), s.lane.most)
	}
	s.from = kept
	if got, _ := s.send(upload(testBody(200, 1), 2, tag("a"))[1]); len(got) != 1 {
		t.Errorf("the one that stays is not known: %v", got)
	}
}
