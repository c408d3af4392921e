package journal

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
)

// childVariable makes the test binary the program that is killed.
const childVariable = "PQCOAP_TEST_JOURNAL"

const (
	killRounds  = 20
	killWriters = 4
)

func childDevice(round string, writer int) string { return fmt.Sprintf("round-%s-%d", round, writer) }

// appendUntilKilled appends readings 0, 1, 2, ... of several devices and says for each
// that it has been confirmed.
func appendUntilKilled(path string) {
	j, err := Open(path)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var out sync.Mutex
	for writer := range killWriters {
		go func() {
			device := childDevice(os.Getenv(childVariable+"_ROUND"), writer)
			for n := 0; n < Keep; n++ {
				if err := j.Append(device, received, readings(n, n+1)); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println("confirmed", writer, n)
				out.Unlock()
			}
		}()
	}
	select {}
}

// runAndKill starts the child, kills it once it has confirmed so many appends, and gives
// how many of each writer were confirmed.
func runAndKill(t *testing.T, path, round string, after int) (confirmed [killWriters]int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+path, childVariable+"_ROUND="+round)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var writer, n int
		if _, err := fmt.Sscanf(lines.Text(), "confirmed %d %d", &writer, &n); err != nil {
			t.Errorf("the child says %q", lines.Text())
			break
		}
		confirmed[writer] = n + 1
		if seen++; seen == after {
			child.Process.Kill() // what it has said until then is still read
		}
	}
	child.Process.Kill()
	child.Wait()
	return confirmed
}

func TestNothingConfirmedIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	want := map[string]int{}
	for round := range killRounds {
		id := fmt.Sprint(round)
		for writer, n := range runAndKill(t, path, id, 1+3*round) {
			want[childDevice(id, writer)] = n
		}
		j := openAt(t, path)
		total := 0
		for device, n := range want {
			got, err := j.Last(device, Keep)
			if err != nil || len(got) < n || len(got) > 0 && !reflect.DeepEqual(got, readings(0, len(got))) {
				t.Errorf("round %d: %s: %d readings, %v; %d were confirmed", round, device, len(got), err, n)
			}
			total += n
		}
		if total == 0 {
			t.Errorf("round %d: nothing was confirmed", round)
		}
		mustClose(t, j)
	}
}
