package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write docs/interop.md anew")

// bin is the folder of our two programs, built for these tests.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "6") // they wait more than they work, but not where all work at once
	var err error
	if bin, err = os.MkdirTemp("", "pqcoap-interop-"); err == nil {
		err = build(bin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(bin)
		os.Exit(code)
	}))
}

func build(dir string) error {
	cmd := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"../../server/cmd/pqcoap-server", "../../node/cmd/pqcoap-node")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

func ours(program string) string { return filepath.Join(bin, program) }
