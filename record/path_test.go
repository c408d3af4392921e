package record

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

var (
	home     = netip.MustParseAddrPort("192.0.2.1:5688")
	away     = netip.MustParseAddrPort("198.51.100.7:40000")
	stranger = netip.MustParseAddrPort("203.0.113.66:6666")
)

// A pathEnd is a Path in tests, with the challenges it has sent to each address.
type pathEnd struct {
	testing.TB
	*Path
	rand  *rand.ChaCha8
	asked map[netip.AddrPort][]PathMessage
	bytes map[netip.AddrPort]int
}

// challengeSize is that of a datagram with a path message to a device.
const challengeSize = 20 + PathMessageSize

func newPathEnd(t testing.TB) *pathEnd {
	return &pathEnd{t, NewPath(home), rand.NewChaCha8([32]byte{3}), map[netip.AddrPort][]PathMessage{}, map[netip.AddrPort]int{}}
}

// run sends what is due until now, at the times when it is due, and returns what has come of it.
func (p *pathEnd) run(until time.Time) PathEvent {
	p.Helper()
	for range 1000 {
		now := p.Deadline()
		if now.IsZero() || now.After(until) {
			return p.Advance(until)
		}
		if now.Before(testTime) {
			now = testTime
		}
		if event := p.Advance(now); event != PathNone {
			return event
		}
		p.due(now)
	}
	p.Fatalf("always due at %v", p.Deadline())
	return PathNone
}

// challenges sends what is due, and what is when an answer has had its time.
func (p *pathEnd) challenges(now time.Time) {
	p.Helper()
	p.due(now)
	p.due(now.Add(answerTime))
}

// due sends the challenges that are due.
func (p *pathEnd) due(now time.Time) {
	p.Helper()
	for range 10 {
		m, to, ok, err := p.Challenge(now, p.rand, challengeSize)
		if err != nil {
			p.Fatal(err)
		}
		if !ok {
			return
		}
		p.asked[to] = append(p.asked[to], m)
		p.bytes[to] += challengeSize
	}
	p.Fatal("challenges without end")
}

// answer gives the path the answer to the last challenge that went to an address.
func (p *pathEnd) answer(now time.Time, at netip.AddrPort, preferred bool) PathEvent {
	p.Helper()
	asked := p.asked[at]
	if len(asked) == 0 {
		p.Fatalf("nothing was asked at %v", at)
	}
	event, err := p.Handle(now, asked[len(asked)-1].Answer(preferred).Append(nil))
	if err != nil {
		p.Fatal(err)
	}
	return event
}

func (p *pathEnd) expect(event, want PathEvent, address netip.AddrPort) {
	p.Helper()
	if event != want || p.Address() != address {
		p.Fatalf("event %d at %v, want %d at %v", event, p.Address(), want, address)
	}
}

// routes checks where answers and everything else go.
func (p *pathEnd) routes(now time.Time, answers, rest netip.AddrPort) {
	p.Helper()
	if a, r := p.Route(now, 1, true), p.Route(now, 1, false); a != answers || r != rest {
		p.Fatalf("answers to %v, the rest to %v, want %v and %v", a, r, answers, rest)
	}
}

// A device wakes behind a NAT that has forgotten it: what it asks is answered at once, and sending
// moves when it has answered and the old path has not.
func TestRebinding(t *testing.T) {
	p := newPathEnd(t)
	p.SetRTT(100 * time.Millisecond)
	p.routes(testTime, home, home)
	p.expect(p.Receive(testTime, away, 60, true), PathCheck, home)
	p.routes(testTime, away, home)
	p.challenges(testTime)
	if len(p.asked[home]) != 1 || len(p.asked[away]) != 1 {
		t.Fatalf("asked %v", p.asked)
	}
	p.expect(p.answer(at(100), away, true), PathNone, home)
	p.expect(p.run(at(299)), PathNone, home)
	p.routes(at(299), away, home)
	p.expect(p.run(at(300)), PathMoved, away)
	p.routes(at(300), away, away)
	if !p.Deadline().IsZero() || len(p.asked[home]) != 3 || len(p.asked[away]) != 1 {
		t.Errorf("deadline %v, asked %d times at home, %d times away", p.Deadline(), len(p.asked[home]), len(p.asked[away]))
	}
	p.expect(p.Receive(at(400), away, 60, true), PathNone, away)
}

