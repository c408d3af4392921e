package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A short run has all cells of all stacks that send bodies, and nothing fails.
func TestLoad(t *testing.T) {
	o, err := parseFlags(strings.Fields("-load -json -stack pqcoap-none,pion -clients 1,2 -payload 40 -rounds 1 -round 50ms -idle 3"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), &out, o); err != nil {
		t.Fatal(err)
	}
	var r loadReport
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Stacks) != 2 || len(r.Memory) != 2 || len(r.Requests) != 6 {
		t.Fatalf("%s", &out)
	}
	for i, c := range r.Requests {
		if c.Failed > 0 || c.PerSecond <= 0 || c.P50 <= 0 || c.P99 < c.P50 || (c.Payload == 40) != (i >= 4) {
			t.Errorf("%+v", c)
		}
	}
	for _, m := range r.Memory {
		if m.Sessions != 3 || m.Goroutines < 1 {
			t.Errorf("%+v", m)
		}
	}
	out.Reset()
	r.write(&out)
	if n := strings.Count(out.String(), "pion  "); n != 5 {
		t.Errorf("%d rows of pion:\n%s", n, &out)
	}
}

func TestLoadUsage(t *testing.T) {
	for _, line := range []string{"-load -clients 0", "-load -clients x", "-load -payload 1,,2", "-load -rounds 0", "-load -round 0s", "-load -idle 0"} {
		if _, err := parseFlags(strings.Fields(line), io.Discard); err == nil {
			t.Errorf("%s: no error", line)
		}
	}
	if o, err := parseFlags(nil, io.Discard); err != nil || o.load != nil {
		t.Error("-load is not what is done without it", err)
	}
}

// mute is a session that only asks.
type mute struct{}

func (mute) ask(context.Context) error { return nil }
func (mute) close()                    {}

func TestMute(t *testing.T) {
	if act(t.Context(), mute{}, nil) != nil || act(t.Context(), mute{}, []byte{1}) == nil {
		t.Error("what a session cannot do is an error, and nothing else is")
	}
	var stop atomic.Bool
	time.AfterFunc(5*time.Millisecond, func() { stop.Store(true) })
	if times, failed := one(t.Context(), mute{}, 1, &stop); len(times) > 0 || failed == 0 {
		t.Error("failures count as answers")
	}
}
