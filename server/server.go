package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/internal/udp"
	"github.com/pqcoap/pqcoap/server/audit"
)

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("server: closed")

// A Server serves one port. Its methods are safe for concurrent use.
type Server struct {
	handshake.Unprintable
	cfg     Config
	log     *slog.Logger
	handler coap.Handler    // of sessions, perhaps in front of the application
	ctx     context.Context // of the handlers
	cancel  context.CancelFunc
	tasks   sync.WaitGroup // workers and handlers

	audit     atomic.Pointer[audit.Log] // nil: none
	reloading sync.Mutex                // held by Reload
	identity  identityState

	shards []*shard // from attach on

	mu       sync.Mutex // of what follows; who holds it takes that of no shard
	port     *Port      // nil before attach
	work     workshop
	queue    queue
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
	s.handler = s.beginIdentity()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// newEngine makes that of one shard.
func (s *Server) newEngine(group *session.Group, shard int, echo *coap.EchoKeys) *session.Server {
	cfg := &s.cfg
	return session.NewServer(session.ServerConfig{
		Identities:    cfg.identities(),
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
		Stream:        endpoint.Streams(s.handler),
		Forward:       cfg.Forward,
		MaxHalfOpen:   cfg.MaxHalfOpen,
		MaxSessions:   cfg.MaxSessions,
		IdleTimeout:   cfg.IdleTimeout,
		Admission:     cfg.Admission,
		Rest:          s.letGo,
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
		if s.Addr() == nil {
			s.Close() // it will not serve, and gives its folder back
		}
		return err
	}
	s.each(func(time.Time, *shard) {}) // which sets their timers
	for range s.cfg.Workers {
		s.tasks.Go(s.worker)
	}
	closeControl := s.keepFolder()
	s.log.Info("serving", "address", p.Addr().String(), "shards", len(s.shards))
	s.readAll()
	closeControl()
	s.tasks.Wait()
	s.told(s.closeAudit())
	s.releaseFolder()
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
