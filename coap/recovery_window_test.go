package coap

import "testing"

func TestRecoveryWindow(t *testing.T) {
	r := knownRecovery(100 * ms)
	var out []*item
	now := at(0)
	var ids []uint16
	for round := range 6 {
		for r.room(now) {
			it := newItem()
			out, ids = append(out, it), append(ids, r.record(now, it))
		}
		if want := min(initialWindow<<round, largestWindow); len(out) != want {
			t.Fatalf("round %d: %d in flight, want %d", round, len(out), want)
		}
		now = now.Add(100 * ms)
		for i, id := range ids {
			r.answered(now, id)
			r.finish(out[i])
		}
		out, ids = nil, nil
	}
	for r.room(now) {
		it := newItem()
		out, ids = append(out, it), append(ids, r.record(now, it))
	}
	now = now.Add(100 * ms)
	r.answered(now, ids[len(ids)-1])
	r.finish(out[len(out)-1])
	lost := r.due(r.deadline())
	if r.window != largestWindow/2 {
		t.Errorf("window %d after a loss", r.window)
	}
	if r.flight+len(lost) > largestWindow/2 {
		t.Errorf("%d repeats beside %d in flight", len(lost), r.flight)
	}
}

// On a path that was congested a moment ago the window begins narrow, and opens slowly.
func TestRecoveryNarrowWindow(t *testing.T) {
	r := newRecovery(RTT{smoothed: 400 * ms, variation: 10 * ms, lowest: 10 * ms}, testRand(1), 0)
	now := at(0)
	for want := narrowWindow; want < narrowWindow+3; want++ {
		var ids []uint16
		var out []*item
		for r.room(now) {
			it := newItem()
			out, ids = append(out, it), append(ids, r.record(now, it))
		}
		if len(out) != want {
			t.Fatalf("%d in flight, want %d", len(out), want)
		}
		now = now.Add(400 * ms)
		for i, id := range ids {
			r.answered(now, id)
			r.finish(out[i])
		}
	}
}

// What is given up counts for a round trip more, and Deadline knows when it does not.
func TestRecoveryHold(t *testing.T) {
	r := knownRecovery(100 * ms)
	r.hold(at(0), 3)
	r.hold(at(0), initialWindow)
	if r.room(at(149*ms)) || !r.relief().Equal(at(150*ms)) {
		t.Errorf("room for more, relief at %v", r.relief().Sub(testStart))
	}
	if !r.room(at(150*ms)) || !r.relief().IsZero() {
		t.Error("no room after a round trip")
	}
}
