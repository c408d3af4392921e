package cross

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

const module = "github.com/pqcoap/pqcoap"

// A machine is a kind of processor that qemu stands in for.
type machine struct {
	name  string
	env   []string // of the go command
	qemus []string // the emulator; packages differ in its name
}

var machines = []machine{
	{"armv6", []string{"GOARCH=arm", "GOARM=6"}, []string{"qemu-arm-static", "qemu-arm"}},
	{"s390x", []string{"GOARCH=s390x"}, []string{"qemu-s390x-static", "qemu-s390x"}},
}

// qemu returns the emulator's path. It skips a test where there is none, loudly, or, in CI, fails
// it.
func (m *machine) qemu(t *testing.T) string {
	t.Helper()
	for _, name := range m.qemus {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	why := fmt.Sprintf("no %s; it is in Debian's package qemu-user-static", m.qemus[0])
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	fmt.Fprintf(os.Stderr, "\nSKIPPED: %s: %s\n\n", t.Name(), why)
	t.Skip(why)
	return ""
}

// goCommand makes a command line of go for the machine.
func (m *machine) goCommand(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(cmd.Environ(), append(m.env, "GOOS=linux", "CGO_ENABLED=0")...)
	return cmd
}

// run runs a command that must succeed and returns what it printed.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}
