package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/conformance/lasting"
	"github.com/pqcoap/pqcoap/internal/cli"
)

// Every scenario keeps its bounds, and has a row.
func TestSessions(t *testing.T) {
	code, out, stderr := run(t, "sessions")
	if code != cli.CodeOK || stderr != "" {
		t.Fatalf("exit code %d, %q, %q", code, out, stderr)
	}
	for _, s := range lasting.Scenarios() {
		if !strings.Contains(out, "\n"+s.Name+" ") {
			t.Errorf("no row of %q:\n%s", s.Name, out)
		}
	}
	for line := range strings.Lines(out) {
		if len(line) > 81 {
			t.Errorf("line of %d columns: %q", len(line)-1, line)
		}
	}
}

func TestSessionsJSON(t *testing.T) {
	code, out, stderr := run(t, "sessions", "-suite", "2,3", "-json")
	var report sessionsReport
	if err := json.Unmarshal([]byte(out), &report); code != cli.CodeOK || err != nil {
		t.Fatalf("exit code %d, %v, %q", code, err, stderr)
	}
	if n := len(lasting.Scenarios()); report.Broken != 0 || len(report.Scenarios) != 2*n || report.Scenarios[n].Suite != 3 {
		t.Errorf("%d scenarios, %d broken", len(report.Scenarios), report.Broken)
	}
	if s := report.Scenarios[0]; s.Restored != 1 || s.ToServer != (count{1, 40}) || s.RoundTrips != 1 {
		t.Errorf("a sleep: %+v", s)
	}
}

func TestSessionsUsage(t *testing.T) {
	for _, args := range [][]string{{"extra"}, {"-suite", "5"}, {"-suite", "x"}, {"-suite", ""}} {
		code, out, stderr := run(t, append([]string{"sessions"}, args...)...)
		if code != cli.CodeUsage || out != "" || stderr == "" {
			t.Errorf("%q: exit code %d, %q, %q", args, code, out, stderr)
		}
	}
}
