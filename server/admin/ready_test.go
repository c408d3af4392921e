package admin

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/server"
)

func TestHealthy(t *testing.T) {
	a, src := listening(t, nil)
	if code, body := get(t, a, "/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
	src.set(server.Status{Serving: true, Draining: true})
	if code, body := get(t, a, "/healthz"); code != http.StatusOK {
		t.Errorf("a server that ends, and is well: %d %q", code, body)
	}
	src.set(server.Status{})
	if code, body := get(t, a, "/healthz"); code != http.StatusServiceUnavailable || body != "not ok: socket\n" {
		t.Errorf("without a socket: %d %q", code, body)
	}
}

func TestReady(t *testing.T) {
	var broken error
	var tried int
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		src := &source{now: server.Status{Serving: true}}
		a := &Admin{local: true, log: slog.New(slog.NewTextHandler(&log, nil)), cfg: Config{Server: src, Checks: []Check{
			{"telemetry", func() error { tried++; return broken }},
			{"folder", func() error { return nil }},
		}}}
		a.http = &http.Server{Handler: a.handler()}
		want := func(code int, body string) {
			t.Helper()
			if w := ask(a, "GET", "/readyz", "localhost"); w.Code != code || w.Body.String() != body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body.String(), code, body)
			}
		}
		want(200, "ok\n")
		src.set(server.Status{Serving: true, Draining: true})
		want(503, "not ok: draining\n")
		src.set(server.Status{})
		want(503, "not ok: socket\n")
		src.set(server.Status{Serving: true})
		broken = errors.New("/var/lib: no space left")
		want(200, "ok\n") // a moment old
		if tried != 1 {
			t.Errorf("the disk was tried %d times in a moment", tried)
		}
		for range 3 {
			time.Sleep(checkedFor)
			want(503, "not ok: telemetry\n")
		}
		if n := strings.Count(log.String(), "no space left"); n != 1 {
			t.Errorf("logged %d times, want once:\n%s", n, log.String())
		}
		broken = nil
		time.Sleep(checkedFor)
		want(200, "ok\n")
	})
}
