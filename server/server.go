package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/internal/udp"
)

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("server: closed")

// A Server serves one port. Its methods are safe for concurrent use.
type Server struct {
	cfg    Config
	log    *slog.Logger
	ctx    context.Context // of the handlers
	cancel context.CancelFunc
	tasks  sync.WaitGroup // workers and handlers

	shards []*shard // from attach on

	mu       sync.Mutex // of what follows; who holds it takes that of no shard
	port     *Port      // nil before attach
	work     workshop
	queue    queue
	devices  uint64    // version of the folder's registry that sessions agree with
	checked  time.Time // when Recheck was last called
	draining bool
	closed   bool
}

// New checks a configuration and makes a server of it, which does nothing before Serve.
func New(cfg Config) (*Server, error) {
	switch {
	case len(cfg.Keys) == 0:
		return nil, errors.New("server: Config.Keys: at least one key is needed")
	case cfg.Authorize == nil || cfg.Handler == nil:
		return nil, errors.New("server: Config: Authorize and Handler are needed")
	}
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.MaxHandlers == 0 {
		cfg.MaxHandlers = 1024
	}
	if cfg.dir != nil {
		if err := cfg.dir.begin(time.Now(), &cfg); err != nil {
			return nil, err
		}
	}
	s := &Server{cfg: cfg, log: cfg.Log}
	s.work = newWorkshop(&s.mu)
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// newEngine makes that of one shard.
func newEngine(cfg *Config, group *session.Group, shard int, echo *coap.EchoKeys) *session.Server {
	return session.NewServer(session.ServerConfig{
		Identities:    identities(cfg.Keys),
		Authorize:     cfg.Authorize,
		Rand:          rand.Reader,
		Echo:          echo,
		AlwaysEcho:    cfg.AlwaysEcho,
		ResetKey:      cfg.Secrets.Reset,
		Era:           cfg.Era,
		Tickets:       cfg.Tickets,
		Limits:        cfg.Limits,
		Update:        cfg.Update,
		MaxUDPPayload: cfg.MaxUDPPayload,
		MaxBody:       cfg.MaxBody,
		Stream:        endpoint.Streams(cfg.Handler),
		Forward:       cfg.Forward,
		MaxHalfOpen:   cfg.MaxHalfOpen,
		MaxSessions:   cfg.MaxSessions,
		IdleTimeout:   cfg.IdleTimeout,
		Admission:     cfg.Admission,
		Rest:          letGo,
		Group:         group,
		Shard:         shard,
	})
}

// ListenAndServe serves on a UDP address, such as ":5688", until ctx is done or Close.
func (s *Server) ListenAndServe(ctx context.Context, addr string) error {
	port, err := Listen(addr, s.cfg.Shards)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	return s.ServePort(port)
}

// Serve serves one socket, which belongs to the server from here on, until Close: with one shard.
// Serve or ServePort may be called once.
func (s *Server) Serve(socket PacketConn) error {
	conn, err := udp.New(socket)
	if err != nil {
		socket.Close()
		return fmt.Errorf("server: %w", err)
	}
	return s.ServePort(&Port{[]*udp.Port{udp.NewPort(conn)}})
}

// ServePort serves a port, which belongs to the server from here on, until Close.
func (s *Server) ServePort(p *Port) error {
	if err := s.attach(p); err != nil {
		p.Close()
		return err
	}
	s.each(func(time.Time, *shard) {}) // which sets their timers
	for range s.cfg.Workers {
		s.tasks.Go(s.worker)
	}
	if s.cfg.dir != nil {
		s.tasks.Go(s.upkeep)
	}
	s.log.Info("serving", "address", p.Addr().String(), "shards", len(s.shards))
	s.readAll()
	s.tasks.Wait()
	return ErrClosed
}

// sessionAttrs identifies a session in the log, without secrets.
func sessionAttrs(c *session.Session) []any {
	id := c.ID()
	return []any{
		"device", c.Device(), "session", fmt.Sprintf("%x", id[:8]),
		"suite", c.Suite().String(), "mode", c.Mode().String(), "peer", c.Peer().String(),
	}
}
