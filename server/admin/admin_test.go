package admin

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/server"
)

func TestMetrics(t *testing.T) {
	a, _ := listening(t, nil)
	code, body := get(t, a, "/metrics")
	for _, want := range []string{"\npqcoap_serving 1\n", "\npqcoap_devices_enrolled 3\n", "\ngo_goroutines ", "\nprocess_start_time_seconds ", "\ngo_build_info{"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in /metrics", want)
		}
	}
	if code != http.StatusOK {
		t.Errorf("code %d", code)
	}
}

func TestIPv6(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6")
	} else {
		l.Close()
	}
	a, _ := listening(t, func(c *Config) { c.Settings.Listen = "[::1]:0" })
	if code, body := get(t, a, "/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
}

// What is not asked for is not there: no lists of what there is, no profiles, no other methods.
func TestPaths(t *testing.T) {
	a, _ := listening(t, nil)
	tests := []struct {
		method, path string
		code         int
	}{
		{"GET", "/healthz", 200}, {"HEAD", "/readyz", 200}, {"GET", "/metrics", 200},
		{"GET", "/", 404}, {"GET", "/metrics/", 404}, {"GET", "/debug/pprof/", 404}, {"GET", "/debug/pprof/heap", 404},
		{"GET", "/../etc/passwd", 307}, {"POST", "/metrics", 405}, {"PUT", "/healthz", 405}, {"DELETE", "/readyz", 405},
	}
	for _, tt := range tests {
		if w := ask(a, tt.method, tt.path, "127.0.0.1:9688"); w.Code != tt.code {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, w.Code, tt.code)
		}
	}
}

// A page in a browser of this machine can have its own name resolve to loopback. It is refused.
func TestForeignNames(t *testing.T) {
	a, _ := listening(t, nil)
	for host, code := range map[string]int{
		"localhost": 200, "localhost:9688": 200, "127.0.0.1:9688": 200, "127.1.2.3": 200, "[::1]:9688": 200, "[::1]": 200,
		"attacker.example:9688": 403, "attacker.example": 403, "localhost.attacker.example": 403, "192.0.2.1:9688": 403, "": 403, "[": 403,
	} {
		if w := ask(a, "GET", "/metrics", host); w.Code != code {
			t.Errorf("host %q: %d, want %d", host, w.Code, code)
		}
	}
	a.local = false
	if w := ask(a, "GET", "/metrics", "server.example:9688"); w.Code != 200 {
		t.Errorf("a public listener: %d", w.Code)
	}
}

func TestListenRefuses(t *testing.T) {
	for _, s := range []server.AdminSettings{
		{}, {Listen: ":9688"}, {Listen: "0.0.0.0:0"}, {Listen: "[::]:0"}, {Listen: "localhost:0"}, {Listen: "127.0.0.1"},
		{Listen: "192.0.2.1:0", Public: true}, // not an address of ours
		{Listen: "0.0.0.0:0", Public: true, Pprof: true},
	} {
		if a, err := Listen(Config{Settings: s, Server: &source{}}); err == nil {
			t.Errorf("%+v: listens on %v", s, a.Addr())
			a.Close()
		}
	}
	a, err := Listen(Config{Settings: server.AdminSettings{Listen: "0.0.0.0:0", Public: true}, Server: &source{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Errorf("closed before and without Serve: %v", err)
	}
}

// Headers that never end are cut off.
func TestLargeHeader(t *testing.T) {
	a, _ := listening(t, nil)
	conn, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n", strings.Repeat("x", 1<<16))
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%v, %v", r, err)
	}
	if a.http.ReadHeaderTimeout == 0 || a.http.ReadTimeout == 0 || a.http.WriteTimeout == 0 || a.http.IdleTimeout == 0 {
		t.Error("a slow client may stay for ever")
	}
}
