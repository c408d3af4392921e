package netem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// timeLimit is that of all scenarios: far more than they take.
const timeLimit = 8 * time.Minute

// The two commands talk through each impairment: every handshake succeeds, every reading
// arrives once.
func TestUnderNetem(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes about a minute")
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	place := find(ctx, t)
	dir := t.TempDir()
	prepare(ctx, t, dir)
	start := time.Now()
	console, err := place.Run(ctx, dir)
	t.Logf("in %v, %.0f s", place, time.Since(start).Seconds())
	defer func() {
		if t.Failed() {
			t.Logf("console:\n%s\nserver:\n%s", tail(string(console)), tail(read(t, dir, "server.err")))
		}
	}()
	if err != nil {
		t.Fatal(err)
	}
	if status := read(t, dir, "server.exit"); status != "0\n" {
		t.Errorf("the server's exit code is %q", status)
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "scenario\tn\tp50 ms\tp95 ms\tmax ms\tanswer p50\tB out\tB in\tof\tdropped\treordered\t")
	for _, s := range Scenarios {
		judge(t, w, dir, &s)
	}
	w.Flush()
	t.Logf("bytes a handshake:\n%s", &table)
}

// find skips the test where there is no netem, or, in CI, fails it.
func find(ctx context.Context, t *testing.T) Place {
	place, err := Find(ctx)
	switch {
	case err == nil:
		return place
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		fmt.Fprintf(os.Stderr, "\nSKIPPED: the tests under netem: %v\n\n", err)
		t.Skip(err)
	}
	return 0
}

// prepare makes in dir what run.sh wants: programs that need no library of the place where
// they run, a server's folder, the scenarios and a device for each.
func prepare(ctx context.Context, t *testing.T, dir string) {
	t.Helper()
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+"/",
		"../../server/cmd/pqcoap-server", "../../node/cmd/pqcoap-node")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	must(t, build)
	server := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, filepath.Join(dir, "pqcoap-server"), args...)
		cmd.Dir = dir
		must(t, cmd)
	}
	server("init", "-dir", "server", "-suite", "1")
	var list []byte
	for _, s := range Scenarios {
		server("enroll", "-dir", "server", "-server", "127.0.0.1:5688", s.Name)
		list = s.Append(list)
	}
	if err := os.WriteFile(filepath.Join(dir, "scenarios"), list, 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}

// judge checks what a scenario has left in dir, and adds a line to the table.
func judge(t *testing.T, table *tabwriter.Writer, dir string, s *Scenario) {
	for _, command := range []string{"ping", "run", "get", "tc"} {
		if status := read(t, dir, s.Name+"."+command+".exit"); status != "0\n" {
			t.Errorf("%s: exit code of %s: %q\n%s", s.Name, command, status, read(t, dir, s.Name+"."+command+".err"))
		}
	}
	ping, err := ParsePing([]byte(read(t, dir, s.Name+".ping.out")))
	if err == nil {
		err = ping.Check(s)
	}
	if err != nil {
		t.Errorf("%s: ping: %v", s.Name, err)
	}
	readings, err := ParseReadings([]byte(read(t, dir, s.Name+".get.out")))
	if err != nil || readings != s.Readings {
		t.Errorf("%s: %d readings arrived, %v; want %d", s.Name, readings, err, s.Readings)
	}
	queue, err := ParseQueue([]byte(read(t, dir, s.Name+".tc.out")))
	if err != nil || s.Drops && queue.Dropped == 0 || s.Reorders && queue.Reordered == 0 {
		t.Errorf("%s: the network was not impaired: %+v, %v", s.Name, queue, err)
	}
	h := ping.HandshakeMS
	n := max(1, ping.Handshakes)
	fmt.Fprintf(table, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t%d\t%d\t%d\t%d\t\n", s.Name, ping.Handshakes, h.P50, h.P95, h.Max,
		ping.FirstAnswerMS.P50, ping.BytesOut/n, ping.BytesIn/n, queue.Sent, queue.Dropped, queue.Reordered)
}

// tail returns the last lines of a log.
func tail(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "")
}

// read returns a file of dir; one that is missing is a failure.
func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s was not written", name)
	} else if err != nil {
		t.Error(err)
	}
	return string(bytes.ToValidUTF8(b, []byte("?")))
}
