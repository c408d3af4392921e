package server

import (
	"context"
	"errors"
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

// recently is how long behind its last record a device is taken to be there: NATs forget it later.
const recently = 30 * time.Second

// deliver sends what waits for a device that is there; for one that is not it waits. The caller
// holds the lock.
func (s *Server) deliver(now time.Time, device string) {
	of := s.queue.devices[device]
	if of == nil || of.busy || s.draining || s.closed {
		return
	}
	if _, ok := s.there(now, device); ok {
		of.busy = true
		s.tasks.Go(func() { s.deliverAll(device, of) })
	}
}

// there is the session of a device that was heard lately; of one that was not, the next record is
// waited for, and the session is not woken for it. The caller holds the lock.
func (s *Server) there(now time.Time, device string) (peer, bool) {
	heard, ok := s.engine.Heard(device)
	switch {
	case !ok:
		return peer{}, false
	case now.Sub(heard) > recently:
		s.engine.Listen(device)
		return peer{}, false
	}
	ref, ok := s.engine.Find(device)
	return peer{s, ref}, ok
}

// deliverAll sends what waits for a device, one after another, as long as the device answers.
func (s *Server) deliverAll(device string, of *deviceQueue) {
	for {
		r, to, ctx := s.nextQueued(device, of)
		if r == nil {
			return
		}
		m, err := to.Do(ctx, r.message)
		if !s.answered(r, m, err, to) {
			s.rest(device, of)
			return
		}
	}
}

// nextQueued is what is to be sent next, and by what; nil where nothing can be.
func (s *Server) nextQueued(device string, of *deviceQueue) (*Queued, peer, context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.idle(device, of)
	if len(of.list) == 0 || s.draining || s.closed {
		return nil, peer{}, nil
	}
	to, ok := s.there(time.Now(), device)
	if !ok {
		return nil, peer{}, nil
	}
	r := of.list[0]
	of.busy = true
	return r, to, r.begin()
}

// answered takes what came of sending a request; false where the device is to be waited for.
func (s *Server) answered(r *Queued, m coap.Message, err error, from peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.stop()
	if r.ended() {
		return true
	}
	r.sent = false
	ref, ok := s.engine.Find(r.device)
	lost := !ok || ref != from.ref // the session
	switch {
	case err == nil || !lost && !errors.Is(err, coap.ErrTimeout) && !errors.Is(err, coap.ErrBusy):
		r.end(m, err)
		return true
	case r.idempotent() || errors.Is(err, coap.ErrBusy):
		s.queue.stats.Repeated++
	default:
		r.end(m, errors.Join(ErrUncertain, err))
	}
	return lost // for the session in its place
}

// rest waits for the device to be heard.
func (s *Server) rest(device string, of *deviceQueue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.idle(device, of)
	if len(of.list) > 0 {
		s.engine.Listen(device)
	}
}

// idle notes that nobody is sending.
func (q *queue) idle(device string, of *deviceQueue) {
	if of.busy = false; len(of.list) == 0 {
		delete(q.devices, device)
	}
}
