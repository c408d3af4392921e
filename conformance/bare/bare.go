// Package bare is a server that has sessions and nothing else: what a device's tests need of one,
// and what other servers hide from them. It can lose all of its sessions, as in a crash.
//
//	s, err := bare.Serve(socket, session.ServerConfig{Identities: ids, Authorize: authorize}, answer)
//	defer s.Close()
//	s.Crash()
package bare

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A Socket is what a Server needs of a UDP socket; *net.UDPConn and *simnet.Conn are some.
type Socket interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	Close() error
}

// An Answer responds to a request of a device; nil is no response. It may take its time, and is
// called for many requests at once.
type Answer func(device string, m coap.Message) *coap.Message

// receiveBuffer holds the largest UDP payload.
const receiveBuffer = 1 << 16

// A Server serves one socket. Its methods are safe for concurrent use.
type Server struct {
	cfg    session.ServerConfig
	answer Answer
	socket Socket
	tasks  sync.WaitGroup

	mu     sync.Mutex
	engine *session.Server
	opened int // sessions
	out    session.Outbox
	timer  *time.Timer
	closed bool
}

// Serve starts a server on a socket, which belongs to it from here on. Of the configuration it
// fills in what is nil: Rand, Echo and Tickets.
func Serve(socket Socket, cfg session.ServerConfig, answer Answer) (*Server, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Echo == nil {
		cfg.Echo = coap.NewEchoKeys([32]byte{1}, [32]byte{2})
	}
	if cfg.Tickets == nil {
		var err error
		if cfg.Tickets, err = handshake.NewTicketKeys(cfg.Rand, time.Now()); err != nil {
			return nil, err
		}
	}
	s := &Server{cfg: cfg, answer: answer, socket: socket, engine: session.NewServer(cfg)}
	s.timer = time.AfterFunc(time.Hour, s.tick)
	s.tasks.Go(s.read)
	return s, nil
}

// Crash loses all sessions and tells nobody. Ticket keys and the reset key stay.
func (s *Server) Crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Era++
	s.engine = session.NewServer(s.cfg)
}

// SetIdentities replaces the keys that the server has, the first of a suite being the one that it
// wants to be known by.
func (s *Server) SetIdentities(ids ...handshake.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Identities = ids
	s.engine.SetIdentities(ids)
}

// Opened is how many sessions have begun.
func (s *Server) Opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

// Stats are those since the last crash.
func (s *Server) Stats() session.ServerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine.Stats()
}

func (s *Server) read() {
	buf := make([]byte, receiveBuffer)
	for {
		n, from, err := s.socket.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier write
		}
		s.mu.Lock()
		now := time.Now()
		s.engine.Receive(now, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), netip.Addr{}, buf[:n], &s.out)
		s.flush(now)
		s.mu.Unlock()
	}
}

func (s *Server) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		now := time.Now()
		s.engine.Advance(now, &s.out)
		s.flush(now)
	}
}

// flush takes events, sends and sets the timer. The caller holds the lock.
func (s *Server) flush(now time.Time) {
	for ev, ok := s.engine.Next(); ok; ev, ok = s.engine.Next() {
		s.take(now, ev)
	}
	for to, datagram := range s.out.All() {
		s.socket.WriteToUDPAddrPort(datagram, to)
	}
	s.out.Reset()
	if deadline := s.engine.Deadline(); !deadline.IsZero() {
		s.timer.Reset(max(0, deadline.Sub(now)))
	}
}

func (s *Server) take(now time.Time, ev session.Event) {
	switch ev.Kind {
	case session.EventWork:
		ev.Work.Run()
		s.engine.Done(now, ev.Work, &s.out)
	case session.EventOpen:
		s.opened++
	case session.EventRequest:
		engine := s.engine
		s.tasks.Go(func() { s.respond(engine, ev) })
	}
}

func (s *Server) respond(engine *session.Server, ev session.Event) {
	m := s.answer(ev.Session.Device(), ev.Message)
	s.mu.Lock()
	defer s.mu.Unlock()
	if m == nil || engine != s.engine || s.closed {
		return
	}
	now := time.Now()
	// A session that has ended meanwhile wants no response.
	s.engine.Respond(now, ev.Session, ev.ID, *m, nil, &s.out)
	s.flush(now)
}

// Close ends the server without a word.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.timer.Stop()
	s.mu.Unlock()
	s.socket.Close()
	s.tasks.Wait()
}
