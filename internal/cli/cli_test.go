package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// program has one command, which reports how it was called.
func program() *Program {
	return &Program{
		Name:     "prog",
		About:    "prog does this.",
		Examples: "prog do a",
		Codes:    []ExitCode{{7, "seven"}},
		Commands: []Command{{
			Name: "do", Args: "[-n N] NAME", Short: "does", Long: "Do does.", Examples: "prog do -n 3 a\nprog do b",
			Setup: func(fs *flag.FlagSet) Action {
				n := fs.Int("n", 5, "how `many`")
				s := fs.String("s", "", "a `text`, which is so long that there is no room for all of it on one line")
				return func(_ context.Context, std Streams, args []string) error {
					std.Log.Debug("called")
					std.Log.Info("working")
					switch {
					case len(args) == 0:
						return Usagef("NAME is missing")
					case args[0] == "seven":
						return fmt.Errorf("outer: %w", Exit(7, errors.New("inner")))
					case args[0] == "fail":
						return errors.New("broken")
					}
					fmt.Fprintf(std.Out, "n=%d s=%q args=%q\n", *n, *s, args)
					return nil
				}
			},
		}},
	}
}

func run(args ...string) (code int, out, errs string) {
	var o, e strings.Builder
	code = program().Run(context.Background(), args, Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestRun(t *testing.T) {
	tests := []struct {
		args []string
		code int
		out  string
		err  string // part of it
	}{
		{[]string{"do", "a"}, 0, "n=5 s=\"\" args=[\"a\"]\n", "working"},
		{[]string{"do", "-n", "3", "a", "-s=x"}, 0, "n=3 s=\"x\" args=[\"a\"]\n", ""},
		{[]string{"do", "a", "--n", "4", "b"}, 0, "n=4 s=\"\" args=[\"a\" \"b\"]\n", ""},
		{[]string{"do", "--", "a", "-n"}, 0, "n=5 s=\"\" args=[\"a\" \"-n\"]\n", ""},
		{[]string{"do", "a", "-s", "-"}, 0, "n=5 s=\"-\" args=[\"a\"]\n", ""},
		{[]string{"do", "-", "-n", "1"}, 0, "n=1 s=\"\" args=[\"-\"]\n", ""},
		{[]string{"do", "fail"}, 1, "", "prog: broken\n"},
		{[]string{"do", "seven"}, 7, "", "prog: outer: inner\n"},
		{nil, 2, "", "a command is missing\nRun 'prog -h' for help.\n"},
		{[]string{"dont"}, 2, "", "there is no command \"dont\"\n"},
		{[]string{"help", "dont"}, 2, "", "there is no command \"dont\"\n"},
		{[]string{"do"}, 2, "", "NAME is missing\nRun 'prog do -h' for help.\n"},
		{[]string{"do", "-x"}, 2, "", "flag provided but not defined: -x"},
		{[]string{"do", "-n", "many"}, 2, "", "invalid value \"many\" for flag -n"},
		{[]string{"do", "a", "-n"}, 2, "", "flag needs an argument: -n"},
	}
	for _, tt := range tests {
		code, out, errs := run(tt.args...)
		if code != tt.code || out != tt.out || !strings.Contains(errs, tt.err) {
			t.Errorf("%q: code %d, output %q, errors %q; want %d, %q, %q", tt.args, code, out, errs, tt.code, tt.out, tt.err)
		}
	}
}

func TestVerbose(t *testing.T) {
	if _, _, errs := run("do", "a"); strings.Contains(errs, "called") {
		t.Errorf("without -v: %q", errs)
	}
	if _, _, errs := run("do", "a", "-v"); !strings.Contains(errs, "called") {
		t.Errorf("with -v: %q", errs)
	}
}

func TestProgramHelp(t *testing.T) {
	_, want, _ := run("help")
	for _, part := range []string{"prog does this.", "Usage: prog COMMAND", "  do  does\n", "  prog do a\n", "  2  called", "  7  seven\n"} {
		if !strings.Contains(want, part) {
			t.Errorf("help lacks %q:\n%s", part, want)
		}
	}
	for _, arg := range []string{"-h", "-help", "--help"} {
		if code, out, errs := run(arg); code != 0 || out != want || errs != "" {
			t.Errorf("%s: code %d, errors %q, output:\n%s", arg, code, errs, out)
		}
	}
}

func TestCommandHelp(t *testing.T) {
	const want = `Usage: prog do [-n N] NAME

Do does.

Flags:
  -n many  how many (default 5)
  -s text  a text, which is so long that there is no room for all of it on one
           line
  -v       log more, to the standard error output

Examples:
  prog do -n 3 a
  prog do b
`
	for _, args := range [][]string{{"do", "-h"}, {"do", "-help"}, {"do", "a", "--help"}, {"help", "do"}} {
		if code, out, errs := run(args...); code != 0 || out != want || errs != "" {
			t.Errorf("%q: code %d, errors %q, output:\n%s", args, code, errs, out)
		}
	}
}

func TestParagraph(t *testing.T) {
	text := "It does\nthis  and that.\n\n  a  one\n  b  two\n\nAnd\nmore."
	if got, want := paragraph(text), "It does this and that.\n\n  a  one\n  b  two\n\nAnd more."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWrap(t *testing.T) {
	word := strings.Repeat("x", 30)
	tests := []struct {
		text   string
		indent int
		want   string
	}{
		{"", 2, ""},
		{"short", 2, "short"},
		{word + " " + word + " " + word, 2, word + " " + word + "\n  " + word},
		{"a " + strings.Repeat("y", 100), 2, "a " + strings.Repeat("y", 100)},
		{strings.Repeat("z", 80), 0, strings.Repeat("z", 80)},
		{strings.Repeat("z", 80) + " z", 0, strings.Repeat("z", 80) + "\nz"},
	}
	for _, tt := range tests {
		if got := wrap(tt.text, tt.indent); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.indent, got, tt.want)
		}
	}
}

func TestExitUnwraps(t *testing.T) {
	inner := errors.New("inner")
	if err := Exit(3, inner); !errors.Is(err, inner) || err.Error() != "inner" {
		t.Errorf("Exit(3, inner) = %v", err)
	}
}

func TestParseKeepsOrder(t *testing.T) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.Bool("b", false, "")
	rest, err := parse(fs, []string{"1", "-b", "2", "3", "--", "4", "-b"})
	if want := []string{"1", "2", "3", "4", "-b"}; err != nil || !slices.Equal(rest, want) {
		t.Errorf("parse = %q, %v; want %q", rest, err, want)
	}
}
