package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// run runs a command line on the folder home, which has to end with a code.
func line(t *testing.T, code int, text string) (out string) {
	t.Helper()
	args := strings.Fields(text)
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "_", " ")
	}
	got, out, errs := command(t, append([]string{args[0], "-dir", "home"}, args[1:]...)...)
	if got != code {
		t.Errorf("%s: code %d, want %d: %s%s", text, got, code, out, errs)
	}
	return out + errs
}

// both runs a test twice: with no server, and with one that owns the devices.
func both(t *testing.T, test func(t *testing.T)) {
	t.Run("alone", func(t *testing.T) {
		newFolder(t, "3")
		test(t)
	})
	t.Run("beside a server", func(t *testing.T) {
		s := start(t, newFolder(t, "3"), "127.0.0.1:0")
		test(t)
		s.end(t)
	})
}

func TestStates(t *testing.T) {
	both(t, func(t *testing.T) {
		line(t, 0, "enroll a -psk -group meters -allow GET_/time")
		line(t, 0, "enroll b")
		shown := func(name string) (r row) {
			t.Helper()
			if err := json.Unmarshal([]byte(line(t, 0, "show -json "+name)), &r); err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := shown("a"); r.State != "enrolled" || r.PSK != "" || r.Groups[0] != "meters" || r.Allow[0] != "GET /time" {
			t.Errorf("a: %+v", r)
		}
		if out := line(t, 0, "show b"); !strings.Contains(out, "suite       3 (ML-KEM-512)") || !strings.Contains(out, "key id") {
			t.Errorf("b:\n%s", out)
		}
		if out := line(t, 0, "suspend a b"); out != "suspended  a\nsuspended  b\n" {
			t.Errorf("suspend: %q", out)
		}
		if out := line(t, 0, "list -state suspended -group meters"); strings.Count(out, "\n") != 2 || !strings.Contains(out, "\na ") {
			t.Errorf("list:\n%s", out)
		}
		if out := line(t, 0, "list -group default -json"); strings.Count(out, "\n") != 1 || !strings.Contains(out, `"b"`) {
			t.Errorf("list:\n%s", out)
		}
		line(t, 0, "resume a")
		line(t, 0, "permit a")
		if r := shown("a"); r.State != "enrolled" || r.Groups != nil || r.Allow != nil {
			t.Errorf("a: %+v", r)
		}
		line(t, 0, "revoke b")
		if out := line(t, 1, "resume b"); !strings.Contains(out, "b: for good") {
			t.Errorf("resume of a revoked device: %s", out)
		}
		line(t, 0, "remove b")
		if out := line(t, 1, "suspend b a"); !strings.Contains(out, "not enrolled: b") || !strings.Contains(out, "suspended  a") {
			t.Errorf("suspend of one that is not there: %s", out)
		}
		line(t, 1, "revoke stolen")
		line(t, 0, "revoke -unseen stolen")
		if r := shown("stolen"); r.State != "revoked" || r.ID != "" {
			t.Errorf("stolen: %+v", r)
		}
		line(t, 0, "remove a stolen")
		if out := line(t, 0, "list -json"); out != "" {
			t.Errorf("all removed:\n%s", out)
		}
	})
}

func TestDeviceErrors(t *testing.T) {
	newFolder(t, "3")
	for text, want := range map[string]string{
		"show nobody":              "not enrolled: nobody",
		"enroll c -group a/b":      "group 1: a name has",
		"enroll c -allow time":     `"time": want methods, a space and a path`,
		"enroll c -allow TAKE_/x":  `method "TAKE": want`,
		"enroll c -allow GET_time": "begins with /",
	} {
		if out := line(t, 1, text); !strings.Contains(out, want) {
			t.Errorf("%s: %q, want %q", text, out, want)
		}
	}
	if out := line(t, 2, "list -state lost"); !strings.Contains(out, "-state: want") {
		t.Error(out)
	}
	if code, _, errs := command(t, "list", "-dir", "."); code != 1 || !strings.Contains(errs, "pqcoap-server init makes a folder") {
		t.Errorf("a folder that is none: %d, %s", code, errs)
	}
}
