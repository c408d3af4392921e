package idle

import (
	"context"
	"testing"

	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/handshake"
)

// Two small levels: all sessions are there, those that are asked answer.
func TestRun(t *testing.T) {
	told := 0
	cfg := Config{Suite: handshake.MLKEM512, N: []int{40, 100}, Probes: 10, Peers: rig.Inside}
	r, err := Run(t.Context(), cfg, func(Level) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Levels) != 2 || told != 2 || r.Suite != 3 || r.Base <= 0 {
		t.Fatalf("%+v", r)
	}
	for i, level := range r.Levels {
		if level.N != cfg.N[i] || level.Failed > 0 || level.P50 <= 0 || level.Max < level.P99 || level.Again <= 0 || level.RSS <= 0 || level.Recheck < 0 {
			t.Errorf("%+v", level)
		}
	}
}

func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Config{Suite: handshake.MLKEM512, N: []int{10}, Peers: rig.Inside}, func(Level) {}); err == nil {
		t.Error("no error where the time was over before it began")
	}
}
