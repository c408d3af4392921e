package metrics

import (
	"maps"
	"math"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/server"
)

// A source is a server that is as the test says.
type source struct {
	stats server.Stats
	now   server.Status
}

func (s *source) Stats() server.Stats   { return s.stats }
func (s *source) Status() server.Status { return s.now }

// gathered are the metrics without labels, by name.
func gathered(t *testing.T, s Source) map[string]*dto.Metric {
	t.Helper()
	families, err := New(s).Gather()
	if err != nil {
		t.Fatal(err)
	}
	metrics := make(map[string]*dto.Metric)
	for _, f := range families {
		if m := f.Metric[0]; len(m.Label) == 0 {
			metrics[f.GetName()] = m
		}
	}
	return metrics
}

// A bucket has all durations up to its bound, and those beyond the last bound are in the count.
func TestHistogram(t *testing.T) {
	s := &source{}
	for _, d := range []time.Duration{50 * time.Microsecond, 3 * time.Millisecond, 4 * time.Millisecond, time.Hour} {
		s.stats.Handshake.Add(d)
	}
	h := gathered(t, s)["pqcoap_handshake_duration_seconds"].GetHistogram()
	want := map[float64]uint64{}
	for _, bound := range coap.SpanBounds {
		switch {
		case bound < 3*time.Millisecond:
			want[bound.Seconds()] = 1
		default:
			want[bound.Seconds()] = 3
		}
	}
	got := map[float64]uint64{}
	for _, b := range h.Bucket {
		got[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	if !maps.Equal(got, want) || h.GetSampleCount() != 4 || math.Abs(h.GetSampleSum()-3600.00705) > 1e-9 {
		t.Errorf("%v, %d of %v s; want %v", got, h.GetSampleCount(), h.GetSampleSum(), want)
	}
}

// What a server does not have is not there, and not 0.
func TestAbsent(t *testing.T) {
	optional := []string{"pqcoap_devices_enrolled", "pqcoap_invitations_open", "pqcoap_ticket_key_timestamp_seconds"}
	bare := gathered(t, &source{now: server.Status{Devices: -1, Invitations: -1}})
	full := gathered(t, &source{now: server.Status{Devices: 0, Invitations: 3, TicketKey: time.Unix(1700000000, 0)}})
	for _, name := range optional {
		if bare[name] != nil {
			t.Errorf("%s: %v", name, bare[name])
		}
		if full[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	if v := full["pqcoap_ticket_key_timestamp_seconds"].GetGauge().GetValue(); v != 1.7e9 {
		t.Errorf("ticket key of %v", v)
	}
}

// The parts of the bytes in sessions are all of them.
func TestOverhead(t *testing.T) {
	s := &source{}
	s.stats.Records.BytesIn, s.stats.Records.ContentIn = 100, 60
	s.stats.Records.BytesOut, s.stats.Records.ContentOut = 50, 20
	families, err := New(s).Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == "pqcoap_bytes_total" {
				got[m.Label[0].GetValue()+" "+m.Label[1].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	want := map[string]float64{
		"in plain": 0, "out plain": 0, "in content": 60, "out content": 20, "in overhead": 40, "out overhead": 30,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
