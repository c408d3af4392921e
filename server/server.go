package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/alarm"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
)

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("server: closed")

// A Server serves one socket. Its methods are safe for concurrent use.
type Server struct {
	cfg    Config
	log    *slog.Logger
	ctx    context.Context // of the handlers
	cancel context.CancelFunc
	tasks  sync.WaitGroup // workers and handlers

	mu       sync.Mutex
	socket   PacketConn
	engine   *session.Server
	owner    *endpoint.Owner
	out      session.Outbox
	timer    *alarm.Alarm
	work     workshop
	queue    queue
	devices  uint64    // version of the folder's registry that sessions agree with
	checked  time.Time // when Recheck was last called
	draining bool
	closed   bool
}

// errorPause keeps a socket that reports an error at each read from taking all of a core.
const errorPause = 10 * time.Millisecond

// receiveBuffer holds the largest UDP payload.
const receiveBuffer = 1 << 16

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
	s.engine = newEngine(&cfg)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.owner = &endpoint.Owner{
		Lock: &s.mu, Context: s.ctx, Handler: cfg.Handler, Log: s.log, Tasks: &s.tasks, Most: cfg.MaxHandlers,
		Flush: s.flush,
	}
	return s, nil
}

func newEngine(cfg *Config) *session.Server {
	var short [32]byte
	rand.Read(short[:])
	return session.NewServer(session.ServerConfig{
		Identities:    identities(cfg.Keys),
		Authorize:     cfg.Authorize,
		Rand:          rand.Reader,
		Echo:          coap.NewEchoKeys(short, cfg.Secrets.Echo),
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
	})
}

// ListenAndServe serves on a UDP address, such as ":5688", until ctx is done or Close.
func (s *Server) ListenAndServe(ctx context.Context, addr string) error {
	udp, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return fmt.Errorf("server: address %q: %w", addr, err)
	}
	socket, err := net.ListenUDP("udp", udp)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	return s.Serve(socket)
}

// Serve serves a socket, which belongs to the server from here on, until Close. It may be
// called once.
func (s *Server) Serve(socket PacketConn) error {
	if err := s.attach(socket); err != nil {
		socket.Close()
		return err
	}
	for range s.cfg.Workers {
		s.tasks.Go(s.worker)
	}
	if s.cfg.dir != nil {
		s.tasks.Go(s.upkeep)
	}
	s.log.Info("serving", "address", socket.LocalAddr().String())
	err := s.read(socket)
	s.Close()
	s.tasks.Wait()
	return err
}

func (s *Server) attach(socket PacketConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.socket != nil {
		return errors.New("server: Serve called twice")
	}
	now := time.Now()
	if err := s.load(now); err != nil {
		return err
	}
	s.socket = socket
	s.timer = alarm.New(s.tick)
	s.flush(now)
	return nil
}

// read takes datagrams until the socket is closed.
func (s *Server) read(socket PacketConn) error {
	buf := make([]byte, receiveBuffer)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return ErrClosed
		case err != nil:
			s.log.Warn("socket", "error", err)
			time.Sleep(errorPause)
			continue
		}
		s.mu.Lock()
		now := time.Now()
		s.engine.Receive(now, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), netip.Addr{}, buf[:n], &s.out)
		s.flush(now)
		s.mu.Unlock()
	}
}

// tick runs when the engine's deadline has come.
func (s *Server) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Off()
	if !s.closed {
		now := time.Now()
		s.engine.Advance(now, &s.out)
		s.flush(now)
	}
}

// flush takes the engine's events, sends, and arms the timer. The caller holds the lock.
func (s *Server) flush(now time.Time) {
	for ev, ok := s.engine.Next(); ok; ev, ok = s.engine.Next() {
		s.take(now, ev)
	}
	for to, datagram := range s.out.All() {
		// A datagram that cannot be sent is one that was lost.
		s.socket.WriteToUDPAddrPort(datagram, to)
	}
	s.out.Reset()
	if s.closed {
		s.timer.Stop()
	} else {
		s.timer.Set(now, s.engine.Deadline())
	}
}

// take acts on one event. The caller holds the lock.
func (s *Server) take(now time.Time, ev session.Event) {
	switch ev.Kind {
	case session.EventWork:
		s.hand(now, ev.Work)
	case session.EventOpen:
		s.log.Info("session open", sessionAttrs(ev.Session)...)
		s.recheckLate(ev.Session)
		s.deliver(now, ev.Session.Device())
	case session.EventRequest:
		s.request(now, ev)
	case session.EventHeard:
		s.deliver(now, ev.Session.Device())
	case session.EventClosed:
		s.log.Info("session closed", append(sessionAttrs(ev.Session), "reason", ev.Err)...)
		if end, ok := ev.Session.Owner.(*endpoint.Endpoint); ok {
			end.End(ev.Err)
		}
	default:
		s.endpointOf(ev.Session).Take(now, ev)
	}
}

// sessionAttrs identifies a session in the log, without secrets.
func sessionAttrs(c *session.Session) []any {
	id := c.ID()
	return []any{
		"device", c.Device(), "session", fmt.Sprintf("%x", id[:8]),
		"suite", c.Suite().String(), "mode", c.Mode().String(), "peer", c.Peer().String(),
	}
}

// Addr is the address of the socket, nil before Serve.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket == nil {
		return nil
	}
	return s.socket.LocalAddr()
}

// Stats counts what the server has seen since New.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{ServerStats: s.engine.Stats(), Queue: s.queue.counted(), Work: s.work.stats()}
}

// LaneStats counts what the plain lane has seen since New.
func (s *Server) LaneStats() coap.LaneStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine.LaneStats()
}
