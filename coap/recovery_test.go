package coap

import (
	"testing"
	"time"
)

// A silentOwner owns items in tests of the recovery alone.
type silentOwner struct{}

func (silentOwner) fill(*item, *Message) bool             { return true }
func (silentOwner) acknowledged(time.Time, *item, uint64) {}
func (silentOwner) reset(time.Time, *item)                {}

func at(d time.Duration) time.Time { return testStart.Add(d) }

func knownRecovery(rtt time.Duration) *recovery {
	var estimate RTT
	for range 20 { // so that the variation vanishes
		estimate.Update(rtt)
	}
	r := newRecovery(estimate, testRand(1), 65530)
	r.met = true
	return &r
}

func newItem() *item { return &item{owner: silentOwner{}} }

func TestRecoveryLoss(t *testing.T) {
	r := knownRecovery(100 * ms)
	first, second := newItem(), newItem()
	r.record(at(0), first)
	id := r.record(at(ms), second)
	if got := r.deadline(); !got.Equal(at(150 * ms)) {
		t.Fatalf("time-out at %v", got.Sub(testStart))
	}
	if it, _ := r.answered(at(101*ms), id); it != second {
		t.Fatal("the answer belongs to another item")
	}
	r.finish(second)
	if got := r.deadline(); !got.Equal(at(113500 * time.Microsecond)) {
		t.Fatalf("loss is looked for at %v", got.Sub(testStart))
	}
	if got := r.due(at(113 * ms)); len(got) != 0 {
		t.Fatal("repeated before the lag has passed")
	}
	if got := r.due(at(113500 * time.Microsecond)); len(got) != 1 || got[0] != first {
		t.Fatal("the lost item is not repeated")
	}
	r.record(at(113500*time.Microsecond), first)
	if got := r.deadline(); !got.Equal(at(121500 * time.Microsecond)) {
		t.Fatalf("second copy at %v", got.Sub(testStart))
	}
	if got := r.due(at(121500 * time.Microsecond)); len(got) != 1 {
		t.Fatal("no second copy")
	}
	r.record(at(121500*time.Microsecond), first)
	if r.flight != 2 || r.window != initialWindow {
		t.Errorf("%d in flight, window %d", r.flight, r.window)
	}
	r.finish(first)
	if r.flight != 0 || !r.deadline().IsZero() {
		t.Errorf("%d in flight, deadline %v", r.flight, r.deadline())
	}
}

// Where delay grows with what is sent, a repeat is single and time-outs double.
func TestRecoveryCongestion(t *testing.T) {
	r := knownRecovery(10 * ms)
	r.rtt = RTT{smoothed: 400 * ms, variation: 10 * ms, lowest: 10 * ms}
	it := newItem()
	r.record(at(0), it)
	before := r.timeout
	now := r.deadline()
	if got := r.due(now); len(got) != 1 {
		t.Fatalf("%d repeated", len(got))
	}
	r.record(now, it)
	if len(r.second) != 0 {
		t.Error("the repeat is doubled")
	}
	if r.timeout < before*17/10 || r.timeout > before*23/10 {
		t.Errorf("time-out %v after %v", r.timeout, before)
	}
	if r.window != initialWindow/2 {
		t.Errorf("window %d", r.window)
	}
}

// An item that is never answered, while others are, is repeated ever more rarely.
func TestRecoveryNeverAnswered(t *testing.T) {
	r := knownRecovery(100 * ms)
	lost, sent := newItem(), 0
	now := at(0)
	r.record(now, lost)
	for now.Before(at(60 * time.Second)) {
		other := newItem()
		id := r.record(now, other)
		now = now.Add(100 * ms)
		r.answered(now, id)
		r.finish(other)
		for d := r.deadline(); !d.IsZero() && !d.After(now.Add(20*ms)); d = r.deadline() {
			now = d
			for _, it := range r.due(now) {
				r.record(now, it)
				sent++
			}
		}
	}
	if sent < 2*patientRepeats || sent > 60 {
		t.Errorf("%d copies in a minute", sent)
	}
}

// timeouts returns the time-outs in a row of a recovery that hears nothing more.
func timeouts(r *recovery, n int) (row []time.Duration) {
	r.record(at(0), newItem())
	last := at(0)
	for len(row) < n {
		now := r.deadline()
		for _, it := range r.due(now) {
			r.record(now, it)
		}
		if r.base.Equal(now) { // a time-out, not a second copy
			row = append(row, now.Sub(last))
			last = now
		}
	}
	return row
}

func TestRecoveryTimeouts(t *testing.T) {
	tests := []struct {
		name string
		met  bool
		want []time.Duration
	}{
		{"met before", true, []time.Duration{200, 300, 450, 600, 600, 1200, 2400, 4800, 8000, 8000, 8000, 8000}},
		{"never heard", false, []time.Duration{200, 400, 800, 1600, 3200, 6400, 8000, 8000, 8000, 8000}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var rows [2][]time.Duration
			for i := range rows {
				r := newRecovery(RTT{}, testRand(uint64(i)), 0)
				r.met = test.met
				rows[i] = timeouts(&r, len(test.want))
			}
			checkTimeouts(t, rows, test.want)
		})
	}
}

func checkTimeouts(t *testing.T, rows [2][]time.Duration, want []time.Duration) {
	t.Helper()
	if rows[0][0] != firstTimeout || rows[1][0] != firstTimeout {
		t.Errorf("first time-outs %v and %v", rows[0][0], rows[1][0])
	}
	same := 0
	for n, w := range want {
		for _, row := range rows {
			if low, high := w*ms*6/10, w*ms*14/10; row[n] < low || row[n] > high {
				t.Errorf("time-out %d is %v, want about %v", n, row[n], w*ms)
			}
		}
		if rows[0][n] == rows[1][n] {
			same++
		}
	}
	if same > len(want)/2 {
		t.Errorf("two devices time out at the same times: %v", rows[0])
	}
}
