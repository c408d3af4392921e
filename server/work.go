package server

import (
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/internal/session"
)

// workQueue is how many m1 of a class may wait for a worker: some 50 ms of work for one core.
const workQueue = 128

// WorkStats counts the handshakes that waited for a worker.
type WorkStats struct {
	Waiting    int    // now
	Busy       int    // workers at work, now
	TurnedAway uint64 // answered 5.03: their class was full, and their network had most of it
}

// A workshop is what the workers do next. All of it is under the server's lock.
type workshop struct {
	queue      *admission.Queue[*session.Work]
	more       *sync.Cond
	turnedAway uint64
	busy       int // workers
}

func newWorkshop(lock *sync.Mutex) workshop {
	return workshop{queue: admission.NewQueue[*session.Work](workQueue), more: sync.NewCond(lock)}
}

func (w *workshop) stats() WorkStats {
	return WorkStats{Waiting: w.queue.Len(), Busy: w.busy, TurnedAway: w.turnedAway}
}

// worker runs public-key operations until the server is closed.
func (s *Server) worker() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		w, ok := s.work.queue.Pop()
		switch {
		case ok && s.closed:
			w.Busy() // nobody waits for it any more
		case ok:
			s.work.busy++
			s.mu.Unlock()
			w.Run()
			s.mu.Lock()
			s.work.busy--
			now := time.Now()
			s.engine.Done(now, w, &s.out)
			s.flush(now)
		case s.closed:
			return
		default:
			s.work.more.Wait()
		}
	}
}

// hand gives work to the workers, if they have time for it. The caller holds the lock.
func (s *Server) hand(now time.Time, w *session.Work) {
	if !s.draining {
		other, full := s.work.queue.Push(w.Class(), w.From(), w)
		s.work.more.Signal()
		if !full {
			return
		}
		s.work.turnedAway++
		w = other
	}
	w.Busy() // the device comes again in a while
	s.engine.Done(now, w, &s.out)
}
