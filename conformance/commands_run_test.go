package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// commands are the two programs, built, in a folder of their own where they also run.
type commands struct {
	t   *testing.T
	dir string
}

func buildCommands(t *testing.T) *commands {
	t.Helper()
	c := &commands{t, t.TempDir()}
	build := exec.Command("go", "build", "-o", c.dir+string(filepath.Separator),
		module+"/server/cmd/pqcoap-server", module+"/node/cmd/pqcoap-node")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	return c
}

func (c *commands) command(line ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), filepath.Join(c.dir, line[0]), line[1:]...)
	cmd.Dir = c.dir
	return cmd
}

// run runs a command line and returns what it printed.
func (c *commands) run(line string) (code int, stdout, stderr string) {
	c.t.Helper()
	var o, e bytes.Buffer
	cmd := c.command(strings.Fields(line)...)
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatalf("%s: %v", line, err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// ok runs a command line that must succeed, and returns its standard output.
func (c *commands) ok(line string) string {
	c.t.Helper()
	code, stdout, stderr := c.run(line)
	if code != 0 {
		c.t.Fatalf("%s: exit code %d\n%s", line, code, stderr)
	}
	return stdout
}

// fails runs a command line that must fail with a code and say why.
func (c *commands) fails(code int, why, line string) {
	c.t.Helper()
	got, stdout, stderr := c.run(line)
	if got != code || !strings.Contains(stderr, why) {
		c.t.Errorf("%s: exit code %d, want %d; errors, want %q:\n%s", line, got, code, why, stderr)
	}
	if stdout != "" {
		c.t.Errorf("%s: failed, and printed %q", line, stdout)
	}
}

func (c *commands) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *commands) read(name string) string {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

// serve starts 'pqcoap-server run'.
func (c *commands) serve(args ...string) (addr string, stop func() string) {
	c.t.Helper()
	return c.start(append([]string{"pqcoap-server", "run", "-listen", "127.0.0.1:0"}, args...)...)
}

// start starts a command that listens, and returns its address, and what ends it with SIGTERM
// and returns its log.
func (c *commands) start(line ...string) (addr string, stop func() string) {
	c.t.Helper()
	var log bytes.Buffer
	cmd := c.command(line...)
	cmd.Stderr = &log
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { cmd.Process.Kill() }) // does nothing where it has ended
	first, err := bufio.NewReader(pipe).ReadString('\n')
	addr, found := strings.CutPrefix(strings.TrimSpace(first), "listening on ")
	if err != nil || !found {
		cmd.Wait()
		c.t.Fatalf("%s printed %q, %v\n%s", line, first, err, &log)
	}
	return addr, func() string {
		c.t.Helper()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			c.t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			c.t.Errorf("after SIGTERM: %v\n%s", err, &log)
		}
		return log.String()
	}
}

// at is c for a subtest.
func (c *commands) at(t *testing.T) *commands { return &commands{t, c.dir} }
