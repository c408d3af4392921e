package admin

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/metrics"
)

// Bounds of what clients can have the listener do.
const (
	maxConnections = 64
	maxHeader      = 4 << 10 // bytes
	maxScrapes     = 4       // at once
	readTimeout    = 10 * time.Second
	writeTimeout   = 90 * time.Second // a CPU profile takes 30 s where nothing else is asked for
	idleTimeout    = 2 * time.Minute
	scrapeTimeout  = 10 * time.Second
)

// A Config is what an Admin needs. Settings and Server have no default.
type Config struct {
	Settings server.AdminSettings
	Server   metrics.Source
	Checks   []Check      // of /readyz, beside what the server says itself
	Log      *slog.Logger // nil: none
}

// A Check says why something does not work that the server needs, nil where it does. It is safe for
// concurrent use.
type Check struct {
	Name string
	Err  func() error
}

// An Admin is a listener. Its methods are safe for concurrent use.
type Admin struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	http     *http.Server
	local    bool // on loopback

	mu      sync.Mutex // of the checks
	checked time.Time
	broken  []string // what did not work then
}

// Listen opens the listener. What the settings do not allow is an error.
func Listen(cfg Config) (*Admin, error) {
	at, err := cfg.Settings.Address()
	switch {
	case err != nil:
		return nil, err
	case !at.IsValid():
		return nil, errors.New("admin: Settings.Listen: want an address")
	}
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("admin.listen: %w", err)
	}
	a := &Admin{cfg: cfg, log: cfg.Log, listener: netutil.LimitListener(l, maxConnections), local: at.Addr().Unmap().IsLoopback()}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.http = &http.Server{
		Handler:           a.handler(),
		ReadTimeout:       readTimeout,
		ReadHeaderTimeout: readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          a.warnings(),
	}
	return a, nil
}

// warnings is where packages that know no slog complain.
func (a *Admin) warnings() *log.Logger { return slog.NewLogLogger(a.log.Handler(), slog.LevelWarn) }

// Addr is the address that it listens on.
func (a *Admin) Addr() net.Addr { return a.listener.Addr() }

// Serve answers until Close.
func (a *Admin) Serve() error {
	a.log.Info("admin listener", "address", a.Addr().String())
	err := a.http.Serve(a.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("admin: %w", err)
}

// Close ends the listener and all requests.
func (a *Admin) Close() error { return errors.Join(a.http.Close(), ended(a.listener.Close())) }

// ended leaves out that a listener had been closed already.
func ended(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// handler has the paths, and nothing beside them.
func (a *Admin) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.New(a.cfg.Server), promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout, ErrorLog: a.warnings(),
	}))
	mux.HandleFunc("GET /healthz", a.healthy)
	mux.HandleFunc("GET /readyz", a.ready)
	if a.cfg.Settings.Pprof {
		profiles(mux)
	}
	return a.guard(mux)
}

// guard keeps out pages in a browser of this machine whose name somebody has made resolve to
// loopback: they ask under that name. It has nobody ask for more than a path.
func (a *Admin) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.local && !loopbackName(r.Host) {
			http.Error(w, "ask under a name of loopback", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 0)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// loopbackName tells whether the Host of a request is one that only this machine answers to.
func loopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
