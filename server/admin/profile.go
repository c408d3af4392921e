package admin

import (
	"context"
	"net/http"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"time"
)

// How long a profile of the processor, or a trace, is taken for.
const (
	defaultSeconds = 30
	maxSeconds     = 60
)

// profiles adds the paths that go tool pprof and go tool trace know. Those of net/http/pprof would
// also be on any other listener of the program that serves http.DefaultServeMux.
func profiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/profile", func(w http.ResponseWriter, r *http.Request) {
		during(w, r, func() error { return pprof.StartCPUProfile(w) }, pprof.StopCPUProfile)
	})
	mux.HandleFunc("GET /debug/pprof/trace", func(w http.ResponseWriter, r *http.Request) {
		during(w, r, func() error { return trace.Start(w) }, trace.Stop)
	})
	mux.HandleFunc("GET /debug/pprof/{name}", profile)
}

// during has something recorded for as long as the query says.
func during(w http.ResponseWriter, r *http.Request, start func() error, stop func()) {
	seconds := defaultSeconds
	if text := r.URL.Query().Get("seconds"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxSeconds {
			http.Error(w, "seconds: want 1 to "+strconv.Itoa(maxSeconds), http.StatusBadRequest)
			return
		}
		seconds = n
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := start(); err != nil {
		http.Error(w, "one is being taken already", http.StatusConflict)
		return
	}
	defer stop()
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	<-ctx.Done()
}

// profile is one of those that the runtime keeps, such as heap and goroutine.
func profile(w http.ResponseWriter, r *http.Request) {
	p := pprof.Lookup(r.PathValue("name"))
	if p == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	p.WriteTo(w, 0) // whoever asked may be gone
}
