package main

import (
	"os"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/server/authority"
)

// An authority in the server's folder: the server has a credential at once, and who trusts it can be
// told.
func TestCA(t *testing.T) {
	both(t, func(t *testing.T) {
		if out := line(t, 1, "ca show"); !strings.Contains(out, "ca init") {
			t.Errorf("nothing to show: %q", out)
		}
		line(t, 1, "ca export")
		out := line(t, 0, "ca init -issuer fleet -alg 44")
		if !strings.HasPrefix(out, "own ") || !strings.HasSuffix(out, "ML-DSA-44  fleet\n") {
			t.Errorf("init: %q", out)
		}
		if shown := line(t, 0, "ca show"); shown != out {
			t.Errorf("show: %q, want %q", shown, out)
		}
		if out := line(t, 1, "ca init -issuer fleet"); !strings.Contains(out, "there is one already") {
			t.Errorf("a second one: %q", out)
		}
		line(t, 0, "ca export -out fleet.pub")
		b, err := os.ReadFile("fleet.pub")
		if err != nil {
			t.Fatal(err)
		}
		fleet, err := authority.ParseTrust(b)
		if err != nil || !strings.Contains(out, fleet.Key.String()) || line(t, 0, "ca export") != string(b) {
			t.Errorf("export: %v, %v", fleet, err)
		}
	})
}

func TestCATrust(t *testing.T) {
	newFolder(t, "3")
	line(t, 0, "ca init -issuer fleet -alg 44")
	if code, out, errs := command(t, "ca", "init", "-dir", "other", "-issuer", "other"); code != 0 || !strings.Contains(out, "ML-DSA-65") {
		t.Fatalf("code %d: %s%s", code, out, errs)
	}
	if code, _, errs := command(t, "ca", "export", "-dir", "other", "-out", "other.pub"); code != 0 {
		t.Fatal(errs)
	}
	out := line(t, 0, "ca trust other.pub")
	if shown := line(t, 0, "ca show"); !strings.HasSuffix(shown, out) || strings.Count(shown, "\n") != 2 {
		t.Errorf("show: %q, trusted: %q", shown, out)
	}
	line(t, 0, "ca distrust "+strings.Fields(out)[1])
	if shown := line(t, 0, "ca show"); strings.Contains(shown, "other") {
		t.Errorf("show: %q", shown)
	}
	line(t, 1, "ca distrust "+strings.Fields(out)[1])
	line(t, 1, "ca trust home/server.toml")
	if err := os.Remove("home/authority.key"); err != nil {
		t.Fatal(err)
	}
	if shown := line(t, 0, "ca show"); !strings.HasPrefix(shown, "off line") {
		t.Errorf("show: %q", shown)
	}
}

func TestCAUsage(t *testing.T) {
	newFolder(t, "3")
	for _, text := range []string{
		"ca", "ca sign", "ca init", "ca init -issuer a/b", "ca init -issuer a -alg 87", "ca trust", "ca show x", "ca distrust x",
		"ca issue x", "ca issue -name a -lifetime 0 x",
	} {
		line(t, 2, text)
	}
	if code, _, _ := command(t, "ca", "show"); code != 2 {
		t.Errorf("no -dir: code %d", code)
	}
}
