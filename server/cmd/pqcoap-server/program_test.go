package main

import (
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
)

func command(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = program().Run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestHelp(t *testing.T) {
	names := []string{
		"init", "enroll", "invite", "import", "export", "list", "show", "permit", "suspend", "resume", "revoke",
		"remove", "run", "check", "passphrase", "fingerprint", "rotate-key", "rotate-tickets", "ca", "demo",
	}
	_, overview, _ := command(t, "help")
	for _, name := range names {
		code, out, errs := command(t, name, "-h")
		if code != 0 || errs != "" {
			t.Errorf("%s -h: code %d, errors %q", name, code, errs)
		}
		for _, part := range []string{"Usage: pqcoap-server " + name, "\nExamples:\n  pqcoap-server " + name} {
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
	if len(names) != len(program().Commands) {
		t.Errorf("%d commands, %d tested", len(program().Commands), len(names))
	}
}

func TestUsageErrors(t *testing.T) {
	tests := []struct {
		line, want string
	}{
		{"init", "-dir DIR is missing"},
		{"init -dir x y", "want no arguments, have 1"},
		{"init -dir x -suite 0", "want 1, 2, 3 or 4"},
		{"init -dir x -suite 5", "want 1, 2, 3 or 4"},
		{"init -dir x -suite 257", "want 1, 2, 3 or 4"},
		{"init -dir x -suite best", "want 1, 2, 3 or 4"},
		{"enroll name", "-dir DIR is missing"},
		{"enroll -dir x", "want one NAME, have 0"},
		{"enroll -dir x a -psk b", "want one NAME, have 2"},
		{"run", "-dir DIR is missing"},
		{"run -dir x y", "want no arguments, have 1"},
		{"fingerprint", "-dir DIR is missing"},
		{"check", "-dir DIR is missing"},
		{"check -dir x y", "want no arguments, have 1"},
		{"passphrase", "-dir DIR is missing"},
		{"init -dir x -passphrase-fd many", "invalid value \"many\""},
		{"rotate-tickets", "-dir DIR is missing"},
		{"rotate-tickets -dir x y", "want no arguments, have 1"},
		{"demo x", "want no arguments, have 1"},
		{"demonstrate", "no command \"demonstrate\""},
	}
	for _, tt := range tests {
		code, out, errs := command(t, strings.Fields(tt.line)...)
		if code != cli.CodeUsage || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: code %d, output %q, errors %q; want %q", tt.line, code, out, errs, tt.want)
		}
	}
}

func TestSuiteFlag(t *testing.T) {
	s := suiteFlag(handshake.XWing)
	if err := s.Set("3"); err != nil || s != suiteFlag(handshake.MLKEM512) || s.String() != "3" {
		t.Errorf("Set: %v, %v", s, err)
	}
	if got := suiteText(handshake.MLKEM512); got != "3 (ML-KEM-512)" {
		t.Errorf("suiteText = %q", got)
	}
}
