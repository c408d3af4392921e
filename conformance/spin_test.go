package conformance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// spinLimit is far more than all runs take.
const spinLimit = 8 * time.Minute

// bugName is how a .pml file names a rule that it can break.
var bugName = regexp.MustCompile(`\bBUG_[A-Z]+\b`)

// TestSpin checks the state machines of docs/model: nothing is found in them as they are, and an
// error wherever a rule is broken.
func TestSpin(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes about a minute")
	}
	t.Parallel() // with the guides, which mostly wait
	for _, program := range []string{"spin", "gcc"} {
		_, err := exec.LookPath(program)
		switch {
		case err == nil:
		case os.Getenv("CI") == "true":
			t.Fatal(err)
		default:
			fmt.Fprintf(os.Stderr, "\nSKIPPED: the state machines of docs/model: %v\n\n", err)
			t.Skip(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), spinLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(modelFolder, "spin"))
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("\n%s", out)
}

// TestSpinBugs holds that every rule which a model can break is broken in a run, and stands in
// the README.
func TestSpinBugs(t *testing.T) {
	script, readme := string(readModel(t, "spin")), string(readModel(t, "README.md"))
	files, err := filepath.Glob(filepath.Join(modelFolder, "*.pml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no models: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		bugs := make(map[string]bool)
		for _, bug := range bugName.FindAllString(string(readModel(t, name)), -1) {
			bugs[bug] = true
		}
		if len(bugs) == 0 || !strings.Contains(readme, "## "+name+"\n") {
			t.Errorf("%s: %d rules that can be broken, or no section in README", name, len(bugs))
		}
		for bug := range bugs {
			if !strings.Contains(script, "-D"+bug+"\n") || !strings.Contains(readme, strings.TrimPrefix(bug, "BUG_")+" |") {
				t.Errorf("%s: %s is not run, or not in README", name, bug)
			}
		}
	}
}
