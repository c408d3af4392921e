package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/internal/cli"
)

// run runs the program and returns its exit code and what it wrote.
func run(t *testing.T, args ...string) (code int, out, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	code = program.Run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestVectors(t *testing.T) {
	dir := t.TempDir()
	code, out, stderr := run(t, "vectors", "-dir", dir)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if code != cli.CodeOK || err != nil || len(files) < 100 || !strings.Contains(out, "scenarios in "+dir) {
		t.Errorf("exit code %d, %d files, %q, %q", code, len(files), out, stderr)
	}
}

func TestVectorsFails(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
	}{
		{[]string{"vectors", "-dir", filepath.Join(t.TempDir(), "missing")}, cli.CodeFailure},
		{[]string{"vectors", "extra"}, cli.CodeUsage},
		{[]string{"vectors", "-other"}, cli.CodeUsage},
		{[]string{"other"}, cli.CodeUsage},
		{nil, cli.CodeUsage},
	} {
		code, out, stderr := run(t, test.args...)
		if code != test.code || out != "" || stderr == "" {
			t.Errorf("%q: exit code %d, want %d; %q, %q", test.args, code, test.code, out, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"vectors", "-h"}} {
		if code, out, _ := run(t, args...); code != cli.CodeOK || !strings.Contains(out, "pqcoap-conformance vectors -dir") {
			t.Errorf("%q: exit code %d, %q", args, code, out)
		}
	}
}
