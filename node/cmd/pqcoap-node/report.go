package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// A report is the JSON of ping. Handshakes counts all that were tried.
type report struct {
	Handshakes      int         `json:"handshakes"`
	Failed          int         `json:"failed"`
	Resumed         int         `json:"resumed"`
	HandshakeMS     percentiles `json:"handshake_ms"`
	FirstAnswerMS   percentiles `json:"first_answer_ms"`
	BytesOut        uint64      `json:"bytes_out"`
	BytesIn         uint64      `json:"bytes_in"`
	DatagramsOut    uint64      `json:"datagrams_out"`
	DatagramsIn     uint64      `json:"datagrams_in"`
	RequestBytesOut uint64      `json:"request_bytes_out"`
	RequestBytesIn  uint64      `json:"request_bytes_in"`
}

// percentiles are in milliseconds; null where nothing was measured.
type percentiles struct {
	P50 *float64 `json:"p50"`
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
	Max *float64 `json:"max"`
}

func newReport(pings []ping, failed int) report {
	r := report{Handshakes: len(pings) + failed, Failed: failed}
	var handshakes, answers []time.Duration
	for _, p := range pings {
		handshakes = append(handshakes, p.handshake)
		answers = append(answers, p.answer)
		if p.stats.Resumed {
			r.Resumed++
		}
		r.BytesOut += p.stats.Handshake.BytesOut
		r.BytesIn += p.stats.Handshake.BytesIn
		r.DatagramsOut += p.stats.Handshake.DatagramsOut
		r.DatagramsIn += p.stats.Handshake.DatagramsIn
		r.RequestBytesOut += p.stats.Records.BytesOut
		r.RequestBytesIn += p.stats.Records.BytesIn
	}
	r.HandshakeMS = newPercentiles(handshakes)
	r.FirstAnswerMS = newPercentiles(answers)
	return r
}

// newPercentiles sorts what there is, in microseconds. A percentile is the smallest value that so many are
// not above.
func newPercentiles(d []time.Duration) (p percentiles) {
	if len(d) == 0 {
		return p
	}
	sorted := make([]int, len(d)) // which the program sorts elsewhere too: it stays smaller
	for i := range d {
		sorted[i] = int(d[i].Microseconds())
	}
	slices.Sort(sorted)
	at := func(percent int) *float64 {
		rank := (len(sorted)*percent + 99) / 100
		ms := float64(sorted[rank-1]) / 1000
		return &ms
	}
	return percentiles{at(50), at(95), at(99), at(100)}
}

// write shows the report to a person.
func (r *report) write(w io.Writer, server string) {
	fmt.Fprintf(w, "\n--- %s: %d handshakes, %d failed, %d resumed\n", server, r.Handshakes, r.Failed, r.Resumed)
	done := uint64(r.Handshakes - r.Failed)
	if done == 0 {
		return
	}
	fmt.Fprintf(w, "%-14s%12s%12s%12s%12s\n", "", "p50", "p95", "p99", "max")
	r.HandshakeMS.write(w, "handshake")
	r.FirstAnswerMS.write(w, "first answer")
	fmt.Fprintf(w, "a handshake: %d B out in %.1f datagrams, %d B in in %.1f\n",
		r.BytesOut/done, float64(r.DatagramsOut)/float64(done), r.BytesIn/done, float64(r.DatagramsIn)/float64(done))
	fmt.Fprintf(w, "a GET:       %d B out, %d B in\n", r.RequestBytesOut/done, r.RequestBytesIn/done)
}

func (p *percentiles) write(w io.Writer, name string) {
	fmt.Fprintf(w, "%-14s", name)
	for _, v := range []*float64{p.P50, p.P95, p.P99, p.Max} {
		fmt.Fprintf(w, "%9.2f ms", *v)
	}
	fmt.Fprintln(w)
}

// milliseconds writes a time for a column.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}
