package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/pqcoap/pqcoap/conformance/matrix"
)

// A lossTable writes results as they come, under a heading for each group of losses. Times
// are in milliseconds.
type lossTable struct {
	out   io.Writer
	group string
}

func (t *lossTable) row(r *matrix.Result) {
	if group := r.Cell.Group(); group != t.group {
		if t.group != "" {
			fmt.Fprintln(t.out)
		}
		t.group = group
		fmt.Fprintf(t.out, "%s\n%6s %5s %6s %6s %6s %6s %9s %7s  %s\n", group,
			"loss", "n", "failed", "p50", "p95", "p99", "datagrams", "bytes", "budget")
	}
	fmt.Fprintf(t.out, "%4.4g %% %5d %6d %6s %6s %6s %9.1f %7.0f%s\n", 100*r.Cell.Loss, r.N(), r.Failed,
		quantile(r, 0.50), quantile(r, 0.95), quantile(r, 0.99), r.Datagrams, r.Bytes, judged(r))
	if r.Err != nil {
		fmt.Fprintf(t.out, "       failed first: %v\n", r.Err)
	}
}

// quantile is in whole milliseconds, or a dash where too many have failed.
func quantile(r *matrix.Result, q float64) string {
	if d, ok := r.Quantile(q); ok {
		return wholeMilliseconds(d)
	}
	return "-"
}

func wholeMilliseconds(d time.Duration) string {
	return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10)
}

// judged is the budget and whether it is kept, empty where there is none.
func judged(r *matrix.Result) string {
	b, ok := r.Cell.Budget()
	if !ok {
		return ""
	}
	return fmt.Sprintf("  %9s %s", wholeMilliseconds(b.P50)+"/"+wholeMilliseconds(b.P95), r.Verdict())
}

// A lossReport is what -json prints.
type lossReport struct {
	Sockets   bool       `json:"sockets"`
	Seed      uint64     `json:"seed"`
	Budgets   int        `json:"budgets"`
	FallShort int        `json:"fall_short"`
	Cells     []lossCell `json:"cells"`
}

type lossCell struct {
	Suite      uint8          `json:"suite"`
	RTT        float64        `json:"rtt_ms"`
	MTU        int            `json:"mtu"`
	Loss       float64        `json:"loss"`
	Echo       bool           `json:"echo"`
	Configured bool           `json:"configured"`
	Resume     string         `json:"resume"`
	N          int            `json:"n"`
	Failed     int            `json:"failed"`
	Error      string         `json:"error,omitempty"`
	P50        *float64       `json:"p50_ms"`
	P95        *float64       `json:"p95_ms"`
	P99        *float64       `json:"p99_ms"`
	Datagrams  float64        `json:"datagrams"`
	Bytes      float64        `json:"bytes"`
	Budget     *lossBudget    `json:"budget_ms,omitempty"`
	Verdict    matrix.Verdict `json:"verdict,omitempty"`
}

type lossBudget struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
}

func newLossCell(r *matrix.Result) lossCell {
	c := lossCell{
		Suite: uint8(r.Cell.Suite), RTT: milliseconds(r.Cell.RTT), MTU: r.Cell.MTU, Loss: r.Cell.Loss,
		Echo: r.Cell.Echo, Configured: r.Cell.Configured, Resume: r.Cell.Resume.String(), N: r.N(), Failed: r.Failed,
		P50: reached(r, 0.50), P95: reached(r, 0.95), P99: reached(r, 0.99),
		Datagrams: r.Datagrams, Bytes: r.Bytes, Verdict: r.Verdict(),
	}
	if r.Err != nil {
		c.Error = r.Err.Error()
	}
	if b, ok := r.Cell.Budget(); ok {
		c.Budget = &lossBudget{milliseconds(b.P50), milliseconds(b.P95)}
	}
	return c
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// reached is a quantile in milliseconds, nil where too many have failed.
func reached(r *matrix.Result, q float64) *float64 {
	d, ok := r.Quantile(q)
	if !ok {
		return nil
	}
	v := milliseconds(d)
	return &v
}

// conclude counts the budgets; one that is not kept is an error.
func (l *lossRun) conclude(out io.Writer, results []matrix.Result) error {
	report := lossReport{Sockets: l.real, Seed: l.seed}
	for i := range results {
		r := &results[i]
		report.Cells = append(report.Cells, newLossCell(r))
		if v := r.Verdict(); v != matrix.Unjudged {
			report.Budgets++
			if v != matrix.Pass {
				report.FallShort++
			}
		}
	}
	switch {
	case l.asJSON:
		if err := json.NewEncoder(out).Encode(report); err != nil {
			return err
		}
	case report.Budgets > 0:
		fmt.Fprintf(out, "\n%d of %d budgets kept (p50/p95 in ms, 10 %% allowed for the sample)\n",
			report.Budgets-report.FallShort, report.Budgets)
	}
	if report.FallShort > 0 {
		return fmt.Errorf("%d of %d budgets fall short", report.FallShort, report.Budgets)
	}
	return nil
}
