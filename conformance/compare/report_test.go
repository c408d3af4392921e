package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]millis, 100)
	for i := range hundred {
		hundred[i] = millis(i + 1)
	}
	tests := []struct {
		sorted []millis
		p      int
		want   millis
	}{
		{[]millis{7}, 50, 7},
		{[]millis{7}, 99, 7},
		{[]millis{1, 2}, 50, 1},
		{[]millis{1, 2}, 95, 2},
		{[]millis{1, 2, 3}, 50, 2},
		{hundred, 50, 50},
		{hundred, 95, 95},
		{hundred, 99, 99},
	}
	for _, test := range tests {
		if got := percentile(test.sorted, test.p); got != test.want {
			t.Errorf("percentile %d of %d = %v, want %v", test.p, len(test.sorted), got, test.want)
		}
	}
}

func TestMillis(t *testing.T) {
	for m, want := range map[millis]string{0: "0", 12.34: "12.3", millis(math.Inf(1)): "null"} {
		if got, err := json.Marshal(m); err != nil || string(got) != want {
			t.Errorf("JSON of %v = %s, %v, want %s", float64(m), got, err, want)
		}
	}
	if got := millis(math.Inf(1)).String(); got != "never" {
		t.Errorf("infinity is shown as %q", got)
	}
}

// The report must not let anyone take DTLS 1.2 for post-quantum.
func TestReportNamesKeyExchange(t *testing.T) {
	r := newReport(settings{stacks: stacks, delay: 50 * time.Millisecond})
	if len(r.Stacks) != len(stacks) || r.DelayMS != 50 {
		t.Fatalf("report = %+v", r)
	}
	for _, s := range r.Stacks {
		if s.PostQuantum != strings.Contains(s.About, "MLKEM768") && s.PostQuantum != strings.Contains(s.About, "ML-KEM-768") {
			t.Errorf("%s: post-quantum %t, but %q", s.Name, s.PostQuantum, s.About)
		}
		if s.PostQuantum == strings.Contains(s.About, "not post-quantum") {
			t.Errorf("%s: post-quantum %t, but %q", s.Name, s.PostQuantum, s.About)
		}
	}
}
