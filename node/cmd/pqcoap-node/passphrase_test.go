package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

// kept are files that must stay open: commands know their numbers.
var kept []*os.File

// lines is the number of a descriptor that gives these lines.
func lines(t *testing.T, text ...string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	kept = append(kept, r)
	if _, err := w.WriteString(strings.Join(text, "\n")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return fmt.Sprint(r.Fd())
}

// ownFile is a file with a key.
func ownFile(t *testing.T) string {
	t.Helper()
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	text, err := node.AppendConfig(nil, node.Config{Name: "a", Server: "192.0.2.1", Suite: handshake.MLKEM512, Trust: key.ServerCredential(), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "a.toml")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPassphrase(t *testing.T) {
	file := ownFile(t)
	run := func(code int, says, name string, args ...string) {
		t.Helper()
		got, out, errs := command(t, append([]string{name, "-c", file}, args...)...)
		if got != code || !strings.Contains(out+errs, says) {
			t.Errorf("%s %q: code %d, %s%s", name, args, got, out, errs)
		}
	}
	run(0, "ok\n", "check")
	run(1, "has no passphrase", "passphrase", "-remove")
	run(1, "at least 8 bytes", "passphrase", "-new-passphrase-fd", lines(t, "short"))
	run(0, "sealed under the new passphrase", "passphrase", "-new-passphrase-fd", lines(t, "the first one"))
	run(0, "ok\n", "check", "-passphrase-fd", lines(t, "the first one"))
	run(1, "key: wrong passphrase", "check", "-passphrase-fd", lines(t, "another one"))
	both := lines(t, "the first one", "the second one")
	run(0, "sealed", "passphrase", "-passphrase-fd", both, "-new-passphrase-fd", both)
	run(1, "wrong passphrase", "passphrase", "-passphrase-fd", lines(t, "the first one"), "-remove")
	run(0, "no passphrase now", "passphrase", "-passphrase-fd", lines(t, "the second one"), "-remove")
	run(0, "ok\n", "check")
}

func TestCheck(t *testing.T) {
	file := ownFile(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]string{
		"kee_palive = 1\n": file + ": line 1: unknown key \"kee_palive\": did you mean keep_alive?\n",
		"spread = -1\nfresh_after = true\n": file + ": line 1: spread: want a whole number, 0 to 2147483647 seconds\n" +
			file + ": line 2: fresh_after has the wrong type: want a whole number, 0 to 2147483647 seconds\n",
		"state = \"none/s.state\"\n": file + ": state: there is no folder " + filepath.Join(filepath.Dir(file), "none") + "\n",
	} {
		if err := os.WriteFile(file, append([]byte(more), text...), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errs := command(t, "check", "-c", file)
		if code != cli.CodeFailure || out != want || !strings.Contains(errs, "problems: ") {
			t.Errorf("%q: code %d, %s%s\nwant %s", more, code, out, errs, want)
		}
	}
}
