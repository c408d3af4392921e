package session

import (
	"time"

	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/record"
)

// restful reports that nothing of a session would be lost if it went to rest now: what an entry does
// not have is not there.
func (s *Session) restful() bool { return s.still() && s.ch.coap.AtRest() }

// still reports the same, but for answers that are kept in case that the device asks once more.
func (s *Session) still() bool {
	if s.state != confirmed || !s.retireAt.IsZero() || s.ch.closed || len(s.name) > mostName {
		return false
	}
	_, moving := s.ch.path.Checking()
	return s.ch.path.Heard() && !moving && s.ch.control.Deadline().IsZero() && len(s.ch.replies) == 0 &&
		s.ch.coap.Quiet() && !s.ch.coap.Observes()
}

// restLater is when a session is asked again whose events are not taken yet.
const restLater = 10 * time.Millisecond

// rest moves a session that is still from the heap into the arena, and tells whether it has. From
// then on the entry is all there is: the keys on the heap have been given away by then, and nothing
// can be sealed with them any more.
func (s *Server) rest(now time.Time, session *Session) bool {
	switch {
	case session.told > s.told-uint64(len(s.events)-s.next): // who takes its events finds it as it was
		session.restAt = now.Add(restLater)
		return false
	case s.cfg.Rest != nil && !s.cfg.Rest(session):
		session.restAt = now.Add(s.cfg.RestAfter)
		return false
	}
	e, err := session.appendEntry(s.scratch[:0])
	if err != nil {
		session.restAt = now.Add(s.cfg.RestAfter)
		return false
	}
	s.sessions.lay(session, e)
	clear(e)
	s.scratch = e[:0]
	s.timers.Stop(&session.timer)
	session.from, session.at = session.Peer(), session.ch.local(session.Peer())
	if session.name == "" { // it counts for where it is: the entry does not know where it came from
		s.gate.arrivals.moved(session.prefix, admission.Network(session.from.Addr()))
	}
	session.ch.coap.Release()
	session.state, session.ch, session.Owner = resting, nil, nil
	s.stats.Rested++
	s.sweep.note(earliest(session.until, session.idleAt(s.cfg.IdleTimeout)))
	return true
}

// relieve has sessions rest that were not heard for long, while more are awake than should be. Each
// call looks at a few, and is made when one has woken.
func (s *Server) relieve(now time.Time) {
	for range 2 {
		oldest := s.sessions.oldest
		if s.sessions.confirmed-s.sessions.arena.Len() <= s.cfg.MaxAwake || now.Before(oldest.heard.Add(s.cfg.RestAfter)) {
			return
		}
		if oldest.still() && s.rest(now, oldest) {
			s.stats.Evicted++
		} else {
			s.sessions.link(oldest)
		}
	}
}

// rouse wakes a session if a datagram is of its device. Who sends anything else, with an ID that he
// has seen, costs the opening of a record, and changes nothing but counters.
func (s *Server) rouse(now time.Time, e entry, datagram []byte) *Session {
	tried, err := s.trial.Open(e.parts().records, datagram)
	switch {
	case err != nil:
		s.end(e, ErrState)
		return nil
	case !tried.Opened:
		s.stats.Rejected += uint64(tried.Rejected)
		s.stats.Replayed += uint64(tried.Replayed)
		return nil
	}
	return s.wake(now, e)
}

// wake moves a session from the arena to the heap: e is no more. It is nil where the entry turns out
// to be none, and has ended then.
func (s *Server) wake(now time.Time, e entry) *Session {
	session := e.session()
	parts := e.parts()
	rec, control, err := record.Restore(parts.records, s.cfg.Update.config(), now)
	if err == nil {
		session.ch = wrap(rec, control, s.cfg.coapConfig(session.payload), &s.scrap)
		session.ch.path, session.ch.at = record.NewPath(session.from), session.at
		err = session.ch.coap.Restore(parts.coap)
	}
	if err != nil {
		s.end(e, ErrState)
		return nil
	}
	session.state, session.restAt = confirmed, now.Add(s.cfg.RestAfter)
	session.prefix = admission.Network(session.from.Addr())
	s.sessions.raise(session)
	s.timers.Set(now, &session.timer, session.deadline(s.cfg.IdleTimeout))
	s.stats.Woken++
	return session
}

