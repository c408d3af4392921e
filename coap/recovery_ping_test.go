package coap

import (
	"testing"
	"time"
)

// While nothing has been heard repeats are single, and every other round is a ping, which
// goes with the answer to anything, and with what it was sent for.
func TestRecoveryPing(t *testing.T) {
	r := newRecovery(RTT{}, testRand(1), 0)
	it, other := newItem(), newItem()
	first := r.record(at(0), it)
	r.record(at(0), other)
	send := func() (n, pings int) {
		now := r.deadline()
		for _, it := range r.due(now) {
			r.record(now, it)
			if n++; it == &r.ping {
				pings++
			}
		}
		return n, pings
	}
	for round, want := range [][2]int{{2, 0}, {1, 1}, {1, 1}, {2, 0}, {1, 1}, {1, 1}, {2, 0}} { // two copies of a ping
		if n, pings := send(); n != want[0] || pings != want[1] {
			t.Fatalf("sending %d: %d copies, %d of them pings", round, n, pings)
		}
	}
	if r.answered(at(20*time.Second), first); r.ping.listed || !it.listed {
		t.Error("the ping is needed although something was heard")
	}
	r.met = false
	for !r.ping.listed {
		send()
	}
	r.finish(other)
	if r.finish(it); r.head != nil || r.flight != 0 || !r.deadline().IsZero() {
		t.Error("the ping stays behind")
	}
}

// A lone datagram is repeated twice in every round, whether that has a ping or not.
func TestRecoverySingle(t *testing.T) {
	r := newRecovery(RTT{}, testRand(1), 0)
	it := newItem()
	r.record(at(0), it)
	copies, pings := 0, 0
	for now := r.deadline(); now.Before(at(2 * time.Second)); now = r.deadline() {
		for _, sent := range r.due(now) {
			if r.record(now, sent); sent == it {
				copies++
			} else {
				pings++
			}
		}
	}
	if copies != 6 || pings != 2 { // after 0.2, 0.6 and 1.4 s
		t.Errorf("%d copies and %d pings, want 6 and 2", copies, pings)
	}
}
