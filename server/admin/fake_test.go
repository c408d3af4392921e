package admin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/pqcoap/pqcoap/server"
)

// A source is a server that is as the test says.
type source struct {
	mu  sync.Mutex
	now server.Status
}

func (s *source) Stats() server.Stats { return server.Stats{} }

func (s *source) Status() server.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *source) set(now server.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// listening is an Admin that serves until the test ends.
func listening(t *testing.T, change func(*Config)) (*Admin, *source) {
	t.Helper()
	src := &source{now: server.Status{Serving: true, Devices: 3}}
	cfg := Config{Settings: server.AdminSettings{Listen: "127.0.0.1:0"}, Server: src}
	if change != nil {
		change(&cfg)
	}
	a, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Serve() }()
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return a, src
}

// ask asks a handler, without a network.
func ask(a *Admin, method, path, host string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	a.http.Handler.ServeHTTP(w, r)
	return w
}

// get asks over the network.
func get(t *testing.T, a *Admin, path string) (code int, body string) {
	t.Helper()
	r, err := http.Get("http://" + a.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}
