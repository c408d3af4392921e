package matrix

import (
	"math"
	"slices"
	"time"
)

// A Handshake is what one handshake has cost.
type Handshake struct {
	Time      time.Duration // until m2 opened
	Err       error         // why it failed; Time says nothing then
	Datagrams int           // of both directions, lost ones too, until all has been answered
	Bytes     int           // of UDP payload in them
}

// A Result is all handshakes of a cell.
type Result struct {
	Cell   Cell
	Times  []time.Duration // of those that ended well, ascending
	Failed int
	Err    error // the first failure

	Datagrams, Bytes float64 // means, of the failed ones too
}

// newResult sums up.
func newResult(c Cell, all []Handshake) Result {
	r := Result{Cell: c}
	for _, h := range all {
		r.Datagrams += float64(h.Datagrams) / float64(len(all))
		r.Bytes += float64(h.Bytes) / float64(len(all))
		if h.Err == nil {
			r.Times = append(r.Times, h.Time)
			continue
		}
		if r.Err == nil {
			r.Err = h.Err
		}
		r.Failed++
	}
	slices.Sort(r.Times)
	return r
}

// N is the number of handshakes.
func (r *Result) N() int { return len(r.Times) + r.Failed }

// Quantile is the time in which a share q of all handshakes had ended well. It is false where
// so many have not.
func (r *Result) Quantile(q float64) (time.Duration, bool) {
	rank := max(1, int(math.Ceil(q*float64(r.N()))))
	if rank > len(r.Times) {
		return 0, false
	}
	return r.Times[rank-1], true
}

// A Verdict says whether a cell keeps its budget.
type Verdict string

// The verdicts.
const (
	Unjudged  Verdict = ""
	Pass      Verdict = "pass"
	FallShort Verdict = "short"
)

// Verdict holds the result against the budget of its cell. Every handshake has to end well.
func (r *Result) Verdict() Verdict {
	budget, ok := r.Cell.Budget()
	if !ok {
		return Unjudged
	}
	allowed := budget.Allowed()
	p50, all50 := r.Quantile(0.50)
	p95, all95 := r.Quantile(0.95)
	if r.Failed > 0 || !all50 || !all95 || p50 > allowed.P50 || p95 > allowed.P95 {
		return FallShort
	}
	return Pass
}