// A challenge that is lost is repeated, and the new address may answer after T.
func TestRebindingLate(t *testing.T) {
	p := newPathEnd(t)
	p.Receive(testTime, away, 1000, true)
	p.expect(p.run(at(1500)), PathNone, home)
	if len(p.asked[home]) != 3 || len(p.asked[away]) != 5 {
		t.Errorf("asked %d times at home, %d times away", len(p.asked[home]), len(p.asked[away]))
	}
	p.expect(p.answer(at(1500), away, true), PathMoved, away)
}

// A device that was heard from its address a moment ago has hardly moved: until that is settled
// nothing but challenges goes to the new address.
func TestActiveSession(t *testing.T) {
	p := newPathEnd(t)
	p.Receive(at(0), home, 60, true)
	p.expect(p.Receive(at(9999), stranger, 60, true), PathCheck, home)
	p.routes(at(9999), home, home)
	p.routes(at(10_000), stranger, home)
}

// An attacker off the path copies one record, and is faster. The device answers where it is, and
// the attacker has got nothing but a challenge.
func TestOffPathCopy(t *testing.T) {
	p := newPathEnd(t)
	p.Receive(at(0), home, 60, true)
	p.Receive(at(100), stranger, 60, true)
	p.challenges(at(100))
	p.routes(at(100), home, home)
	p.expect(p.answer(at(200), home, true), PathKept, home)
	if _, checking := p.Checking(); checking || p.bytes[stranger] != challengeSize {
		t.Errorf("checking %v, %d bytes to the attacker", checking, p.bytes[stranger])
	}
	// For a while copies are no reason to ask again, and none to answer there.
	p.expect(p.Receive(at(300), stranger, 60, true), PathNone, home)
	p.routes(at(300), home, home)
	p.expect(p.Receive(at(10_200), stranger, 60, true), PathCheck, home)
	p.routes(at(10_200), home, home)
}

// The same, and the device's next record comes before its answer.
func TestOffPathCopyOnce(t *testing.T) {
	p := newPathEnd(t)
	p.Receive(testTime, stranger, 60, true)
	p.challenges(testTime)
	p.expect(p.Receive(at(10), home, 60, true), PathKept, home)
	p.routes(at(10), home, home)
	p.expect(p.answer(at(20), stranger, true), PathNone, home) // forwarded, too late
}

// An attacker off the path wins every race, also with what the device answers, and forwards the
// challenges that it gets: the device has answered on the old path, and stays.
func TestRacingAttacker(t *testing.T) {
	p := newPathEnd(t)
	for round := range 30 {
		now := at(1000 * round)
		p.Receive(now, stranger, 60, true)
		p.challenges(now)
		if len(p.asked[stranger]) > 0 {
			p.answer(now.Add(10*time.Millisecond), stranger, true)
		}
		p.Receive(now.Add(20*time.Millisecond), stranger, challengeSize, false) // a path message
		p.answer(now.Add(20*time.Millisecond), home, true)
		if p.Address() != home {
			t.Fatalf("round %d: moved to the attacker", round)
		}
	}
	if n := len(p.asked[home]); n > 4 {
		t.Errorf("a device that is awake for half a minute was asked %d times", n)
	}
}

// An attacker on the path rewrites the source of everything to that of a victim. The victim gets
// three times what was sent in its name, at most, and the address never moves.
func TestVictim(t *testing.T) {
	p := newPathEnd(t)
	received := 0
	for round := range 100 {
		now := at(500 * round)
		p.Receive(now, stranger, 40, true)
		received += 40
		for range 10 {
			if p.Route(now, 1200, true) == stranger || p.Route(now, 25, false) == stranger {
				p.Fatal("too much")
			}
			if p.Route(now, 25, true) == stranger {
				p.bytes[stranger] += 25
			}
		}
		p.run(now.Add(499 * time.Millisecond))
		p.expect(PathNone, PathNone, home)
	}
	if p.bytes[stranger] > 3*received || p.bytes[stranger] < received {
		t.Errorf("%d bytes to the victim for %d", p.bytes[stranger], received)
	}
}

// An attacker on the path who copies and lets the original through gains nothing: what comes
// second is a replay, and what is not the newest moves nothing.
func TestLateCopy(t *testing.T) {
	p := newPathEnd(t)
	p.expect(p.Receive(testTime, stranger, 60, false), PathNone, home)
	p.routes(testTime, home, home)
	if !p.Deadline().IsZero() {
		t.Error("an old record is a reason to ask")
	}
}

