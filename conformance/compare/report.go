package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"time"
)

// A report is the JSON that the command prints.
type report struct {
	Go       string      `json:"go"`
	System   string      `json:"system"`
	CPUs     int         `json:"cpus"`
	DelayMS  float64     `json:"delay_ms"` // each way
	Parallel int         `json:"parallel"`
	Seed     uint64      `json:"seed"`
	Stacks   []stackInfo `json:"stacks"`
	Cells    []cell      `json:"cells"`
}

type stackInfo struct {
	Name        string `json:"name"`
	About       string `json:"about"`
	PostQuantum bool   `json:"post_quantum"`
}

// A cell is one stack at one loss.
type cell struct {
	Stack       string  `json:"stack"`
	LossPercent float64 `json:"loss_percent"` // each way
	N           int     `json:"n"`
	Handshake   summary `json:"handshake"`
	Answer      summary `json:"first_answer"`
}

// A summary is about one phase of all runs of a cell. A run that failed counts in the
// percentiles as one that takes for ever, and not in the means.
type summary struct {
	Failed        int     `json:"failed"`
	FirstFailure  string  `json:"first_failure,omitempty"`
	P50           millis  `json:"p50_ms"`
	P95           millis  `json:"p95_ms"`
	P99           millis  `json:"p99_ms"`
	DatagramsUp   float64 `json:"datagrams_up"` // means
	DatagramsDown float64 `json:"datagrams_down"`
	BytesUp       float64 `json:"bytes_up"`
	BytesDown     float64 `json:"bytes_down"`
}

// millis are milliseconds; infinity is null in JSON.
type millis float64

func (m millis) MarshalJSON() ([]byte, error) {
	if math.IsInf(float64(m), 1) {
		return []byte("null"), nil
	}
	return json.Marshal(math.Round(float64(m)*10) / 10)
}

func (m millis) String() string {
	if math.IsInf(float64(m), 1) {
		return "never"
	}
	return fmt.Sprintf("%.0f", float64(m))
}

func newReport(o settings) *report {
	r := &report{
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		DelayMS: float64(o.delay) / float64(time.Millisecond), Parallel: o.parallel, Seed: o.seed,
	}
	for _, s := range o.stacks {
		r.Stacks = append(r.Stacks, stackInfo{s.name, s.about(), s.postQuantum})
	}
	return r
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// summarize makes a cell of its samples.
func summarize(stack string, loss float64, samples []sample) cell {
	handshakes, answers := make([]phase, len(samples)), make([]phase, len(samples))
	for i, s := range samples {
		handshakes[i], answers[i] = s.handshake, s.answer
	}
	return cell{stack, loss * 100, len(samples), summarizePhases(handshakes), summarizePhases(answers)}
}

func summarizePhases(phases []phase) summary {
	var s summary
	times := make([]millis, len(phases))
	for i, p := range phases {
		if p.err != nil {
			times[i] = millis(math.Inf(1))
			s.Failed++
			if s.FirstFailure == "" {
				s.FirstFailure = p.err.Error()
			}
			continue
		}
		times[i] = millis(float64(p.took) / float64(time.Millisecond))
		s.DatagramsUp += float64(p.traffic.DatagramsUp)
		s.DatagramsDown += float64(p.traffic.DatagramsDown)
		s.BytesUp += float64(p.traffic.BytesUp)
		s.BytesDown += float64(p.traffic.BytesDown)
	}
	if done := float64(len(phases) - s.Failed); done > 0 {
		s.DatagramsUp /= done
		s.DatagramsDown /= done
		s.BytesUp /= done
		s.BytesDown /= done
	}
	slices.Sort(times)
	s.P50, s.P95, s.P99 = percentile(times, 50), percentile(times, 95), percentile(times, 99)
	return s
}

// percentile returns the smallest of sorted times that p per cent of them do not exceed.
func percentile(sorted []millis, p int) millis {
	return sorted[(len(sorted)*p+99)/100-1]
}
