package server

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A peer is a device in one session, for as long as that lives. The session may rest meanwhile: what
// is asked of the device wakes it. Peers of one session are equal.
type peer struct {
	shard *shard
	ref   session.Ref
}

// Device is the session that a device has open, by its authenticated name: what it can be
// asked through. It is nil where the device is not connected.
func (s *Server) Device(name string) coap.Peer {
	if at, ref := s.at(name); at != nil {
		return peer{at, ref}
	}
	return nil
}

// awake is the session, nil where it has ended. The caller holds the lock, and flushes.
func (p peer) awake(now time.Time) *session.Session { return p.shard.engine.Session(now, p.ref) }

// endpoint is the end of the session by which the device can be asked.
func (p peer) endpoint() (*endpoint.Endpoint, error) {
	s := p.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	one := p.awake(now)
	if one == nil {
		return nil, session.ErrClosed
	}
	if !s.over { // its deadline may be the first now
		s.flush(now)
	}
	return s.endpointOf(one), nil
}

// through asks by an endpoint, and by another where the session rests just then.
func (p peer) through(ask func(*endpoint.Endpoint) error) error {
	for {
		end, err := p.endpoint()
		if err != nil {
			return err
		}
		if err := ask(end); !errors.Is(err, endpoint.ErrLetGo) {
			return err
		}
	}
}

// Do implements coap.Peer.
func (p peer) Do(ctx context.Context, m coap.Message) (answer coap.Message, err error) {
	err = p.through(func(end *endpoint.Endpoint) (err error) {
		answer, err = end.Do(ctx, m)
		return err
	})
	return answer, err
}

// Stream implements coap.Peer.
func (p peer) Stream(ctx context.Context, m coap.Message, body coap.Body) (answer coap.Message, r io.ReadCloser, err error) {
	err = p.through(func(end *endpoint.Endpoint) (err error) {
		answer, r, err = end.Stream(ctx, m, body)
		return err
	})
	return answer, r, err
}

// Observe implements coap.Peer.
func (p peer) Observe(ctx context.Context, m coap.Message) (w coap.Watch, err error) {
	err = p.through(func(end *endpoint.Endpoint) (err error) {
		w, err = end.Observe(ctx, m)
		return err
	})
	return w, err
}

// Ping implements coap.Peer.
func (p peer) Ping(ctx context.Context) error {
	return p.through(func(end *endpoint.Endpoint) error { return end.Ping(ctx) })
}

// LocalAddr implements coap.Peer. It is that of the port when the session has ended.
func (p peer) LocalAddr() netip.AddrPort {
	if end, err := p.endpoint(); err == nil {
		return end.LocalAddr()
	}
	return p.shard.port.LocalAddr()
}

// RemoteAddr implements coap.Peer. It is the zero AddrPort when the session has ended.
func (p peer) RemoteAddr() netip.AddrPort {
	if end, err := p.endpoint(); err == nil {
		return end.RemoteAddr()
	}
	return netip.AddrPort{}
}

// Close implements coap.Peer.
func (p peer) Close() error {
	s := p.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return ErrClosed
	}
	now := time.Now()
	err := error(session.ErrClosed)
	if one := p.awake(now); one != nil {
		err = s.engine.CloseSession(now, one, &s.out)
	}
	s.flush(now)
	return err
}

// Done implements coap.Peer. Who waits for the end of a session keeps it from resting.
func (p peer) Done() <-chan struct{} {
	s := p.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if one := p.awake(now); one != nil {
		if !s.over {
			s.flush(now)
		}
		return s.endpointOf(one).Keep()
	}
	done := make(chan struct{})
	close(done)
	return done
}
