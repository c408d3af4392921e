package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/node"
)

func pings(n int) []ping {
	all := make([]ping, n)
	for i := range all {
		p := &all[n-1-i] // not in order
		p.handshake = time.Duration(i+1) * time.Millisecond
		p.answer = 2*p.handshake + 1500*time.Nanosecond
		p.stats = node.Stats{}
		p.stats.Handshake.BytesOut, p.stats.Handshake.BytesIn = 2500, 2300
		p.stats.Handshake.DatagramsOut, p.stats.Handshake.DatagramsIn = 7, 5
		p.stats.Records.BytesOut, p.stats.Records.BytesIn = 30, 47
	}
	return all
}

func TestReportJSON(t *testing.T) {
	const want = `{"handshakes":4,"failed":1,"resumed":0,` +
		`"handshake_ms":{"p50":2,"p95":3,"p99":3,"max":3},` +
		`"first_answer_ms":{"p50":4.001,"p95":6.001,"p99":6.001,"max":6.001},` +
		`"bytes_out":7500,"bytes_in":6900,"datagrams_out":21,"datagrams_in":15,` +
		`"request_bytes_out":90,"request_bytes_in":141}`
	got, err := json.Marshal(newReport(pings(3), 1))
	if err != nil || string(got) != want {
		t.Errorf("report = %s, %v\nwant %s", got, err, want)
	}
}

func TestReportOfFailures(t *testing.T) {
	r := newReport(nil, 2)
	got, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(got), `"failed":2,"resumed":0,"handshake_ms":{"p50":null,"p95":null,"p99":null,"max":null}`) {
		t.Errorf("report = %s, %v", got, err)
	}
	var out strings.Builder
	r.write(&out, "h:1")
	if want := "\n--- h:1: 2 handshakes, 2 failed, 0 resumed\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

func TestPercentiles(t *testing.T) {
	var d []time.Duration
	for _, p := range pings(100) {
		d = append(d, p.handshake)
	}
	p := newPercentiles(d)
	if *p.P50 != 50 || *p.P95 != 95 || *p.P99 != 99 || *p.Max != 100 {
		t.Errorf("of 1 to 100: %v, %v, %v, %v", *p.P50, *p.P95, *p.P99, *p.Max)
	}
}

func TestReportText(t *testing.T) {
	r := newReport(pings(2), 0)
	var out strings.Builder
	r.write(&out, "h:1")
	for _, part := range []string{"2 handshakes, 0 failed", "p95", "2500 B out in 7.0 datagrams, 2300 B in in 5.0", "30 B out, 47 B in"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("lacks %q:\n%s", part, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
}
