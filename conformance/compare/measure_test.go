package main

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/relay"
)

// roundTrips are those of each stack's handshake, and of its request, where nothing is lost.
// The relay delivers nothing early, so no clock can make them fewer.
var roundTrips = map[string]struct{ handshake, request int }{
	"pqcoap":      {1, 1},
	"pqcoap-echo": {2, 1},
	"pqcoap-none": {1, 1},
	"pqcoap-post": {1, 2},
	"quic":        {1, 1},
	"quic-retry":  {2, 1},
	"pion":        {3, 1},
	"go-coap":     {3, 3},
}

// TestStacks runs two handshakes of each stack without loss.
func TestStacks(t *testing.T) {
	const delay = time.Millisecond
	for _, s := range stacks {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p, err := s.serve()
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			for range 2 {
				got, err := measure(t.Context(), p, relay.Link{Delay: delay}, 1)
				if err != nil {
					t.Fatal(err)
				}
				checkRoundTrips(t, s.name, got, 2*delay)
			}
		})
	}
}

func checkRoundTrips(t *testing.T, name string, s sample, rtt time.Duration) {
	t.Helper()
	if s.handshake.err != nil || s.answer.err != nil {
		t.Fatalf("handshake: %v, answer: %v", s.handshake.err, s.answer.err)
	}
	want, ok := roundTrips[name]
	if !ok {
		t.Fatalf("no expectation for %s", name)
	}
	if least := time.Duration(want.handshake) * rtt; s.handshake.took < least {
		t.Errorf("handshake took %v, want no less than %v", s.handshake.took, least)
	}
	if least := time.Duration(want.request) * rtt; s.answer.took-s.handshake.took < least {
		t.Errorf("request took %v, want no less than %v", s.answer.took-s.handshake.took, least)
	}
	h, a := s.handshake.traffic, s.answer.traffic
	if h.DatagramsUp < want.handshake || h.DatagramsDown < want.handshake || a.Datagrams() < h.Datagrams()+2*want.request {
		t.Errorf("traffic is %+v, then %+v: fewer datagrams than round trips", h, a)
	}
}

// A run that fails takes for ever, and does not count in the means.
func TestSummarizeFailure(t *testing.T) {
	closed := errors.New("nothing came")
	got := summarizePhases([]phase{
		{nil, 10 * time.Millisecond, relay.Traffic{DatagramsUp: 2, BytesUp: 100, DatagramsDown: 4, BytesDown: 300}},
		{closed, time.Minute, relay.Traffic{DatagramsUp: 1000}},
		{nil, 20 * time.Millisecond, relay.Traffic{DatagramsUp: 4, BytesUp: 200, DatagramsDown: 6, BytesDown: 500}},
	})
	want := summary{
		Failed: 1, FirstFailure: "nothing came",
		P50: 20, P95: millis(math.Inf(1)), P99: millis(math.Inf(1)),
		DatagramsUp: 3, DatagramsDown: 5, BytesUp: 150, BytesDown: 400,
	}
	if got != want {
		t.Errorf("summary = %+v, want %+v", got, want)
	}
}

func TestFate(t *testing.T) {
	seen := make(map[uint64]bool)
	for range 2 { // the second time brings nothing new
		for seed := range uint64(10) {
			for run := range uint64(100) {
				seen[fate(seed, run)] = true
			}
		}
	}
	if len(seen) != 1000 {
		t.Errorf("%d fates of 1000 runs", len(seen))
	}
}

func TestStagger(t *testing.T) {
	o := settings{delay: 50 * time.Millisecond, seed: 1}
	early, late := 4*o.delay, time.Duration(0)
	for run := range uint64(100) {
		early, late = min(early, stagger(o, run)), max(late, stagger(o, run))
	}
	if early < 0 || early > o.delay || late < 3*o.delay || late > 4*o.delay {
		t.Errorf("runs wait %v to %v, want all of 0 to %v", early, late, 4*o.delay)
	}
}
