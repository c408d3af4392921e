package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

// command runs the program without a network.
func command(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = program().Run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestHelp(t *testing.T) {
	names := []string{"check", "passphrase", "get", "observe", "post", "put", "delete", "fetch", "patch", "ipatch", "run", "ping", "bench", "proxy"}
	_, overview, _ := command(t, "help")
	for _, name := range names {
		code, out, errs := command(t, name, "-h")
		if code != 0 || errs != "" {
			t.Errorf("%s -h: code %d, errors %q", name, code, errs)
		}
		for _, part := range []string{"Usage: pqcoap-node " + name + " -c FILE", "-passphrase-fd N", "\nExamples:\n  pqcoap-node " + name + " -c "} {
			if !strings.Contains(out, part) {
				t.Errorf("%s -h lacks %q:\n%s", name, part, out)
			}
		}
		if !strings.Contains(overview, "\n  "+name+" ") {
			t.Errorf("help lacks %s:\n%s", name, overview)
		}
		for line := range strings.Lines(overview + out) {
			if len(line) > 81 {
				t.Errorf("wider than 80 columns: %s", line)
			}
		}
	}
	_, out, _ := command(t, "init", "-h")
	for _, part := range []string{"Usage: pqcoap-node init CODE", "-pin FINGERPRINT", "\nExamples:\n  pqcoap-node init "} {
		if !strings.Contains(out, part) {
			t.Errorf("init -h lacks %q:\n%s", part, out)
		}
	}
	if len(names)+1 != len(program().Commands) {
		t.Errorf("%d commands, %d tested", len(program().Commands), len(names)+1)
	}
}

func TestUsageErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serverless.toml")
	const text = "name = \"s\"\nsuite = 1\nfingerprint = \"" // and 64 digits
	if err := os.WriteFile(file, []byte(text+strings.Repeat("0", 64)+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		line, want string
	}{
		{"get /time", "-c FILE is missing"},
		{"get -c x", "want one PATH, have 0"},
		{"delete -c x /a /b", "want one PATH, have 2"},
		{"get -c x -timeout 0s /time", "-timeout: want more than 0"},
		{"get -c x -timeout soon /time", "invalid value \"soon\""},
		{"get -c x -d text /time", "not defined: -d"},
		{"post -c " + file + " -server h -d a -f b /x", "-d and -f: want one of them"},
		{"post -c x -format 65536 /x", "want a number from 0 to 65535"},
		{"put -c x -format text /x", "want a number from 0 to 65535"},
		{"get -c " + file + " /time", "names no server: give -server ADDR"},
		{"observe -c x", "want one PATH, have 0"},
		{"observe -c x -n -1 /time", "-n: want 0 or more"},
		{"observe /time", "-c FILE is missing"},
		{"patch -c x -format text /x", "want a number from 0 to 65535"},
		{"run", "-c FILE is missing"},
		{"run -c x y", "want no arguments, have 1"},
		{"run -c x -interval 0s", "-interval: want more than 0"},
		{"run -c " + file + " -server h -sleep", "-sleep needs a state file"},
		{"run -c x -count -1", "-count: want 0 or more"},
		{"ping -c x y", "want no arguments, have 1"},
		{"ping -c x -n 0", "-n: want 1 or more"},
		{"init", "want one CODE, have 0"},
		{"init coap+pq://h:1?s=1 fp=x", "want one CODE, have 2"},
		{"init -timeout 0s x", "-timeout: want more than 0"},
		{"init x", "want 12 digits and letters"},
		{"init coap+pq://h:1?s=1", "fp: want a fingerprint"},
		{"init coap+pq://h:1?s=1 -server h", "are for a code alone"},
		{"init 7K2M-9QXR-4TBC", "needs -server ADDR and -pin FINGERPRINT"},
		{"init 7K2M-9QXR-4TBC -server h -pin x", "-pin: want 64 hex digits"},
		{"init 7K2M-9QXR-4TBC -server h -pin x -suite 5", "-suite: want 1, 2, 3 or 4"},
		{"init -", "want 12 digits and letters"},
		{"bench -c x y", "want no arguments, have 1"},
		{"bench -c x -clients 0", "-clients and -duration: want more than 0"},
		{"bench -c x -rate -1", "-rate and -payload: no less than 0"},
		{"bench -c x -get /a -post /b", "-get and -post: want one of them"},
		{"bench -c " + filepath.Dir(file) + "/..", "has no *.toml"},
		{"bench -c " + filepath.Dir(file), "names no server: give -server ADDR"},
		{"pong", "no command \"pong\""},
	}
	for _, tt := range tests {
		code, out, errs := command(t, strings.Fields(tt.line)...)
		if code != cli.CodeUsage || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: code %d, output %q, errors %q; want %q", tt.line, code, out, errs, tt.want)
		}
	}
}

func TestExplain(t *testing.T) {
	target := target{timeout: 5}
	file := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	for _, tt := range []struct {
		err  error
		code int
		want string
	}{
		{context.DeadlineExceeded, codeNoSession, "no answer within 5ns"},
		{context.Canceled, codeNoSession, "interrupted"},
		{&handshake.Refusal{Code: handshake.RefusedCredential}, codeNoSession, "handshake: refused"},
		{node.ErrKeyChanged, codeOtherKey, "node: THE SERVER"},
		{node.ErrState, 0, "state file"},
		{file, 0, "open x"},
	} {
		err, code := target.explain(tt.err), 0
		if coded := (*cli.Error)(nil); errors.As(err, &coded) {
			code = coded.Code
		}
		if code != tt.code || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%v: code %d, %v", tt.err, code, err)
		}
	}
}

func TestSensorName(t *testing.T) {
	for device, want := range map[string]string{
		"": "temperature", "s1": "s1/temperature", "-_.:x-1": "x-1/temperature", "--": "temperature",
	} {
		if got := sensorName(device); got != want {
			t.Errorf("sensorName(%q) = %q, want %q", device, got, want)
		}
	}
}
