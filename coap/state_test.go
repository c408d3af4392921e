package coap

import (
	"errors"
	"testing"
	"time"
)

// reload gives an end a new Conn that goes on from the state of the old.
func (p *testPair) reload(end int) {
	p.t.Helper()
	old := p.conns[end]
	if !old.Quiet() {
		p.t.Fatal("something is under way")
	}
	state := old.AppendState(nil)
	p.conns[end] = NewConn(Config{Secure: true, Rand: testRand(9), MaxMessage: 1152})
	if err := p.conns[end].Restore(state); err != nil {
		p.t.Fatal(err)
	}
	if again := p.conns[end].AppendState(nil); string(again) != string(state) {
		p.t.Errorf("state %x was read as %x", state, again)
	}
}

// After a pause of either end requests go on, each of them handled once, and old ones are
// known.
func TestState(t *testing.T) {
	p := newTestPair(t, 1, .1)
	for round := range 20 {
		for end := range 2 {
			body := testBody(round*100, uint32(round))
			id := p.request(end, body, RequestOptions{})
			p.finish(end, id)
			p.check(end, id, body)
		}
		until := p.now.Add(time.Second)
		for p.now.Before(until) && p.step() {
		}
		p.reload(round % 2)
		clear(p.done[round%2]) // its IDs begin again
		if key := uint64(round + 1); p.conns[1].server.seen.newest != key {
			t.Fatalf("round %d: the newest token is %d", round, p.conns[1].server.seen.newest)
		}
	}
	if !p.conns[0].RTT().Known() || !p.conns[1].server.seen.has(20) {
		t.Error("the path or a token is not known any more")
	}
}

func TestQuiet(t *testing.T) {
	p := newTestPair(t, 1, 0)
	p.thinking = func() time.Duration { return 300 * ms }
	id := p.request(0, []byte("x"), RequestOptions{})
	for until := p.now.Add(200 * ms); p.now.Before(until); p.step() { // an empty ACK has come by then
		if p.conns[0].Quiet() {
			t.Fatalf("quiet with a request open, at %v", p.now)
		}
	}
	p.run(time.Minute, func() bool { return len(p.bodies[1]) > 0 })
	if p.conns[1].Quiet() {
		t.Error("quiet with a request handled")
	}
	p.finish(0, id)
	p.run(time.Minute, func() bool { return p.conns[1].Quiet() })
	if !p.conns[0].Quiet() {
		t.Error("not quiet behind the answer")
	}
	if !p.conns[0].AtRest() || p.conns[1].AtRest() {
		t.Error("at rest with an answer that is kept, or not where it was asked")
	}
	p.run(2*time.Minute, func() bool { return p.conns[1].AtRest() })
	if !p.conns[1].AtRest() || p.conns[0].Observes() || p.conns[1].Observes() {
		t.Error("not at rest when no answer is kept any more, or somebody observes")
	}
	p.thinking = nil
	p.observe([]byte("x"))
	for end := range 2 {
		if !p.conns[end].Quiet() || !p.conns[end].Observes() || p.conns[end].AtRest() {
			t.Errorf("end %d: not quiet with an observation, or at rest", end)
		}
	}
}

func TestRestoreRejects(t *testing.T) {
	state := newTestPair(t, 1, 0).conns[0].AppendState(nil)
	for n := range len(state) {
		if err := newTestPair(t, 1, 0).conns[0].Restore(state[:n]); !errors.Is(err, ErrState) {
			t.Errorf("%d bytes: error %v", n, err)
		}
	}
	if err := newTestPair(t, 1, 0).conns[0].Restore(append(state, 0)); !errors.Is(err, ErrState) {
		t.Errorf("one byte more: error %v", err)
	}
	state[0]++
	if err := newTestPair(t, 1, 0).conns[0].Restore(state); !errors.Is(err, ErrState) {
		t.Errorf("another version: error %v", err)
	}
}
