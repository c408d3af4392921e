// Package budgets holds what the measurements have found against the budgets, and draws it. It reads
// the JSON that the commands print, of one run of all of them by make bench, from one folder.
package budgets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pqcoap/pqcoap/conformance/bench"
	"github.com/pqcoap/pqcoap/conformance/flood"
	"github.com/pqcoap/pqcoap/conformance/idle"
)

// Verdicts of a row. What has not been measured is not kept.
const (
	Pass    = "pass"
	Short   = "short"
	Missing = "not measured"
)

// A Row is one budget.
type Row struct {
	Figure  string `json:"figure"`
	Ours    string `json:"ours"`
	Budget  string `json:"budget"`
	Verdict string `json:"verdict"`
	Command string `json:"command"` // that measured it
}

// Figures is what was measured; nil where a file is not there.
type Figures struct {
	Bench    *bench.Result
	Idle     *idle.Result
	Million  *idle.Result // by hand: the budget is of a million
	Flood    *flood.Result
	Loss     *Loss
	Sessions *Sessions
	Stacks   *Stacks
	Load     *Load
	Node     *Node
}

// Loss is what is needed of 'pqcoap-conformance loss -json'.
type Loss struct {
	Cells []struct {
		Loss   float64  `json:"loss"`
		RTT    float64  `json:"rtt_ms"`
		Echo   bool     `json:"echo"`
		Resume string   `json:"resume"`
		P50    *float64 `json:"p50_ms"`
		P95    *float64 `json:"p95_ms"`
		Budget *struct {
			P50, P95 float64
		} `json:"budget_ms"`
		Verdict string `json:"verdict"`
	}
}

// Sessions is what is needed of 'pqcoap-conformance sessions -json'.
type Sessions struct {
	Scenarios []struct {
		Name     string `json:"name"`
		Plain    int    `json:"plain_bytes"`
		Messages int    `json:"message_bytes"`
	}
}

// Stacks is what is needed of the handshakes of conformance/compare.
type Stacks struct {
	DelayMS float64 `json:"delay_ms"`
	Cells   []struct {
		Stack       string  `json:"stack"`
		LossPercent float64 `json:"loss_percent"`
		Handshake   phase   `json:"handshake"`
		Answer      phase   `json:"first_answer"`
	}
}

type phase struct {
	P50 *float64 `json:"p50_ms"`
}

// Load is what is needed of the requests of conformance/compare.
type Load struct {
	Requests []struct {
		Stack     string
		Clients   int
		Payload   int
		PerSecond float64 `json:"per_second"`
		P50       float64 `json:"p50_us"`
		P99       float64 `json:"p99_us"`
		CPU       float64 `json:"cpu_us"`
	}
	Memory []struct {
		Stack    string
		Sessions int
		RSS      float64 `json:"rss_bytes"`
	}
}

// Node is the device program: the sizes of stripped binaries, and its memory while it runs.
type Node struct {
	Sizes map[string]int64 `json:"binary_bytes"` // by GOOS/GOARCH
	RSS   int64            `json:"rss_bytes"`
}

// Read reads the files of a folder.
func Read(dir string) (*Figures, error) {
	f := &Figures{}
	for name, to := range map[string]func([]byte) error{
		"bench": into(&f.Bench), "idle": into(&f.Idle), "million": into(&f.Million), "flood": into(&f.Flood), "loss": into(&f.Loss),
		"sessions": into(&f.Sessions), "stacks": into(&f.Stacks), "load": into(&f.Load), "node": into(&f.Node),
	} {
		path := filepath.Join(dir, name+".json")
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = to(b)
		}
		if err != nil {
			return nil, fmt.Errorf("budgets: %s: %w", path, err)
		}
	}
	return f, nil
}

func into[T any](to **T) func([]byte) error {
	return func(b []byte) error {
		*to = new(T)
		return json.Unmarshal(b, *to)
	}
}
