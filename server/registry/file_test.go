package registry

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

// validFile has one device of each mode.
func validFile(t *testing.T) string {
	t.Helper()
	r := open(t, t.TempDir())
	for _, d := range []Device{pskDevice("first", seeded(1)), kemDevice("second", handshake.MLKEM512, 2)} {
		if err := r.Enroll(d); err != nil {
			t.Fatal(err)
		}
	}
	return string(r.current.Load().marshal())
}

// secretPart is of the first device's PSK.
func secretPart() string {
	key := pskDevice("first", seeded(1)).PSK.Key
	return base64.RawURLEncoding.EncodeToString(key[:])[:12]
}

func TestFileComesBack(t *testing.T) {
	text := validFile(t)
	tab := newTable()
	if err := tab.parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if got := string(tab.marshal()); got != text {
		t.Errorf("%s\nwant\n%s", got, text)
	}
	for _, part := range []string{"[[device]]\nname = \"first\"\nmode = \"psk\"\nsuite = 2\nid = \"", "enrolled = 2026-01-31T12:00:00Z\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the file", part)
		}
	}
}

func TestMalformedFile(t *testing.T) {
	valid := validFile(t)
	id := line(valid, "id")
	for _, c := range []struct{ what, old, new, want string }{
		{"not TOML", "[[device]]", "[[device", "line 5 is not TOML"},
		{"not UTF-8", "first", "\xff", "is not TOML"},
		{"unquoted key", line(valid, "psk"), strings.ReplaceAll(line(valid, "psk"), `"`, ""), "line 9 is not TOML"},
		{"a key twice", `name = "first"`, "name = \"first\"\nname = \"x\"", "is not TOML"},
		{"unknown table", "[[device]]", "[[devices]]", `unknown key "devices": did you mean device?`},
		{"unknown key", "public_key", "publickey", `device 2 (second): unknown key "publickey": did you mean public_key?`},
		{"a table that is no array", valid, "[device]\nname = \"a\"\n", "begins with [[device]]"},
		{"no name", `name = "first"`, "", "device 1: key name: want"},
		{"name of number", `"first"`, "7", "device 1: key name: want"},
		{"name not allowed", `"first"`, `"a b"`, "device 1: key name: want"},
		{"name twice", `"second"`, `"first"`, "device 2: already enrolled: name first"},
		{"no mode", `mode = "psk"`, "", `device 1 (first): key mode: want "kem" or "psk"`},
		{"mode unknown", `mode = "psk"`, `mode = "none"`, `key mode: want "kem" or "psk"`},
		{"mode of number", `mode = "psk"`, `mode = 1`, `key mode: want "kem" or "psk"`},
		{"mode of the other", `mode = "psk"`, `mode = "kem"`, `key psk: not with mode "kem"`},
		{"mode of the other", `mode = "kem"`, `mode = "psk"`, `key public_key: not with mode "psk"`},
		{"no suite", `suite = 2`, "", "key suite: want a number from 1 to 4"},
		{"suite of text", `suite = 2`, `suite = "2"`, "key suite: want"},
		{"suite 0", `suite = 2`, `suite = 0`, "key suite: want"},
		{"suite 257", `suite = 2`, `suite = 257`, "key suite: want"},
		{"suite below zero", `suite = 2`, `suite = -255`, "key suite: want"},
		{"suite not that of the key", `suite = 3`, `suite = 2`, "device 2 (second): key public_key: want 1184 bytes"},
		{"no id", id, "", "key id: want 16 bytes in base64url"},
		{"id with padding", id, strings.TrimSuffix(id, `"`) + `=="`, "key id: want 16 bytes"},
		{"id short", id, `id = "AAAA"`, "key id: want 16 bytes"},
		{"id of number", id, `id = 7`, "key id: want 16 bytes"},
		{"id with a line end", id, strings.Replace(id, `"`, `"\n`, 1), "key id: want 16 bytes"},
		{"id not that of the key", line(valid[strings.Index(valid, `"second"`):], "id"), id, "key id: not that of public_key"},
		{"no psk", line(valid, "psk"), "", "key psk: want 32 bytes"},
		{"psk short", line(valid, "psk"), `psk = "AAAA"`, "key psk: want 32 bytes"},
		{"psk of zeros", line(valid, "psk"), `psk = "` + strings.Repeat("A", 43) + `"`, "the PSK is all zeros"},
		{"no public_key", line(valid, "public_key"), "", "key public_key: want 800 bytes"},
		{"public_key that is none", line(valid, "public_key"),
			`public_key = "` + strings.Repeat("_", 1066) + `8"`, "key public_key: not a key of suite 3"},
		{"no time", "enrolled = 2026-01-31T12:00:00Z", "", "key enrolled: want a time such as"},
		{"time of text", "enrolled = 2026-01-31T12:00:00Z", `enrolled = "2026-01-31T12:00:00Z"`, "key enrolled: want"},
	} {
		if !strings.Contains(valid, c.old) {
			t.Fatalf("%s: %q is not in the file", c.what, c.old)
		}
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, []byte(strings.Replace(valid, c.old, c.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir)
		if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q, want %q in it", c.what, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secretPart()) {
			t.Errorf("%s: the error shows the PSK: %v", c.what, err)
		}
	}
}

// line gives the first line of the text that sets the key.
func line(text, key string) string {
	_, rest, _ := strings.Cut(text, "\n"+key+" = ")
	value, _, _ := strings.Cut(rest, "\n")
	return key + " = " + value
}

func TestFileThatOthersMayRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such bits there")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := os.WriteFile(path, []byte(validFile(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), "want 0600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// What a program killed between any two steps of a replacement leaves does not matter.
func TestLeftOverFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, newName), []byte("half of a fi"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, d := open(t, dir), pskDevice("a", seeded(1))
	if err := r.Enroll(d); err != nil || !found(open(t, dir), d) {
		t.Errorf("Enroll: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, newName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the new file's name is still there: %v", err)
	}
}

func TestFailedReplacementChangesNothing(t *testing.T) {
	dir := t.TempDir()
	r, d := open(t, dir), pskDevice("a", seeded(1))
	blocked := filepath.Join(dir, newName, "x")
	if err := os.MkdirAll(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.Enroll(d); !errors.Is(err, ErrFile) || found(r, d) {
		t.Errorf("Enroll: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte("[[device]]\nname = \"a\"\nmode = \"psk\"\nsuite = 2\nid = \"AAAAAAAAAAAAAAAAAAAAAA\"\n" +
		"psk = \"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\"\nenrolled = 2026-01-31T12:00:00Z\n"))
	f.Add([]byte("device = []"))
	f.Fuzz(func(t *testing.T, b []byte) {
		first := newTable()
		if first.parse(b) != nil {
			return
		}
		second := newTable()
		if err := second.parse(first.marshal()); err != nil {
			t.Fatalf("%v in\n%s", err, first.marshal())
		}
		if len(second.devices) != len(first.devices) {
			t.Fatalf("%d devices, want %d", len(second.devices), len(first.devices))
		}
	})
}
