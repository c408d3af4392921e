package netem

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Errors of Find.
var (
	ErrNotRoot     = errors.New("netem needs root")
	ErrUnavailable = errors.New("no netem: neither in this kernel, nor as user-mode Linux " +
		"(tc, unshare and timeout; or with them linux.uml and insmod, of Debian's packages user-mode-linux and kmod)")
)

//go:embed run.sh
var runScript []byte

//go:embed boot.sh
var bootScript []byte

// modules is where Debian's user-mode-linux keeps the module of its kernel.
const modules = "/usr/lib/uml/modules/*/kernel/net/sched/sch_netem.ko"

// cleanUp is the time between asking a kernel to end and killing it.
const cleanUp = 5 * time.Second

// A Place is a loopback of its own that can be impaired.
type Place int

const (
	Namespace     Place = iota + 1 // a network namespace of this machine
	UserModeLinux                  // a kernel that runs as a process
)

func (p Place) String() string {
	switch p {
	case Namespace:
		return "a network namespace"
	case UserModeLinux:
		return "user-mode Linux"
	}
	return "Place(" + strconv.Itoa(int(p)) + ")"
}

// Find returns the first place of the two that this machine offers.
func Find(ctx context.Context) (Place, error) {
	if os.Geteuid() != 0 {
		return 0, ErrNotRoot
	}
	if !installed("sh", "ip", "tc", "timeout") {
		return 0, ErrUnavailable
	}
	if installed("unshare") && inNamespace(ctx, "tc", "qdisc", "add", "dev", "lo", "root", "netem").Run() == nil {
		return Namespace, nil
	}
	if found, _ := filepath.Glob(modules); len(found) > 0 && installed("linux.uml", "insmod") {
		return UserModeLinux, nil
	}
	return 0, ErrUnavailable
}

func installed(programs ...string) bool {
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			return false
		}
	}
	return true
}

// inNamespace is a command in namespaces that end with it, and with all its processes.
func inNamespace(ctx context.Context, command ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "unshare", append([]string{"--net", "--pid", "--fork", "--kill-child", "--"}, command...)...)
}

// Run does what run.sh says in dir, and returns what was written to the console. dir holds
// both commands, the folder of the server, a file of each device and the list of scenarios.
// Nothing outside dir is written to.
func (p Place) Run(ctx context.Context, dir string) (console []byte, err error) {
	for name, script := range map[string][]byte{"run.sh": runScript, "boot.sh": bootScript} {
		if err := os.WriteFile(filepath.Join(dir, name), script, 0o755); err != nil {
			return nil, err
		}
	}
	cmd := p.command(ctx, dir)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	// Both take their processes with them when they are asked to end.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = cleanUp
	console, err = cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return console, fmt.Errorf("%v: %w", p, err)
	}
	return console, nil
}

// command is that of run.sh at its place.
func (p Place) command(ctx context.Context, dir string) *exec.Cmd {
	if p == Namespace {
		return inNamespace(ctx, "sh", filepath.Join(dir, "run.sh"), dir)
	}
	// What the kernel does not know goes to its first process, as environment.
	return exec.CommandContext(ctx, "linux.uml", "mem=256M", "quiet", "rootfstype=hostfs", "rootflags=/", "ro",
		"init="+filepath.Join(dir, "boot.sh"), "NETEM_DIR="+dir,
		"uml_dir="+dir+"/", "con=null", "con0=null,fd:1")
}
