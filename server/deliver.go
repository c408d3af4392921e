package server

import (
	"context"
	"errors"
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

// recently is how long behind its last record a device is taken to be there: NATs forget it later.
const recently = 30 * time.Second

// deliver sends what waits for a device if that is there; for one that is not it waits.
func (s *Server) deliver(device string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.queue.devices[device]
	switch {
	case of == nil || s.draining || s.closed:
	case of.busy:
		of.again = true // who is busy may have seen a device that was not there
	default:
		of.busy = true
		s.tasks.Go(func() { s.deliverAll(device, of) })
	}
}

// there is the session of a device that was heard lately; of one that was not, the next record is
// waited for, and the session is not woken for it.
func (s *Server) there(device string) (peer, bool) {
	at, ref := s.at(device)
	if at == nil {
		return peer{}, false
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	heard, ok := at.engine.Heard(device)
	if ok && time.Since(heard) > recently {
		at.engine.Listen(device)
		ok = false
	}
	return peer{at, ref}, ok
}

// deliverAll sends what waits for a device, one after another, as long as the device answers.
func (s *Server) deliverAll(device string, of *deviceQueue) {
	for {
		r, to, ctx := s.nextQueued(device, of)
		if r == nil {
			return
		}
		m, err := to.Do(ctx, r.message)
		if !s.answered(r, m, err, to) && s.rest(device, of) {
			return
		}
	}
}

// nextQueued is what is to be sent next, and by what; nil where nothing can be.
func (s *Server) nextQueued(device string, of *deviceQueue) (*Queued, peer, context.Context) {
	for {
		to, ok := s.there(device)
		s.mu.Lock()
		switch {
		case len(of.list) == 0 || s.draining || s.closed:
			of.again = false
		case ok:
			defer s.mu.Unlock()
			r := of.list[0]
			return r, to, r.begin()
		}
		idle := s.queue.idle(device, of)
		s.mu.Unlock()
		if idle {
			return nil, peer{}, nil
		}
	}
}

// answered takes what came of sending a request; false where the device is to be waited for.
func (s *Server) answered(r *Queued, m coap.Message, err error, from peer) bool {
	at, ref := s.at(r.device)
	lost := at == nil || ref != from.ref // the session
	s.mu.Lock()
	defer s.mu.Unlock()
	r.stop()
	if r.ended() {
		return true
	}
	r.sent = false
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

// rest waits for the device to be heard; false where it has been, meanwhile.
func (s *Server) rest(device string, of *deviceQueue) bool {
	if at, _ := s.at(device); at != nil {
		at.mu.Lock()
		at.engine.Listen(device)
		at.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.idle(device, of)
}

// idle notes that nobody is sending; false where there is reason to look once more.
func (q *queue) idle(device string, of *deviceQueue) bool {
	if of.again {
		of.again = false
		return false
	}
	if of.busy = false; len(of.list) == 0 {
		delete(q.devices, device)
	}
	return true
}
