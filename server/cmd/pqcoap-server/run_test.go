package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

func TestRunErrors(t *testing.T) {
	dir := newFolder(t, "3")
	tests := []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-dir", "none"}, 1, "pqcoap-server init makes one"},
		{[]string{"-dir", dir, "-echo", "never"}, 2, "-echo: want auto or always"},
		{[]string{"-dir", dir, "-listen", "nowhere"}, 1, "address to listen on"},
		{[]string{"-dir", dir, "-listen", "192.0.2.1:1"}, 1, "192.0.2.1:1"}, // not an address of ours
	}
	for _, tt := range tests {
		code, out, errs := command(t, append([]string{"run"}, tt.args...)...)
		if code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%q: code %d, output %q, errors %q; want %q", tt.args, code, out, errs, tt.want)
		}
	}
}

// The end of the context, as by SIGTERM, ends run with 0.
func TestRun(t *testing.T) {
	dir := newFolder(t, "3")
	_, text, _ := command(t, "enroll", "-dir", dir, "a", "-out", "-")
	cfg, err := node.ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var log strings.Builder
	ended := make(chan int, 1)
	go func() {
		args := []string{"run", "-dir", dir, "-listen", "127.0.0.1:0", "-echo", "always"}
		ended <- program().Run(ctx, args, cli.Streams{In: strings.NewReader(""), Out: in, Err: &log})
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("printed %q, %v", line, err)
	}
	conn, err := node.Dial(ctx, addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Get(ctx, "/time"); err != nil {
		t.Error(err)
	}
	conn.Close()
	cancel()
	if code := <-ended; code != 0 || !strings.Contains(log.String(), "msg=stopped sessions=1") {
		t.Errorf("code %d, log:\n%s", code, log.String())
	}
}
