package coap

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func TestRTT(t *testing.T) {
	tests := []struct {
		name                    string
		samples                 []time.Duration
		smoothed, variation     time.Duration
		timeout, lag, mostSoFar time.Duration
		congested               bool
	}{
		{"unknown", nil, 0, 0, 200 * ms, 5 * ms, 600 * ms, false},
		{"first", []time.Duration{100 * ms}, 100 * ms, 50 * ms, 200 * ms, 12500 * time.Microsecond, 600 * ms, false},
		{"second", []time.Duration{100 * ms, 100 * ms}, 100 * ms, 37500 * time.Microsecond, 175 * ms, 12500 * time.Microsecond, 600 * ms, false},
		{"margin", []time.Duration{1 * ms, 1 * ms}, 1 * ms, 375 * time.Microsecond, 51 * ms, 5 * ms, 600 * ms, false},
		{"later", []time.Duration{100 * ms, 180 * ms}, 110 * ms, 57500 * time.Microsecond, 225 * ms, 13750 * time.Microsecond, 600 * ms, false},
		{"slow", []time.Duration{2 * time.Second}, 2 * time.Second, time.Second, 4 * time.Second, 250 * ms, 8 * time.Second, false},
		{"no time", []time.Duration{0}, time.Microsecond, 500, 50*ms + time.Microsecond, 5 * ms, 600 * ms, false},
		{"queues", []time.Duration{10 * ms, 810 * ms, 810 * ms}, 197500 * time.Microsecond, 327812500 * time.Nanosecond, 853125 * time.Microsecond, 24687500 * time.Nanosecond, 790 * ms, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r RTT
			for _, s := range test.samples {
				r.Update(s)
			}
			if r.Smoothed() != test.smoothed || r.variation != test.variation {
				t.Errorf("SRTT %v, RTTVAR %v, want %v, %v", r.smoothed, r.variation, test.smoothed, test.variation)
			}
			if r.timeout() != test.timeout || r.lag() != test.lag || r.longest() != test.mostSoFar {
				t.Errorf("time-out %v, lag %v, longest %v", r.timeout(), r.lag(), r.longest())
			}
			if r.congested() != test.congested || r.Known() != (len(test.samples) > 0) {
				t.Errorf("congested %v, known %v", r.congested(), r.Known())
			}
		})
	}
}

// A path that has become longer for good does not count as congested for ever.
func TestRTTHandover(t *testing.T) {
	var r RTT
	r.Update(10 * ms)
	for range 20 {
		r.Update(500 * ms)
	}
	if !r.congested() {
		t.Error("a sudden growth of delay went unseen")
	}
	for range 100 {
		r.Update(500 * ms)
	}
	if r.congested() {
		t.Errorf("still congested: %+v", r)
	}
}
