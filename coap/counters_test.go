package coap

import "testing"

// Copies of what has been sent before are told from first ones, and samples are counted.
func TestCounters(t *testing.T) {
	var counters Counters
	r := knownRecovery(100 * ms)
	r.counters = &counters
	lost, kept := newItem(), newItem()
	r.record(at(0), lost)
	id := r.record(at(ms), kept)
	r.record(at(200*ms), lost)
	r.answered(at(121*ms), id)
	r.ping.kind = itemPing
	r.record(at(300*ms), &r.ping)
	r.record(at(400*ms), &r.ping)
	if counters.Sent != 3 || counters.Resent != 1 {
		t.Errorf("%+v; want 3 and 1", counters)
	}
	if counters.RTT.Sum != 120*ms || counters.RTT.Counts[10] != 1 {
		t.Errorf("samples: %+v; want one of 120 ms", counters.RTT)
	}
}

// The Conns of one owner count together, and each by the Config that it was given.
func TestCountersOfConn(t *testing.T) {
	var counters Counters
	now := testStart
	for range 2 {
		c := NewConn(Config{Secure: true, Rand: testRand(3), Counters: &counters})
		var out Batch
		if _, err := c.Request(now, Message{Code: GET}, RequestOptions{}, &out); err != nil {
			t.Fatal(err)
		}
	}
	if counters.Sent != 2 || counters.Resent != 0 {
		t.Errorf("%+v; want 2 sent", counters)
	}
}