// end ends a session at rest.
func (s *Server) end(e entry, err error) {
	s.emit(Event{Kind: EventClosed, Session: e.session(), Err: err})
	s.drop(e)
}

// drop forgets a session at rest.
func (s *Server) drop(e entry) {
	if len(e.name()) == 0 {
		s.gate.arrivals.left(e.network())
	}
	s.sessions.drop(e)
}

// farewell tells the device of a session at rest that this ends, and ends it. It is not woken for
// that, and no event comes: there may be a million of them.
func (s *Server) farewell(now time.Time, e entry, out *Outbox) {
	to, from := e.addresses()
	if rec, _, err := record.Restore(e.parts().records, s.cfg.Update.config(), now); err == nil {
		start := len(out.buf)
		if buf, err := rec.Seal(out.buf, record.Alert, alertClose, true); err == nil { // else it ends without a word
			out.commit(to, from, start, buf)
			s.stats.Records.sent(len(buf) - start)
		}
	}
	s.drop(e)
}

// dueAt is when a session at rest ends of itself, or its device has to be asked about.
func (e entry) dueAt(idle time.Duration) time.Time { return earliest(e.until(), e.idleAt(idle)) }

// idleAt is when a session at rest ends of itself.
func (e entry) idleAt(ours time.Duration) time.Time {
	return e.heard().Add(earliestSpan(e.idle(), ours))
}

const (
	// sweepStep is how many slots are looked at, at once, for sessions that are over.
	sweepStep = 4096
	// sweepTime is in how long all are, where they are more than that.
	sweepTime = time.Minute
	// sweepGap is the least time from one look at all to the next.
	sweepGap = time.Second
)

// A sweep looks through the sessions at rest for those whose time is over: none has a timer. It
// begins when the first may be over, and goes on in steps.
type sweep struct {
	from    seat      // of the next step; 0: it has not begun
	at      time.Time // of the next step; zero: there is none
	soonest time.Time // when the first is due that has been looked at and goes on
}

// sweepNow is a time that is over: what it is noted for is looked at at once.
var sweepNow = time.Unix(1, 0)

// note takes in when a session at rest will end, or be due.
func (w *sweep) note(end time.Time) {
	w.soonest = earliest(w.soonest, end)
	if w.from == 0 {
		w.at = earliest(w.at, end)
	}
}

func (s *Server) sweepAt() time.Time {
	if s.sessions.arena.Len() == 0 {
		return time.Time{}
	}
	return s.sweep.at
}

// sweepDue does a step, if it is due.
func (s *Server) sweepDue(now time.Time) {
	w := &s.sweep
	if at := s.sweepAt(); at.IsZero() || now.Before(at) {
		return
	}
	if w.from == 0 {
		w.soonest = time.Time{}
	}
	w.from = s.sessions.walk(w.from, sweepStep, func(_ *Session, e entry) {
		if e == nil {
			return
		}
		switch due := e.dueAt(s.cfg.IdleTimeout); {
		case now.Before(due):
			w.soonest = earliest(w.soonest, due)
		case now.Before(e.idleAt(s.cfg.IdleTimeout)):
			s.wake(now, e) // and then it is due
		default:
			s.end(e, errIdle)
		}
	})
	if w.at = now.Add(sweepTime / time.Duration(1+s.sessions.slots()/sweepStep)); w.from == 0 {
		w.at = w.soonest
		if next := now.Add(sweepGap); !w.at.IsZero() && w.at.Before(next) {
			w.at = next
		}
	}
}
