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

// A task is work of a shard.
type task struct {
	shard *shard
	work  *session.Work
}

// A workshop is what the workers do next. All of it is under the server's lock.
type workshop struct {
	queue      *admission.Queue[task]
	more       *sync.Cond
	turnedAway uint64
	busy       int // workers
}

func newWorkshop(lock *sync.Mutex) workshop {
	return workshop{queue: admission.NewQueue[task](workQueue), more: sync.NewCond(lock)}
}

func (w *workshop) stats() WorkStats {
	return WorkStats{Waiting: w.queue.Len(), Busy: w.busy, TurnedAway: w.turnedAway}
}

// worker runs public-key operations until the server is closed.
func (s *Server) worker() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		t, ok := s.work.queue.Pop()
		switch {
		case ok && s.closed:
			t.work.Busy() // nobody waits for it any more
		case ok:
			s.work.busy++
			s.mu.Unlock()
			t.work.Run()
			t.shard.done(t.work)
			s.mu.Lock()
			s.work.busy--
		case s.closed:
			return
		default:
			s.work.more.Wait()
		}
	}
}

// offer gives the workers a task, and returns one that they have no time for, if there is one.
func (s *Server) offer(t task) (other task, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return t, true
	}
	other, full = s.work.queue.Push(t.work.Class(), t.work.From(), t)
	s.work.more.Signal()
	if full {
		s.work.turnedAway++
	}
	return other, full
}

// hand gives work to the workers, if they have time for it. The caller holds the lock.
func (s *shard) hand(now time.Time, w *session.Work) {
	other, full := s.offer(task{s, w})
	if !full {
		return
	}
	other.work.Busy() // the device comes again in a while
	if other.shard != s {
		s.tasks.Go(func() { other.shard.done(other.work) })
		return
	}
	s.engine.Done(now, other.work, &s.out)
}
