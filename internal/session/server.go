package session

import (
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/wheel"
	"github.com/pqcoap/pqcoap/record"
)

// A Server is all sessions of one UDP port, or of a shard of it, at the side that answers.
type Server struct {
	handshake.Unprintable
	cfg       ServerConfig
	responder *handshake.Responder
	public    *public
	lane      *coap.Lane
	sessions  sessionTable
	pending   brief[digest, *greeting] // by m1, while its m2 is remembered
	late      late
	retiring  map[string]*Session // by device, those that newer ones have replaced
	gate      gate
	timers    wheel.Wheel[*Session]
	sweep     sweep
	trial     record.Trial
	scrap     coap.Batch
	scratch   []byte // an entry
	events    []Event
	next      int
	told      uint64 // events, ever
	stats     ServerStats
}

// NewServer makes a server without sessions.
func NewServer(cfg ServerConfig) *Server {
	cfg.setDefaults()
	s := &Server{
		cfg:      cfg,
		sessions: newSessionTable(cfg.Rand, cfg.Shard, cfg.Group),
		gate:     newGate(&cfg.Admission, cfg.Rand),
		retiring: make(map[string]*Session),
	}
	s.cfg.counters = &s.stats.CoAP
	s.lane = coap.NewLane(coap.LaneConfig{
		Echo:       cfg.Echo,
		AlwaysEcho: cfg.AlwaysEcho,
		Unproven:   cfg.Group.pool(coap.DefaultUnproven),
		Proven:     cfg.Group.pool(coap.DefaultProven),
		Get:        s.Public,
		Answer:     s.gate.answers.Take,
	})
	s.gate.arrivals = cfg.Group.share(s.gate.arrivals)
	s.SetIdentities(cfg.Identities)
	return s
}

// SetIdentities replaces the identities: what they were is not known any more. Work that is
// handed out goes on with those it has.
func (s *Server) SetIdentities(ids []handshake.Identity) {
	s.responder, s.public = handshake.NewResponder(ids...), newPublic(ids)
}

// Public is what the plain lane serves by GET, for those who ask in a session.
func (s *Server) Public(path, query []string) (body []byte, format message.MediaType, found bool) {
	return s.public.get(path, query)
}

// Receive takes a datagram, which has come to an address of ours, and changes it in place. What
// answers leaves from there; the address is not valid where the system may choose. Where there are
// other shards, Home says which one gets it.
func (s *Server) Receive(now time.Time, from netip.AddrPort, at netip.Addr, datagram []byte, out *Outbox) {
	switch {
	case len(datagram) > 0 && isPlain(datagram[0]):
		s.stats.Plain.received(len(datagram))
		s.receivePlain(now, from, at, datagram, out)
	case len(datagram) > 0 && isRecord(datagram[0]):
		s.stats.Records.received(len(datagram))
		s.receiveRecords(now, from, at, datagram, out)
	default:
		s.stats.Dropped++
	}
}

// receiveRecords gives a datagram to the session that its first record names.
func (s *Server) receiveRecords(now time.Time, from netip.AddrPort, at netip.Addr, datagram []byte, out *Outbox) {
	id, ok := record.PeekConnectionID(datagram)
	if !ok {
		s.stats.UnknownID++
		return
	}
	session, atRest := s.sessions.get(id)
	if atRest != nil && !now.Before(atRest.idleAt(s.cfg.IdleTimeout)) {
		s.end(atRest, errIdle)
		atRest = nil
	}
	switch {
	case atRest != nil:
		if session = s.rouse(now, atRest, datagram); session == nil {
			return
		}
	case session == nil:
		s.stats.UnknownID++
		s.reset(now, from, at, id, len(datagram), out)
		return
	case session.ch == nil:
		s.stats.UnknownID++
		return
	}
	got := session.ch.receive(now, from, at, datagram)
	s.stats.took(got)
	if got.opened == 0 {
		return
	}
	if session.state == halfOpen && !s.confirm(now, session, out) {
		return
	}
	s.hear(now, session)
	s.settle(now, session, true, out)
	s.relieve(now)
}

