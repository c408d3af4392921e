package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/matrix"
	"github.com/pqcoap/pqcoap/internal/cli"
)

// A quick run without loss keeps its budgets: one round trip, and two with Echo.
func TestLoss(t *testing.T) {
	file := filepath.Join(t.TempDir(), "curves.svg")
	code, out, stderr := run(t, "loss", "-suite", "1", "-rtt", "100", "-mtu", "1280", "-loss", "0", "-n", "5", "-plot", file)
	if code != cli.CodeOK || stderr != "" {
		t.Fatalf("exit code %d, %q, %q", code, out, stderr)
	}
	for _, want := range []string{
		"Suite 1 (X-Wing), RTT 100ms, MTU 1280\n", "Echo demanded\n", "100/100 pass\n", "200/200 pass\n", "2 of 2 budgets kept",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if len(line) > 81 {
			t.Errorf("line of %d columns: %q", len(line)-1, line)
		}
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.Contains(b, []byte("simulated")) {
		t.Errorf("the drawing: %v", err)
	}
}

func TestLossReal(t *testing.T) {
	code, out, stderr := run(t, "loss", "-real", "-suite", "3", "-rtt", "20", "-loss", "0,10", "-echo", "no", "-n", "10", "-json")
	var report lossReport
	if err := json.Unmarshal([]byte(out), &report); code != cli.CodeOK || err != nil {
		t.Fatalf("exit code %d, %v, %q", code, err, stderr)
	}
	if !report.Sockets || len(report.Cells) != 2 || report.Budgets != 0 {
		t.Fatalf("report %+v", report)
	}
	for _, c := range report.Cells {
		if c.N != 10 || c.Failed != 0 || c.Suite != 3 || c.RTT != 20 || c.P50 == nil || *c.P50 < 20 || c.Bytes == 0 {
			t.Errorf("cell %+v", c)
		}
	}
}

func TestLossCells(t *testing.T) {
	tests := []struct {
		run   lossRun
		cells int
		n     int // of all
	}{
		{lossRun{}, 180 + 5, (20+5)*2000 + 160*200},
		{lossRun{real: true}, 10, 10 * 500},
		{lossRun{suite: "1, 2", mtu: "128"}, 2 * 3 * 5, 30 * 200},
		{lossRun{suite: "1", mtu: "1280", rtt: "100", loss: "5"}, 2, 2 * 2000},
		{lossRun{suite: "1", mtu: "1280", rtt: "100", loss: "5", echo: "yes", n: 7}, 1, 7},
		{lossRun{suite: "1", mtu: "1280", rtt: "100", loss: "7.5"}, 1, 2000},
		{lossRun{suite: "1", mtu: "1280", rtt: "100", loss: "5", resume: "no,small,secret"}, 4, 4 * 2000},
	}
	for _, test := range tests {
		cells, err := test.run.cells()
		n := 0
		for _, c := range cells {
			n += c.N
		}
		if err != nil || len(cells) != test.cells || n != test.n {
			t.Errorf("%+v: %d cells, %d handshakes, %v, want %d and %d", test.run, len(cells), n, err, test.cells, test.n)
		}
	}
	l := lossRun{configured: true, mtu: "576"}
	if cells, _ := l.cells(); !cells[0].Configured || cells[0].MTU != 576 {
		t.Errorf("cell %+v", cells[0])
	}
}

func TestLossUsage(t *testing.T) {
	for _, args := range [][]string{
		{"extra"}, {"-suite", "5"}, {"-suite", "x"}, {"-loss", "101"}, {"-loss", "-1"}, {"-rtt", "-1"},
		{"-mtu", "48"}, {"-mtu", "70000"}, {"-echo", "maybe"}, {"-loss", "1,,2"}, {"-n", "-1"}, {"-plot", "a.gif"},
		{"-resume", "maybe"}, {"-real", "-resume", "small"},
	} {
		code, out, stderr := run(t, append([]string{"loss"}, args...)...)
		if code != cli.CodeUsage || out != "" || stderr == "" {
			t.Errorf("%q: exit code %d, %q, %q", args, code, out, stderr)
		}
	}
}

// budgetResult is one handshake in the cell at 5 % loss, whose budget is 110/350 ms.
func budgetResult(d time.Duration) matrix.Result {
	return matrix.Result{
		Cell: matrix.Cell{
			Suite: matrix.BudgetSuite, RTT: matrix.BudgetRTT, MTU: matrix.BudgetMTU, Loss: 0.05,
		},
		Times: []time.Duration{d},
	}
}

// A budget that is not kept is an error, in words and in JSON.
func TestLossConclude(t *testing.T) {
	fast, slow := budgetResult(100*time.Millisecond), budgetResult(time.Second)
	for _, asJSON := range []bool{false, true} {
		l := lossRun{asJSON: asJSON}
		var out bytes.Buffer
		if err := l.conclude(&out, []matrix.Result{fast}); err != nil {
			t.Errorf("JSON %t: %v", asJSON, err)
		}
		out.Reset()
		if err := l.conclude(&out, []matrix.Result{fast, slow}); err == nil {
			t.Errorf("JSON %t: no error for a budget that falls short", asJSON)
		}
		want := "1 of 2 budgets kept"
		if asJSON {
			want = `"budgets":2,"fall_short":1`
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("JSON %t: output %q lacks %q", asJSON, &out, want)
		}
	}
}
