package record

import (
	"net/netip"
	"testing"
	"time"
)

// Where a handshake came from proves nothing: anybody may have copied it. Nothing goes there until
// a record has come from it.
func TestUnheardPath(t *testing.T) {
	p := newPathEnd(t)
	p.Path = NewUnheardPath(home)
	p.routes(testTime, netip.AddrPort{}, netip.AddrPort{})
	p.expect(p.Receive(testTime, home, 40, false), PathNone, home)
	p.routes(testTime, netip.AddrPort{}, netip.AddrPort{})
	p.expect(p.Receive(testTime, home, 40, true), PathNone, home)
	p.routes(testTime, home, home)
}

// A peer that is elsewhere has to answer, within three times the bytes, and nobody is asked at the
// address that is not known to be its own.
func TestUnheardPathMoves(t *testing.T) {
	p := newPathEnd(t)
	p.Path = NewUnheardPath(home)
	p.expect(p.Receive(testTime, away, 40, true), PathCheck, home)
	if to := p.Route(testTime, 3*40-challengeRoom, true); to != away {
		t.Errorf("an answer goes to %v", to)
	}
	if to := p.Route(testTime, 1, true); to.IsValid() {
		t.Errorf("what is over the limit goes to %v", to)
	}
	p.challenges(testTime)
	if len(p.asked[home]) != 0 || len(p.asked[away]) != 1 {
		t.Fatalf("asked %v", p.asked)
	}
	event, err := p.Handle(at(100), p.asked[away][0].Answer(true).Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	p.expect(event, PathMoved, away)
	p.routes(at(100), away, away)
}

// Where nobody answers, the next record begins again.
func TestUnheardPathFails(t *testing.T) {
	p := newPathEnd(t)
	p.Path = NewUnheardPath(home)
	p.expect(p.Receive(testTime, stranger, 40, true), PathCheck, home)
	p.expect(p.run(testTime.Add(time.Minute)), PathFailed, home)
	p.routes(testTime.Add(time.Minute), netip.AddrPort{}, netip.AddrPort{})
	p.expect(p.Receive(testTime.Add(time.Minute), away, 40, true), PathCheck, home)
}
