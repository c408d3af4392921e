package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/internal/cli"
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

// prints is what fingerprint says with a passphrase; empty: it fails.
func prints(t *testing.T, dir, passphrase string) string {
	t.Helper()
	code, out, _ := command(t, "fingerprint", "-dir", dir, "-json", "-passphrase-fd", lines(t, passphrase))
	if code != 0 {
		return ""
	}
	if !json.Valid([]byte(out)) {
		t.Errorf("printed %s", out)
	}
	return out
}

func TestPassphrase(t *testing.T) {
	dir := newFolder(t, "3")
	want := prints(t, dir, "")
	run := func(code int, says string, args ...string) {
		t.Helper()
		got, out, errs := command(t, append([]string{"passphrase", "-dir", dir}, args...)...)
		if got != code || !strings.Contains(out+errs, says) {
			t.Errorf("%q: code %d, %s%s", args, got, out, errs)
		}
	}
	run(1, "at least 8 bytes", "-new-passphrase-fd", lines(t, "short"))
	run(1, "have no passphrase", "-remove")
	run(0, "keys sealed under the new passphrase: 1", "-new-passphrase-fd", lines(t, "the first one"))
	if prints(t, dir, "the first one") != want || prints(t, dir, "another one") != "" {
		t.Error("the key is not sealed under the passphrase")
	}
	both := lines(t, "the first one", "the second one")
	run(0, "sealed", "-passphrase-fd", both, "-new-passphrase-fd", both)
	run(1, "wrong passphrase", "-passphrase-fd", lines(t, "the first one"), "-remove")
	credentials := t.TempDir()
	if err := os.WriteFile(filepath.Join(credentials, "pqcoap-passphrase"), []byte("the second one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	if code, out, errs := command(t, "check", "-dir", dir); code != 0 || out != "ok\n" {
		t.Errorf("check: code %d, %s%s", code, out, errs)
	}
	if code, _, errs := command(t, "init", "-dir", dir, "-suite", "1"); code != 0 { // sealed as the other key is
		t.Error(errs)
	}
	run(0, "keys without a passphrase: 2", "-remove")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if code, out, _ := command(t, "fingerprint", "-dir", dir); code != 0 || strings.Count(out, "\n") != 2 {
		t.Errorf("code %d, %s", code, out)
	}
}

func TestInitPassphrase(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, errs := command(t, "init", "-dir", "home", "-suite", "3", "-passphrase", "-passphrase-fd", lines(t, "the first one")); code != 0 {
		t.Fatal(errs)
	}
	if prints(t, "home", "the first one") == "" || prints(t, "home", "another one") != "" {
		t.Error("the key is not sealed under the passphrase")
	}
}

func TestCheck(t *testing.T) {
	dir := newFolder(t, "3")
	if code, out, errs := command(t, "check", "-dir", dir); code != 0 || out != "ok\n" {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
	if err := os.WriteFile(filepath.Join(dir, "server.toml"), []byte("lisen = 1\necho = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, "check", "-dir", dir)
	if code != cli.CodeFailure || strings.Count(out, "\n") != 2 || !strings.Contains(out, "line 1: unknown key \"lisen\": did you mean listen?\n") ||
		!strings.Contains(errs, "problems: 2") {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
}
