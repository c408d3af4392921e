package conformance

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A step is a block of commands of a document, and what it says that they print.
type step struct {
	line   int // of the document
	script string
	shown  []string // lines, in which "…" is for what varies
}

// stepsOf reads the blocks "sh" of a document, in their order, each with the block "text" that
// follows it at once.
func stepsOf(t *testing.T, document string) []step {
	t.Helper()
	var steps []step
	fence := regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")
	end := 0 // of the last block of commands
	for _, m := range fence.FindAllStringSubmatchIndex(document, -1) {
		kind, body := document[m[2]:m[3]], document[m[4]:m[5]]
		switch {
		case kind == "sh":
			steps = append(steps, step{line: 1 + strings.Count(document[:m[0]], "\n"), script: body})
			end = m[1]
		case kind == "text" && end > 0 && strings.TrimSpace(document[end:m[0]]) == "":
			steps[len(steps)-1].shown = strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		}
	}
	if len(steps) == 0 {
		t.Fatal("no blocks of commands")
	}
	return steps
}

// runDocument runs all commands of a document in one shell, in a folder of its own with the two
// commands in the PATH, exactly as they are but for the port: 5688 may be in use.
func runDocument(t *testing.T, programs, path string) {
	steps := stepsOf(t, read(t, path))
	port := freePort(t)
	var script strings.Builder
	// What is left running is ended, and writes nothing into the folder when that is removed.
	script.WriteString("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n")
	for i, s := range steps {
		fmt.Fprintf(&script, "printf '\\n=== step %d\\n'\n%s", i, strings.ReplaceAll(s.script, "5688", port))
	}
	script.WriteString("printf '\\n=== step %d\\n' " + fmt.Sprint(len(steps)) + "\n")

	out, err := os.Create(filepath.Join(t.TempDir(), "output")) // a file: what is left running does not hold it
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), out, out
	cmd.Env = append(os.Environ(), "PATH="+programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	failed := cmd.Run()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	printed := regexp.MustCompile(`(?m)^=== step \d+\n`).Split(string(text), -1)[1:]
	for i, p := range printed[:min(len(printed), len(steps))] {
		if missing := steps[i].missing(strings.ReplaceAll(p, port, "5688")); missing != "" {
			t.Errorf("%s:%d: not printed: %s\nbut:\n%s", path, steps[i].line, missing, p)
		}
	}
	if failed != nil {
		last := steps[min(len(printed), len(steps))-1]
		t.Fatalf("%s:%d: %v:\n%s\n%s", path, last.line, failed, last.script, printed[len(printed)-1])
	}
}

// missing is the first line that is shown and was not printed behind those before it.
func (s *step) missing(printed string) string {
	for _, line := range s.shown {
		parts := strings.Split(regexp.QuoteMeta(line), "…")
		at := regexp.MustCompile(strings.Join(parts, ".*")).FindStringIndex(printed)
		if at == nil {
			return line
		}
		printed = printed[at[1]:]
	}
	return ""
}

// freePort is a UDP port that nobody has at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	_, port, err := net.SplitHostPort(socket.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestGuides runs what the documents have a reader run, and looks for what they say that it prints.
func TestGuides(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: windows has no SIGTERM and no file modes")
	}
	t.Parallel() // with Spin
	c := buildCommands(t)
	for _, path := range []string{"docs/guides/fleet.md", "README.md"} {
		t.Run(path, func(t *testing.T) { runDocument(t, c.dir, path) })
	}
}

func TestSteps(t *testing.T) {
	const document = "a\n```sh\ntrue\n```\n\n```text\none …\ntwo\n```\nb\n```sh\nfalse\n```\nc\n```text\nno\n```\n"
	steps := stepsOf(t, document)
	if len(steps) != 2 || steps[0].line != 2 || steps[0].script != "true\n" || steps[1].shown != nil {
		t.Fatalf("%+v", steps)
	}
	for printed, want := range map[string]string{"one 1\ntwo\n": "", "x\none (y)\nz two": "", "two\none 1\n": "two", "": "one …"} {
		if got := steps[0].missing(printed); got != want {
			t.Errorf("%q: missing %q, want %q", printed, got, want)
		}
	}
}