// Nobody answers: the address stays, and the next record begins again.
func TestNobodyAnswers(t *testing.T) {
	p := newPathEnd(t)
	p.Receive(testTime, away, 100, true)
	p.expect(p.run(at(2000)), PathFailed, home)
	p.routes(at(2000), home, home)
	p.expect(p.answer(at(2001), away, true), PathNone, home)
	p.expect(p.Receive(at(3000), away, 60, true), PathCheck, home)
}

// The peer says that it has left the old path: no need to wait for T.
func TestPathDrop(t *testing.T) {
	p := newPathEnd(t)
	p.Receive(at(-1), home, 60, true)
	p.Receive(testTime, away, 60, true)
	p.challenges(testTime)
	p.routes(testTime, home, home)
	p.expect(p.answer(at(50), home, false), PathNone, home)
	p.routes(at(50), away, home)
	p.expect(p.answer(at(100), away, true), PathMoved, away)

	p = newPathEnd(t)
	p.Receive(testTime, away, 60, true)
	p.challenges(testTime)
	p.expect(p.answer(at(50), away, true), PathNone, home)
	p.expect(p.answer(at(100), home, false), PathMoved, away)
}

// Records that come from two addresses in turn: the proven one is asked once a round trip, not
// once a record, and its answer counts whoever is the candidate by then.
func TestOscillation(t *testing.T) {
	p := newPathEnd(t)
	for i := range 100 {
		p.Receive(at(3*i), []netip.AddrPort{away, stranger}[i%2], 60, true)
		p.challenges(at(3 * i))
	}
	if n := len(p.asked[home]); n != 1 {
		t.Errorf("asked %d times in 300 ms, want once", n)
	}
	p.expect(p.answer(at(310), home, true), PathKept, home)
}

// An answer counts once, from a check that is under way, and with a cookie that was sent.
func TestForeignAnswers(t *testing.T) {
	p := newPathEnd(t)
	p.Receive(testTime, away, 60, true)
	p.challenges(testTime)
	for name, content := range map[string][]byte{
		"another cookie":  PathMessage{PathResponse, Cookie{1}}.Append(nil),
		"a challenge":     p.asked[home][0].Append(nil),
		"drop of the new": PathMessage{PathDrop, p.asked[away][0].Cookie}.Append(nil),
		"unknown type":    {3, 1},
	} {
		if event, err := p.Handle(at(1), content); err != nil || event != PathNone || !p.checking() || p.new.answered || p.new.oldOver {
			t.Errorf("%s: event %d, error %v", name, event, err)
		}
	}
	if _, err := p.Handle(at(1), []byte{1}); !errors.Is(err, ErrMessage) {
		t.Errorf("malformed: error = %v, want %v", err, ErrMessage)
	}
	p.answer(at(2), home, true)
	p.Receive(at(20_000), away, 60, true)
	p.expect(p.answer(at(20_001), home, true), PathNone, home) // of the check before
}

func TestMappedAddress(t *testing.T) {
	p := newPathEnd(t)
	mapped := netip.AddrPortFrom(netip.AddrFrom16(home.Addr().As16()), home.Port())
	p.expect(p.Receive(testTime, mapped, 60, true), PathNone, home)
}

func TestNoRandomness(t *testing.T) {
	p := newPathEnd(t)
	p.Receive(testTime, away, 60, true)
	if _, _, ok, err := p.Challenge(testTime, errReader{}, challengeSize); ok || err == nil {
		t.Errorf("a challenge without randomness: %v, %v", ok, err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("no randomness") }

// What a peer asks from a new address is answered before it is asked itself.
func TestAnswerFirst(t *testing.T) {
	p := newPathEnd(t)
	p.Receive(testTime, away, 60, true)
	p.due(testTime)
	p.routes(testTime, away, home)
	if len(p.asked[away]) != 0 || len(p.asked[home]) != 1 {
		t.Errorf("asked %v at once", p.asked)
	}
	p.due(at(20))
	if len(p.asked[away]) != 1 || p.Deadline().Before(at(21)) {
		t.Errorf("asked %v, next at %v", p.asked, p.Deadline())
	}
}
