package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// newFolder makes a server's folder in another folder, which becomes the current one.
func newFolder(t *testing.T, suites ...string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, suite := range suites {
		if code, _, errs := command(t, "init", "-dir", "home", "-suite", suite); code != 0 {
			t.Fatal(errs)
		}
	}
	return "home"
}

func TestInitAndFingerprint(t *testing.T) {
	dir := newFolder(t, "3", "1")
	_, out, _ := command(t, "fingerprint", "-dir", dir)
	_, text, _ := command(t, "fingerprint", "-dir", dir, "-json")
	var prints struct{ Keys []keyPrint }
	if err := json.Unmarshal([]byte(text), &prints); err != nil || len(prints.Keys) != 2 {
		t.Fatalf("%v: %s", err, text)
	}
	folder, err := server.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range fingerprints(folder.Keys, false) {
		if prints.Keys[i] != want || len(want.Fingerprint) != 64 || !strings.Contains(out, want.Fingerprint) {
			t.Errorf("key %d: %+v, want %+v; text:\n%s", i, prints.Keys[i], want, out)
		}
	}
	if prints.Keys[0].Suite != 1 || prints.Keys[1].KEM != "ML-KEM-512" {
		t.Errorf("keys: %+v", prints.Keys)
	}
	if code, _, errs := command(t, "init", "-dir", dir, "-suite", "3"); code != 1 || !strings.Contains(errs, "a key of suite 3 already") {
		t.Errorf("a second init of a suite: code %d, %s", code, errs)
	}
}

func TestEnroll(t *testing.T) {
	dir := newFolder(t, "1", "3")
	tests := []struct {
		line, file, server string
		suite              handshake.Suite
		psk                bool
	}{
		{"a", "a.toml", "127.0.0.1:5688", 1, false},
		{"b -psk", "b.toml", "127.0.0.1:5688", 1, true},
		{"-suite 3 c -out d.toml -server example.com", "d.toml", "example.com", 3, false},
	}
	for _, tt := range tests {
		code, out, errs := command(t, append([]string{"enroll", "-dir", dir}, strings.Fields(tt.line)...)...)
		if code != 0 || !strings.Contains(out, "file    "+tt.file+"\n") {
			t.Fatalf("%s: code %d, %s%s", tt.line, code, out, errs)
		}
		cfg, err := node.LoadConfig(tt.file) // refuses a file that others may read
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Server != tt.server || cfg.Suite != tt.suite || (cfg.PSK != nil) != tt.psk || (cfg.Key != nil) == tt.psk {
			t.Errorf("%s: server %s, suite %v, PSK %v", tt.line, cfg.Server, cfg.Suite, cfg.PSK != nil)
		}
		enrolled(t, dir, cfg)
	}
}

// enrolled checks that a server with the folder knows a device.
func enrolled(t *testing.T, dir string, cfg node.Config) {
	t.Helper()
	folder, err := server.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.OpenDevices(); err != nil {
		t.Fatal(err)
	}
	defer folder.Devices.Close()
	want := device(cfg)
	found, err := folder.Devices.Lookup(cfg.Suite, want.Credential())
	if err != nil || found.Name != cfg.Name {
		t.Errorf("%s: %v", cfg.Name, err)
	}
}

func TestEnrollToStdout(t *testing.T) {
	dir := newFolder(t, "3")
	code, out, errs := command(t, "enroll", "-dir", dir, "a", "-out", "-")
	if code != 0 {
		t.Fatal(errs)
	}
	cfg, err := node.ParseConfig([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	enrolled(t, dir, cfg)
	if _, err := os.Stat("a.toml"); err == nil {
		t.Error("a file was written too")
	}
}

// What fails leaves neither a file nor a device.
func TestEnrollRefused(t *testing.T) {
	dir := newFolder(t, "3")
	if code, _, errs := command(t, "enroll", "-dir", dir, "a"); code != 0 {
		t.Fatal(errs)
	}
	before, err := os.ReadFile("a.toml")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		code int
		want string
	}{
		{[]string{"a"}, 1, "a.toml exists"},
		{[]string{"a", "-out", "b.toml"}, 1, "already enrolled"},
		{[]string{"a", "-out", "-"}, 1, "already enrolled"},
		{[]string{"c", "-suite", "4"}, 1, "init -dir home -suite 4"},
		{[]string{"../c"}, 2, "NAME: want"},
		{[]string{"c d"}, 1, "a name has"},
		{[]string{"c", "-out", "none/c.toml"}, 1, "none"},
	}
	for _, tt := range tests {
		code, out, errs := command(t, append([]string{"enroll", "-dir", dir}, tt.args...)...)
		if code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%q: code %d, output %q, errors %q; want %q", tt.args, code, out, errs, tt.want)
		}
	}
	if after, err := os.ReadFile("a.toml"); err != nil || string(after) != string(before) {
		t.Errorf("a.toml has changed: %v", err)
	}
	files, _ := filepath.Glob("*.toml")
	if len(files) != 1 {
		t.Errorf("files: %q", files)
	}
	if _, out, _ := command(t, "list", "-dir", dir); strings.Count(out, "\n") != 2 {
		t.Errorf("devices:\n%s", out)
	}
}

func TestCreatePrivate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := createPrivate(name, []byte("x")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestHere(t *testing.T) {
	for listen, want := range map[string]string{
		":5688": "127.0.0.1:5688", "0.0.0.0:1": "127.0.0.1:1", "[::]:2": "[::1]:2",
		"192.0.2.1:3": "192.0.2.1:3", "example.com:4": "example.com:4", "nonsense": "",
	} {
		if got := here(listen); got != want {
			t.Errorf("here(%q) = %q, want %q", listen, got, want)
		}
	}
}
