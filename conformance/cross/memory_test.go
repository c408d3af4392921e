package cross

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// maxResident is what the device program may take at its largest, kB: 14 MB.
const maxResident = 14_000_000 / 1024

// resident returns what a process takes and has taken at most, of status in /proc, kB.
func resident(status []byte) (now, most int, err error) {
	for name, value := range map[string]*int{"VmRSS": &now, "VmHWM": &most} {
		found := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB$`).FindSubmatch(status)
		if found == nil {
			return 0, 0, fmt.Errorf("no %s in %q", name, status)
		}
		if *value, err = strconv.Atoi(string(found[1])); err != nil {
			return 0, 0, err
		}
	}
	return now, most, nil
}

// measure reads what a process takes.
func measure(t *testing.T, what string, pid int) (most int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	now, most, err := resident(status)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%-40s VmRSS %6d kB, VmHWM %6d kB", what, now, most)
	return most
}

// TestMemory: what the device program has taken on this machine when the server has acknowledged
// its readings, beside the least program with a socket.
func TestMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: there is no /proc/PID/status")
	}
	h := newHome(t, "1")
	h.run("go", "build", "-C", here(t), "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(h.dir, "hello"), "./testdata/hello")
	hello := h.command("./hello")
	start(t, hello)
	measure(t, "a UDP socket", hello.Process.Pid)
	end(t, hello)

	node := h.command("./pqcoap-node", "run", "-c", "kem1.toml", "-server", h.addr, "-interval", "10ms")
	acknowledged(t, node, readings)
	most := measure(t, fmt.Sprintf("pqcoap-node run, %d posts", readings), node.Process.Pid)
	end(t, node)
	if most > maxResident {
		t.Errorf("it has taken %d kB, at most %d are allowed", most, maxResident)
	}
}

// readings are as many posts as the garbage collector needs to have run several times.
const readings = 1000

// acknowledged starts a device and returns when the server has acknowledged n of its posts.
func acknowledged(t *testing.T, node *exec.Cmd, n int) {
	t.Helper()
	pipe, err := node.StderrPipe()
	if err == nil {
		err = node.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for lines := bufio.NewScanner(pipe); n > 0 && lines.Scan(); {
		fmt.Fprintln(&log, lines.Text())
		if strings.Contains(lines.Text(), "msg=acknowledged") {
			n--
		}
	}
	if n > 0 {
		t.Fatalf("%v ended early: %v\n%s", node, node.Wait(), &log)
	}
	go io.Copy(io.Discard, pipe) // until it ends
}

func TestResident(t *testing.T) {
	now, most, err := resident([]byte("VmPeak:\t 9 kB\nVmHWM:\t    8300 kB\nVmRSS:\t    8200 kB\nRssAnon: 1 kB\n"))
	if now != 8200 || most != 8300 || err != nil {
		t.Errorf("resident = %d, %d, %v", now, most, err)
	}
	if _, _, err := resident([]byte("VmRSS:\t    8200 kB\n")); err == nil {
		t.Error("no VmHWM is no error")
	}
}
