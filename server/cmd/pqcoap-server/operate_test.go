package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

// setAdmin adds [admin] to the settings of a folder.
func setAdmin(t *testing.T, dir, listen string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "server.toml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\n[admin]\nlisten = \"" + listen + "\"\n"); err != nil {
		t.Fatal(err)
	}
}

// What a device does can be read at the admin listener of the server that runs.
func TestOperate(t *testing.T) {
	dir := newFolder(t, "3")
	_, text, _ := command(t, "enroll", "-dir", dir, "a", "-out", "-")
	cfg, err := node.ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	setAdmin(t, dir, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var log strings.Builder
	ended := make(chan int, 1)
	go func() {
		args := []string{"run", "-dir", dir, "-listen", "127.0.0.1:0"}
		ended <- program().Run(ctx, args, cli.Streams{In: strings.NewReader(""), Out: in, Err: &log})
	}()
	lines := bufio.NewReader(out)
	next := func(prefix string) string {
		line, err := lines.ReadString('\n')
		addr, ok := strings.CutPrefix(strings.TrimSpace(line), prefix)
		if err != nil || !ok {
			t.Fatalf("printed %q, %v", line, err)
		}
		return addr
	}
	server, admin := next("listening on "), next("admin listener on ")
	conn, err := node.Dial(ctx, server, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Get(ctx, "/time"); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{
		"/healthz": "ok\n", "/readyz": "ok\n",
		"/metrics": `pqcoap_handshakes_confirmed_total{form="full",mode="kem",suite="3"} 1`,
	} {
		r, err := http.Get("http://" + admin + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d, %v: no %q", path, r.StatusCode, err, want)
		}
		if path == "/metrics" && !strings.Contains(string(body), "\npqcoap_devices_enrolled 1\n") {
			t.Error("one device is enrolled, and the metrics do not say so")
		}
	}
	conn.Close()
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("code %d, log:\n%s", code, log.String())
	}
	if _, err := http.Get("http://" + admin + "/healthz"); err == nil {
		t.Error("the listener is there behind the end")
	}
}

// Where the listener cannot be had, the server does not run, and gives its folder back.
func TestOperateFails(t *testing.T) {
	dir := newFolder(t, "3")
	setAdmin(t, dir, "192.0.2.1:9688")
	for range 2 {
		code, _, errs := command(t, "run", "-dir", dir, "-listen", "127.0.0.1:0")
		if code != 1 || !strings.Contains(errs, "admin.listen: not an address of loopback") {
			t.Errorf("code %d: %s", code, errs)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir = newFolder(t, "3")
	setAdmin(t, dir, taken.Addr().String())
	for range 2 {
		code, _, errs := command(t, "run", "-dir", dir, "-listen", "127.0.0.1:0")
		if code != 1 || !strings.Contains(errs, "admin.listen: listen tcp 127.0.0.1:") {
			t.Errorf("code %d: %s", code, errs)
		}
	}
}