// hear notes that a record of a confirmed session has opened.
func (s *Server) hear(now time.Time, session *Session) {
	session.heard, session.restAt = now, now.Add(s.cfg.RestAfter)
	s.sessions.link(session)
	if session.Listen {
		session.Listen = false
		s.emit(Event{Kind: EventHeard, Session: session})
	}
}

// emit has an event come from Next.
func (s *Server) emit(ev Event) {
	s.told++
	if ev.Session != nil {
		ev.Session.told = s.told
	}
	s.events = append(s.events, ev)
}

// settle seals what a session has to send, takes its events and sets its timer. answer says
// that it answers what the device has just sent.
func (s *Server) settle(now time.Time, session *Session, answer bool, out *Outbox) {
	err := session.ch.flush(now, answer, out, &s.stats.Records)
	for ev, ok := session.ch.coap.Next(); ok; ev, ok = session.ch.coap.Next() {
		s.take(session, ev)
	}
	switch {
	case session.ch.closed:
		s.remove(session, errPeerClosed)
	case err != nil || session.ch.control.Exhausted():
		session.ch.close(now, out, &s.stats.Records)
		s.remove(session, ErrExhausted)
	default:
		s.timers.Set(now, &session.timer, session.deadline(s.cfg.IdleTimeout))
	}
}

// Close ends all sessions and tells their devices. An event comes for those that are awake.
func (s *Server) Close(now time.Time, out *Outbox) {
	s.sessions.all(func(session *Session, atRest entry) {
		if atRest != nil {
			s.farewell(now, atRest, out)
			return
		}
		if session.state == confirmed {
			session.ch.close(now, out, &s.stats.Records)
		}
		s.remove(session, ErrClosed)
	})
}

// Deadline is when Advance has to be called next; zero if never.
func (s *Server) Deadline() time.Time {
	at := earliest(s.lane.Deadline(), s.timers.Next())
	return earliest(at, earliest(s.late.deadline(), s.sweepAt()))
}

// Advance does what was due at Deadline.
func (s *Server) Advance(now time.Time, out *Outbox) {
	s.lane.Advance(now)
	s.forgetLate(now)
	s.sweepDue(now)
	s.cfg.Group.expire(now)
	for session, ok := s.timers.Due(now); ok; session, ok = s.timers.Due(now) {
		s.advance(now, session, out)
	}
}

// advance does what is due for one session.
func (s *Server) advance(now time.Time, session *Session, out *Outbox) {
	switch {
	case session.state == halfOpen && !now.Before(session.expires):
		s.stats.Expired++
		s.refusedSession(session)
		s.remove(session, ErrHandshakeTimeout)
	case session.state == confirmed && !now.Before(session.idleAt(s.cfg.IdleTimeout)):
		s.remove(session, errIdle)
	case session.state == confirmed && session.lapsed(now):
		session.until = time.Time{}
		s.emit(Event{Kind: EventDue, Session: session})
		s.settle(now, session, false, out)
	case !session.retireAt.IsZero() && !now.Before(session.retireAt):
		session.ch.close(now, out, &s.stats.Records)
		s.remove(session, errReplaced)
	case session.state == confirmed && !now.Before(session.restAt) && session.restful() && s.rest(now, session):
	default:
		session.ch.advance(now)
		s.settle(now, session, false, out)
	}
}

// Next is the next event, false if there is none.
func (s *Server) Next() (Event, bool) {
	if s.next == len(s.events) {
		clear(s.events)
		s.events, s.next = s.events[:0], 0
		return Event{}, false
	}
	s.next++
	return s.events[s.next-1], true
}

// Stats counts since NewServer.
func (s *Server) Stats() ServerStats {
	st := s.stats
	st.HalfOpen = s.sessions.halfOpen
	st.Sessions = s.sessions.confirmed
	st.Resting = s.sessions.arena.Len()
	st.Awake = st.Sessions - st.Resting
	return st
}

// LaneStats counts what the plain lane has seen.
func (s *Server) LaneStats() coap.LaneStats { return s.lane.Stats() }
