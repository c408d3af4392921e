package server

import (
	"context"
	"errors"
	"time"

	"github.com/pqcoap/pqcoap/internal/session"
)

const (
	// drainStep is how often Shutdown looks whether it can end.
	drainStep = 10 * time.Millisecond
	// quietTimeout is how long it waits for devices to acknowledge what they have got: those that
	// sleep do not.
	quietTimeout = 2 * time.Second
)

// Close tells all devices, stops Serve and cancels the context of handlers.
func (s *Server) Close() error {
	return s.end(func(now time.Time, shards []*shard) error {
		for _, one := range shards {
			one.engine.Close(now, &one.out)
		}
		return nil
	})
}

// Shutdown is for a planned restart. It has no more handlers and handshakes begin (both are
// answered 5.03, to come again), and lets those under way end, until ctx is done. Then it ends
// like Close; but the server of a folder, whose settings do not say otherwise, saves its sessions
// there for the next start, and the devices notice nothing. The error is that of saving.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.cfg.dir == nil || !s.cfg.dir.settings().SaveSessions {
		if err := s.drain(ctx); err != nil {
			return err
		}
		return s.Close()
	}
	state, err := s.suspend(ctx, func(now time.Time, state []byte) error {
		return s.cfg.dir.saveSessions(now, s.cfg.Era, state)
	})
	clear(state)
	return err
}

// Suspend is Shutdown for a server without a folder: it returns the sessions for the Config of
// the next one. They are as secret as all keys of all sessions.
func (s *Server) Suspend(ctx context.Context) ([]byte, error) {
	return s.suspend(ctx, func(time.Time, []byte) error { return nil })
}

// suspend drains and ends the server, and has the sessions saved before anybody else can have the
// socket.
func (s *Server) suspend(ctx context.Context, save func(now time.Time, state []byte) error) (state []byte, err error) {
	if err := s.drain(ctx); err != nil {
		return nil, err
	}
	err = s.end(func(now time.Time, shards []*shard) (err error) {
		if state, err = session.Save(engines(shards)...); err == nil {
			err = save(now, state)
		}
		return err
	})
	if err != nil {
		clear(state)
		return nil, err
	}
	return state, nil
}

// drain lets what is under way end, until ctx is done: handlers first, then what they have sent.
func (s *Server) drain(ctx context.Context) error {
	s.mu.Lock()
	if s.closed || s.draining {
		s.mu.Unlock()
		return ErrClosed
	}
	s.draining = true
	s.mu.Unlock()
	s.each(func(_ time.Time, one *shard) { one.owner.Drain() })
	if err := s.until(ctx, func(one *shard) bool { return one.owner.Handlers() == 0 }); err != nil {
		return err
	}
	s.each(func(now time.Time, one *shard) { // a session that is saved does not know of observations
		for _, s := range one.engine.Awake() { // those at rest have none
			one.endpointOf(s).EndObservations(now)
		}
	})
	ctx, cancel := context.WithTimeout(ctx, quietTimeout)
	defer cancel()
	return s.until(ctx, func(one *shard) bool { return one.engine.Quiet() })
}

// until waits for something to be so in all shards, or for the end of ctx. ErrClosed where the
// server is closed meanwhile.
func (s *Server) until(ctx context.Context, so func(*shard) bool) error {
	ticker := time.NewTicker(drainStep)
	defer ticker.Stop()
	for {
		done := true
		for _, one := range s.all() {
			one.mu.Lock()
			over := one.over
			done = done && so(one)
			one.mu.Unlock()
			if over {
				return ErrClosed
			}
		}
		if done {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// end ends the sessions in one way or the other, then Serve.
func (s *Server) end(sessions func(now time.Time, shards []*shard) error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	s.work.more.Broadcast()
	s.cancel()
	s.queue.close()
	shards, port := s.shards, s.port
	s.mu.Unlock()
	if port == nil {
		s.releaseFolder()
		return nil
	}
	err := endAll(shards, sessions)
	return errors.Join(err, port.Close()) // which waits for those that read, who may wait for a lock
}

// endAll ends the sessions of all shards at once: none moves from one to another meanwhile.
func endAll(shards []*shard, sessions func(now time.Time, shards []*shard) error) error {
	for _, one := range shards {
		one.mu.Lock()
		defer one.mu.Unlock()
	}
	now := time.Now()
	err := sessions(now, shards)
	for _, one := range shards {
		one.over = true
		one.flush(now)
	}
	return err
}

func engines(shards []*shard) (list []*session.Server) {
	for _, one := range shards {
		list = append(list, one.engine)
	}
	return list
}

// load goes on with the sessions that the server before has saved. The caller holds the lock.
func (s *Server) load(now time.Time, shards []*shard) error {
	state := s.cfg.Sessions
	s.cfg.Sessions = nil
	if dir := s.cfg.dir; dir != nil {
		saved, err := dir.takeSessions(now)
		switch {
		case errors.Is(err, errSessions):
			s.log.Warn("devices resume or do a handshake", "error", err)
		case err != nil:
			return err
		}
		state = saved
	}
	if state == nil {
		return nil
	}
	defer clear(state)
	if err := session.Load(now, state, engines(shards)...); err != nil {
		if !errors.Is(err, session.ErrState) {
			return err
		}
		s.log.Warn("devices resume or do a handshake", "error", err)
	}
	sessions := 0
	for _, one := range shards {
		sessions += one.engine.Stats().Sessions
	}
	s.log.Info("sessions go on", "sessions", sessions)
	return nil
}
