package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/latency"
	"github.com/pqcoap/pqcoap/node"
)

// A load is clients that ask by some sessions.
type load struct {
	conns    []*node.Conn
	m        coap.Message
	clients  int
	rate     int // 0: closed loop
	duration time.Duration
	timeout  time.Duration
	began    time.Time
	next     atomic.Int64 // of the requests that are due
}

func newLoad(conns []*node.Conn, m coap.Message, b *benchRun) *load {
	return &load{conns: conns, m: m, clients: b.clients, rate: b.rate, duration: b.duration, timeout: b.timeout}
}

// A benchReport is the JSON of bench.
type benchReport struct {
	Clients     int            `json:"clients"`
	Sessions    int            `json:"sessions"`
	Seconds     float64        `json:"seconds"`
	Requests    uint64         `json:"requests"`
	PerSecond   float64        `json:"per_second"` // of those that were answered well
	P50         float64        `json:"p50_ms"`
	P90         float64        `json:"p90_ms"`
	P99         float64        `json:"p99_ms"`
	Max         float64        `json:"max_ms"`
	Errors      map[string]int `json:"errors,omitempty"`
	OverheadOut float64        `json:"overhead_bytes_out"`
	OverheadIn  float64        `json:"overhead_bytes_in"`
}

func (r *benchReport) failed() (n int) {
	for _, count := range r.Errors {
		n += count
	}
	return n
}

// A tally is what one client has seen.
type tally struct {
	times  latency.Histogram
	errors map[string]int
	bodies int // bytes of the answers
}

// run asks until the time is over or ctx is done, and waits for what is under way.
func (l *load) run(ctx context.Context) benchReport {
	outBefore, inBefore := l.traffic()
	l.began = time.Now()
	tallies := make([]tally, l.clients)
	var running sync.WaitGroup
	for i := range tallies {
		running.Go(func() { l.client(ctx, l.conns[i%len(l.conns)], &tallies[i]) })
	}
	running.Wait()
	took := time.Since(l.began)
	out, in := l.traffic()
	all := tally{errors: make(map[string]int)}
	for i := range tallies {
		all.times.Merge(&tallies[i].times)
		all.bodies += tallies[i].bodies
		for kind, n := range tallies[i].errors {
			all.errors[kind] += n
		}
	}
	r := benchReport{Clients: l.clients, Sessions: len(l.conns), Seconds: took.Seconds(), Errors: all.errors}
	r.Requests = all.times.N() + uint64(r.failed())
	r.PerSecond = float64(all.times.N()) / took.Seconds()
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	r.P50, r.P90 = ms(all.times.Quantile(0.5)), ms(all.times.Quantile(0.9))
	r.P99, r.Max = ms(all.times.Quantile(0.99)), ms(all.times.Max())
	if n := float64(r.Requests); n > 0 {
		r.OverheadOut = (out-outBefore)/n - float64(len(l.m.Payload))
		r.OverheadIn = (in - inBefore - float64(all.bodies)) / n
	}
	return r
}

// traffic is that of all sessions. One that is followed by another within the run counts from there.
func (l *load) traffic() (out, in float64) {
	for _, c := range l.conns {
		r := c.Stats().Records
		out, in = out+float64(r.BytesOut), in+float64(r.BytesIn)
	}
	return out, in
}

func (l *load) client(ctx context.Context, c *node.Conn, t *tally) {
	t.errors = make(map[string]int)
	for ctx.Err() == nil {
		due, ok := l.due(ctx)
		if !ok {
			return
		}
		within, cancel := context.WithTimeout(ctx, l.timeout)
		answer, err := c.Do(within, l.m)
		cancel()
		t.bodies += len(answer.Payload)
		if kind := failure(answer.Code, err); kind != "" {
			t.errors[kind]++
			continue
		}
		t.times.Add(time.Since(due))
	}
}

// due waits until the next request is due, and returns when that was; false if there is none.
func (l *load) due(ctx context.Context) (time.Time, bool) {
	now := time.Now()
	if l.rate == 0 {
		return now, now.Sub(l.began) < l.duration
	}
	at := time.Duration(l.next.Add(1)-1) * time.Second / time.Duration(l.rate)
	if at >= l.duration {
		return now, false
	}
	due := l.began.Add(at)
	select {
	case <-ctx.Done():
		return now, false
	case <-time.After(due.Sub(now)):
		return due, true
	}
}

// failure is the kind of one, empty for an answer that is none.
func failure(code coap.Code, err error) string {
	switch {
	case err == nil && code>>5 == 2:
		return ""
	case err == nil:
		return codeText(code)
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, node.ErrUnknownOutcome):
		return "session lost"
	}
	return err.Error()
}

func (r *benchReport) write(w io.Writer) {
	fmt.Fprintf(w, "%d clients, %d sessions, %.1f s: %d requests, %.0f answered a second\n", r.Clients, r.Sessions, r.Seconds, r.Requests, r.PerSecond)
	fmt.Fprintf(w, "p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f ms\n", r.P50, r.P90, r.P99, r.Max)
	fmt.Fprintf(w, "beyond the bodies: %.1f B out, %.1f B in a request\n", r.OverheadOut, r.OverheadIn)
	var kinds []string
	for kind := range r.Errors {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		fmt.Fprintf(w, "failed: %d %s\n", r.Errors[kind], kind)
	}
}
