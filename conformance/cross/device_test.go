package cross

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A home is a folder with the two programs, and with a server that runs in it.
type home struct {
	t    *testing.T
	dir  string
	addr string
	stop func() (log string)
}

// newHome builds the programs for this machine, enrolls a device of each mode for each suite and
// one more, and starts the server, which ends with the test.
func newHome(t *testing.T, suites ...string) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir()}
	h.run("go", "build", "-C", here(t), "-trimpath", "-ldflags=-s -w", "-o", h.dir+string(filepath.Separator),
		module+"/server/cmd/pqcoap-server", module+"/node/cmd/pqcoap-node")
	for _, suite := range suites {
		h.run("./pqcoap-server", "init", "-dir", "home", "-suite", suite)
		h.run("./pqcoap-server", "enroll", "-dir", "home", "-suite", suite, "kem"+suite)
		h.run("./pqcoap-server", "enroll", "-dir", "home", "-suite", suite, "-psk", "psk"+suite)
	}
	h.run("./pqcoap-server", "enroll", "-dir", "home", "-suite", suites[0], "traveller")
	h.serve()
	return h
}

func (h *home) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(h.t.Context(), name, args...)
	cmd.Dir = h.dir
	return cmd
}

// run runs a program in the home's folder.
func (h *home) run(name string, args ...string) string {
	h.t.Helper()
	return run(h.t, h.command(name, args...))
}

func (h *home) serve() {
	h.t.Helper()
	var log bytes.Buffer
	cmd := exec.Command("./pqcoap-server", "run", "-dir", "home", "-listen", "127.0.0.1:0")
	cmd.Dir, cmd.Stderr = h.dir, &log
	h.addr = strings.TrimPrefix(start(h.t, cmd), "listening on ")
	h.stop = sync.OnceValue(func() string {
		end(h.t, cmd)
		return log.String()
	})
	h.t.Cleanup(func() { h.stop() })
}

// start starts a program and returns the first line that it prints.
func start(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if err != nil {
		cmd.Process.Kill()
		t.Fatalf("%v printed %q: %v, %v", cmd, line, err, cmd.Wait())
	}
	return strings.TrimSpace(line)
}

// end ends what start has started.
func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %v", cmd, err)
	}
}

// here is the folder of this package.
func here(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// build builds the device program for a machine, and returns the command line that runs it.
func (h *home) build(m machine) []string {
	h.t.Helper()
	qemu := m.qemu(h.t)
	run(h.t, m.goCommand(h.t, "build", "-trimpath", "-ldflags=-s -w",
		"-o", filepath.Join(h.dir, m.name), module+"/node/cmd/pqcoap-node"))
	return []string{qemu, "./" + m.name}
}

// echo has a device send a body and get it back. node is the command line of the program.
func (h *home) echo(node []string, flags ...string) {
	h.t.Helper()
	const body = "from one machine to another"
	line := slices.Concat(node, []string{"post", "-server", h.addr, "-d", body}, flags, []string{"/echo"})
	if got := h.run(line[0], line[1:]...); got != body {
		h.t.Errorf("%q: %q, want %q", line, got, body)
	}
}

// TestHandshake: devices of each suite on other machines, and a server on this one. The state file
// of one device goes from machine to machine, and its session with it.
func TestHandshake(t *testing.T) {
	for _, m := range machines {
		m.qemu(t)
	}
	suites := []string{"1", "2", "3", "4"}
	h := newHome(t, suites...)
	travel := func(node ...string) { h.echo(node, "-c", "traveller.toml", "-state", "state") }
	travel("./pqcoap-node")
	for _, m := range machines {
		node := h.build(m)
		for _, suite := range suites {
			h.echo(node, "-c", "kem"+suite+".toml")
			h.echo(node, "-c", "psk"+suite+".toml")
		}
		travel(node...)
	}
	travel("./pqcoap-node")
	log := h.stop()
	for device, want := range map[string]int{"traveller": 1, "kem1": len(machines), "psk4": len(machines)} {
		opened := regexp.MustCompile(`msg="session open".* device=` + device + `\b`)
		if got := len(opened.FindAllString(log, -1)); got != want {
			t.Errorf("%s has opened %d sessions, want %d; the server's log:\n%s", device, got, want, log)
		}
	}
}
