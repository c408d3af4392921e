package interop

import (
	"context"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is the guard of everything that is waited for: far more than it takes.
const patience = 90 * time.Second

// A process is a program that runs beside the test, until the test ends.
type process struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	log  *transcript // of both outputs
	done chan struct{}
}

// start starts a program. What it has printed is shown where the test fails.
func start(t testing.TB, name string, args ...string) *process {
	t.Helper()
	p := &process{name: name, log: newTranscript(), done: make(chan struct{})}
	p.cmd = exec.Command(name, args...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	var err error
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		p.cmd.Wait()
		p.log.end()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			p.show(t)
		}
	})
	return p
}

// show prints the end of what it has printed.
func (p *process) show(t testing.TB) {
	t.Logf("%v printed:\n%s", p.cmd, tail(p.log.String()))
}

// tail returns the last lines of a log.
func tail(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-80):], "")
}

// stop asks it to end, and makes it end where it does not.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// await waits until it has printed what matches, and returns the groups.
func (p *process) await(t testing.TB, re string) []string {
	t.Helper()
	return awaitText(t, p.log, re)
}

// awaitText waits until a transcript matches, and returns the groups.
func awaitText(t testing.TB, l *transcript, re string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	groups, err := l.await(ctx, regexp.MustCompile(re))
	if err != nil {
		t.Fatalf("%v; so far:\n%s", err, tail(l.String()))
	}
	return groups
}

// wait waits until it has ended by itself, and returns its exit code.
func (p *process) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.show(t)
		t.Fatalf("%s does not end", p.name)
	}
	return p.cmd.ProcessState.ExitCode()
}

// run runs a program that has to succeed.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}
