package bench

import (
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/handshake"
)

// A tiny run has all parts, nothing fails in it, and a raw datagram is as large as a secure one.
func TestRun(t *testing.T) {
	told := 0
	cfg := Config{
		Suite: handshake.MLKEM512, Clients: []int{1, 3}, Rounds: 1, Round: 300 * time.Millisecond, Payload: 20, Peers: rig.Inside,
	}
	r, err := Run(t.Context(), cfg, func(any) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	if len(r.KEM) != 4 || len(r.Records) != 4 || len(r.Payloads) != 3 || len(r.Handshakes) != 4 || len(r.Requests) != 10 || told != 25 {
		t.Fatalf("%d parts: %+v", told, r)
	}
	for _, k := range r.KEM {
		if k.Ratio < 1 {
			t.Errorf("a handshake takes less than its KEM operations: %+v", k)
		}
	}
	for _, one := range r.Records {
		if one.Up != 20 || one.Down != 19 {
			t.Errorf("%+v", one)
		}
	}
	for _, h := range r.Handshakes {
		if h.Failed > 0 || h.PerSecond <= 0 || h.P50 <= 0 || h.P99 < h.P50 {
			t.Errorf("%+v", h)
		}
	}
	raw := r.Requests[0]
	for _, q := range r.Requests {
		if q.Kind == KindRawGET || q.Kind == KindRawPOST {
			raw = q
		}
		if q.Failed > 0 || q.PerSecond <= 0 || q.P99 < q.P50 || q.Up != raw.Up || q.Down != raw.Down || q.Clients != raw.Clients {
			t.Errorf("%+v", q)
		}
	}
	if get, post := r.Requests[1], r.Requests[4]; get.Kind != KindGET || post.Kind != KindPOST || post.Up < cfg.Payload+20 || get.Down < 24 {
		t.Errorf("%+v, %+v", get, post)
	}
}

// A resumption is a tenth of a handshake, and one side without a key saves a KEM ciphertext.
func TestPayloads(t *testing.T) {
	cfg := Config{Suite: handshake.XWing, Peers: rig.Inside}
	callers, stop, err := newCallers(t.Context(), cfg, 1)
	defer stop()
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if err := measurePayloads(t.Context(), callers[0], &r, func(any) {}); err != nil {
		t.Fatal(err)
	}
	server, mutual, resumed := r.Payloads[0].Bytes, r.Payloads[1].Bytes, r.Payloads[2].Bytes
	if server > 3800 || mutual > 5000 || resumed > 250 || mutual < server {
		t.Errorf("%+v", r.Payloads)
	}
}

func TestRatios(t *testing.T) {
	ours := []span{{1, time.Second, 6, 0}, {30, time.Second, 30, 30}, {4, time.Second, 8, 8}}
	raw := []span{{2, time.Second, 2, 2}, {10, time.Second, 10, 0}, {4, time.Second, 4, 0}}
	if rate, cpu := ratios(ours, raw); rate != 1 || cpu != 3 {
		t.Errorf("ratios %g and %g, want 1 and 3", rate, cpu)
	}
	if rate, cpu := ratios(ours, make([]span, 3)); rate != 0 || cpu != 0 {
		t.Errorf("ratios %g and %g of nothing", rate, cpu)
	}
	if rate, client, server := summary(ours); rate != 4 || client != 0.002 || server != 0.001 {
		t.Errorf("summary %g, %g, %g", rate, client, server)
	}
}
