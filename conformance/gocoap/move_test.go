package gocoap

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/registry"
)

// source is the file of a program before or after it has moved to pqcoap.
func source(when, side string) string {
	return filepath.Join("testdata", "move", when, side, "main.go")
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")
}

// changed are the lines that differ, in order, each behind its sign.
func changed(before, after []string) []string {
	common := make([][]int, len(before)+1) // of what is behind each pair of lines
	for i := range common {
		common[i] = make([]int, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); before[i] == after[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var diff []string
	for i, j := 0, 0; i < len(before) || j < len(after); {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			diff = append(diff, "-"+before[i])
			i++
		default:
			diff = append(diff, "+"+after[j])
			j++
		}
	}
	return diff
}

func TestChanged(t *testing.T) {
	got := changed(strings.Split("a b c d", " "), strings.Split("a x c d e", " "))
	if want := []string{"-b", "+x", "+e"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestReadmeDiff: what README says a program has to change is what differs, and beside imports it
// is two lines a side at most.
func TestReadmeDiff(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```diff\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d diffs in README, want one for each side", len(blocks))
	}
	for i, side := range []string{"server", "client"} {
		want := changed(lines(t, source("before", side)), lines(t, source("after", side)))
		if got := signed(string(blocks[i][1])); !slices.Equal(got, want) {
			t.Errorf("%s: README has\n%s\nthe programs\n%s", side, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		code := slices.DeleteFunc(want, func(l string) bool { return strings.HasPrefix(l, "-") || strings.HasSuffix(l, `"`) })
		if len(code) > 2 {
			t.Errorf("%s: %d lines of code: %q", side, len(code), code)
		}
	}
}

func signed(block string) (diff []string) {
	for line := range strings.Lines(block) {
		if line[0] == '+' || line[0] == '-' {
			diff = append(diff, strings.TrimRight(line, "\n"))
		}
	}
	return diff
}

// TestMovedPrograms: the programs of README's diff work, before and after.
func TestMovedPrograms(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			folder, addr := t.TempDir(), freeAddr(t)
			enroll(t, folder, addr)
			replace := strings.NewReplacer(`"localhost:5688"`, `"`+addr+`"`, `":5688"`, `"`+addr+`"`, "/var/lib/pqcoap", "server")
			start(t, folder, build(t, folder, source(when, "server"), replace))
			client := build(t, folder, source(when, "client"), replace)
			for end := time.Now().Add(2 * patience); ; time.Sleep(50 * time.Millisecond) {
				out, err := command(guard(t), folder, client).CombinedOutput()
				if err == nil && string(out) == "Content hello world <nil>\n" {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("client: %v: %s", err, out)
				}
			}
		})
	}
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr(t *testing.T) string {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// enroll does what pqcoap-server init and enroll do.
func enroll(t *testing.T, folder, addr string) {
	t.Helper()
	key, err := server.InitDir(filepath.Join(folder, "server"), handshake.XWing)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := server.OpenDir(filepath.Join(folder, "server"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := handshake.GenerateKey(rand.Reader, key.Suite())
	if err != nil {
		t.Fatal(err)
	}
	text, err := node.AppendConfig(nil, node.Config{
		Name: "sensor-1", Server: addr, Suite: key.Suite(), Trust: key.ServerCredential(), Key: own,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "sensor-1.toml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dir.OpenDevices(); err != nil {
		t.Fatal(err)
	}
	err = dir.Devices.Enroll(registry.Device{Name: "sensor-1", Suite: key.Suite(), PublicKey: own.Public(), Enrolled: time.Now()})
	if err = errors.Join(err, dir.Devices.Close()); err != nil {
		t.Fatal(err)
	}
}

// build builds a program with other addresses than those it was written with.
func build(t *testing.T, folder, file string, replace *strings.Replacer) string {
	t.Helper()
	name := filepath.Join(folder, filepath.Base(filepath.Dir(file)))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {absolute: name + ".go"}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{name + ".go": []byte(replace.Replace(string(text))), name + ".json": overlay} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(guard(t), "go", "build", "-overlay", name+".json", "-o", name+".exe", "./"+filepath.Dir(file)).CombinedOutput()
	if err != nil {
		t.Fatalf("build %s: %v\n%s", file, err, out)
	}
	return name + ".exe"
}

func command(ctx context.Context, folder, program string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir = folder
	return cmd
}

// start runs a program until the end of the test.
func start(t *testing.T, folder, program string) {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := command(ctx, folder, program)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", program, &out)
		}
	})
}
