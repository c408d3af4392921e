package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/conformance/bench"
	"github.com/pqcoap/pqcoap/conformance/flood"
	"github.com/pqcoap/pqcoap/conformance/idle"
	"github.com/pqcoap/pqcoap/internal/cli"
)

// The program of the tests is a peer where a measurement starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == peerCommand.Name {
		os.Exit(cli.Main(program))
	}
	os.Exit(m.Run())
}

// measured runs a command with and without -json, and reads what the first prints.
func measured[T any](t *testing.T, line string) (r T, table string) {
	t.Helper()
	code, out, errs := run(t, append(strings.Fields(line), "-json")...)
	if code != cli.CodeOK || errs != "" {
		t.Fatalf("exit code %d, %s", code, errs)
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	code, table, errs = run(t, strings.Fields(line)...)
	if code != cli.CodeOK || errs != "" {
		t.Errorf("exit code %d, %s", code, errs)
	}
	return r, table
}

func TestBench(t *testing.T) {
	r, table := measured[bench.Result](t, "bench -suite 3 -clients 2 -rounds 1 -round 20ms")
	if r.Suite != 3 || len(r.Requests) != 5 || strings.Count(table, "\n") != 5*2+4+4+4+3+4+5 {
		t.Errorf("%+v\n%s", r, table)
	}
}

func TestIdle(t *testing.T) {
	r, table := measured[idle.Result](t, "idle -n 5,20 -settle 0s -probes 3")
	if len(r.Levels) != 2 || r.Levels[1].N != 20 || strings.Count(table, "\n") != 4 {
		t.Errorf("%+v\n%s", r, table)
	}
}

func TestFlood(t *testing.T) {
	r, table := measured[flood.Result](t, "flood -suite 3 -kind none,half-open -rate 20 -duration 150ms")
	if len(r.Rows) != 2 || r.Rows[1].Kind != "half-open" || strings.Count(table, "\n") != 3 {
		t.Errorf("%+v\n%s", r, table)
	}
}

func TestBudgets(t *testing.T) {
	dir := t.TempDir()
	b := []byte(`{"binary_bytes":{"linux/arm":5000000},"rss_bytes":13000000}`)
	if err := os.WriteFile(filepath.Join(dir, "node.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, "budgets", "-plot", "-dir", dir)
	if code != cli.CodeFailure || strings.Count(out, " pass ") != 2 || !strings.Contains(errs, "budgets are not kept") {
		t.Errorf("exit code %d, %s\n%s", code, errs, out)
	}
	var rows []map[string]string
	if _, out, _ = run(t, "budgets", "-json", "-dir", dir); json.Unmarshal([]byte(out), &rows) != nil || len(rows) < 15 {
		t.Errorf("rows: %s", out)
	}
}

// What was measured is shown as the command would have, but for how its parts are made.
func TestShow(t *testing.T) {
	dir := t.TempDir()
	for name, line := range map[string]string{
		"bench": "bench -suite 3 -clients 1 -rounds 1 -round 10ms", "idle": "idle -n 5 -settle 0s -probes 1",
		"flood": "flood -suite 3 -kind none -rate 20 -duration 100ms",
	} {
		_, out, errs := run(t, append(strings.Fields(line), "-json")...)
		if errs != "" {
			t.Fatal(errs)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := `{"requests":[{"stack":"pion","clients":4}],"memory":[{"stack":"pion","sessions":5}]}`
	if err := os.WriteFile(filepath.Join(dir, "load.json"), []byte(load), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, lines := range map[string]int{"bench": 34, "idle": 3, "flood": 2, "load": 5} {
		if code, out, errs := run(t, "budgets", "-dir", dir, "-show", name); code != cli.CodeOK || strings.Count(out, "\n") != lines {
			t.Errorf("%s: exit code %d, %s\n%s", name, code, errs, out)
		}
	}
}

func TestMeasureUsage(t *testing.T) {
	for _, line := range []string{
		"bench x", "bench -clients 0", "bench -suite 9", "bench -rounds 0", "bench -payload 2000", "bench -round 0s",
		"idle x", "idle -n 5,4", "idle -n -1", "idle -settle -1s", "idle -suite 0",
		"flood x", "flood -kind rain", "flood -rate 0", "flood -duration 1ms", "flood -suite 0", "budgets x", "budgets -dir / -show bench", "peer x",
	} {
		if code, out, errs := run(t, strings.Fields(line)...); code != cli.CodeUsage || out != "" || errs == "" {
			t.Errorf("%s: exit code %d, %q, %q", line, code, out, errs)
		}
	}
	if code, _, errs := run(t, "peer"); code != cli.CodeFailure || errs == "" {
		t.Error("a peer without a configuration", code, errs)
	}
	if code, _, errs := run(t, "budgets", "-dir", os.Args[0]); code != cli.CodeFailure || errs == "" {
		t.Error("a folder that is none", code, errs)
	}
}
