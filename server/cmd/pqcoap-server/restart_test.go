package main

import (
	"bufio"
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

// A lockedLog is what a command that runs has logged.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A running is the command run.
type running struct {
	addr  netip.AddrPort
	log   lockedLog
	stop  context.CancelFunc // as SIGTERM does
	ended chan int
}

func start(t *testing.T, dir, listen string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{stop: cancel, ended: make(chan int, 1)}
	out, in := io.Pipe()
	go func() {
		args := []string{"run", "-dir", dir, "-listen", listen}
		code := program().Run(ctx, args, cli.Streams{In: strings.NewReader(""), Out: in, Err: &r.log})
		in.Close()
		r.ended <- code
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("printed %q, %v:\n%s", line, err, &r.log)
	}
	if r.addr, err = netip.ParseAddrPort(addr); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(r.log.String(), "msg=serving") { // before that there is nothing to save
		time.Sleep(time.Millisecond)
	}
	return r
}

// end stops the command in order.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	if code := <-r.ended; code != 0 {
		t.Errorf("code %d, log:\n%s", code, &r.log)
	}
}

// TestPlannedRestart: a device whose server has been restarted sends its next request in its
// session, and gets the answer: no datagram is of a handshake.
func TestPlannedRestart(t *testing.T) {
	dir := newFolder(t, "3")
	_, text, _ := command(t, "enroll", "-dir", dir, "a", "-out", "-")
	cfg, err := node.ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, dir, "127.0.0.1:0")
	between, err := newRelay(server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer between.close()
	conn, err := node.Dial(t.Context(), between.addr(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	get := func() {
		t.Helper()
		if _, err := conn.Get(t.Context(), "/time"); err != nil {
			t.Fatal(err)
		}
	}
	get()
	file := filepath.Join(dir, "sessions.cbor")
	for range 3 {
		between.restart()
		server.end(t)
		if _, err := os.Stat(file); err != nil {
			t.Errorf("no sessions are saved: %v", err)
		}
		server = start(t, dir, server.addr.String())
		get()
		if _, err := os.Stat(file); err == nil {
			t.Error("the saved sessions are still there")
		}
		seen := between.trace()
		for _, d := range seen {
			if !d.isRecord() {
				what, _ := d.describe()
				t.Errorf("a datagram that is no record: %s", what)
			}
		}
		t.Logf("%d datagrams since the server was ended, the request and its answer among them", len(seen))
		if !strings.Contains(server.log.String(), `msg="sessions go on" sessions=1`) {
			t.Errorf("log:\n%s", &server.log)
		}
	}
	server.end(t)
	if !strings.Contains(server.log.String(), "msg=stopped sessions=0") {
		t.Errorf("a session was opened anew, log:\n%s", &server.log)
	}
}

// TestSaveFails: a server that cannot save its sessions says so, and devices come back all the same.
func TestSaveFails(t *testing.T) {
	dir := newFolder(t, "3")
	server := start(t, dir, "127.0.0.1:0")
	if err := os.MkdirAll(filepath.Join(dir, "sessions.cbor.new", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	server.stop()
	if code := <-server.ended; code != cli.CodeFailure || !strings.Contains(server.log.String(), "sessions.cbor.new") {
		t.Errorf("code %d, log:\n%s", code, &server.log)
	}
}

// SIGHUP has a server that runs read its settings again.
func TestHangUp(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("there is no SIGHUP to be sent: a change of the file does it")
		return
	}
	dir := newFolder(t, "3")
	r := start(t, dir, "127.0.0.1:0")
	defer r.end(t)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"server.toml read again", "line 1: unknown key"} {
		if err := self.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for !strings.Contains(r.log.String(), want) {
			time.Sleep(time.Millisecond)
		}
		if err := os.WriteFile(filepath.Join(dir, "server.toml"), []byte("eccho = 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
