package session

import (
	"io"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/record"
)

// A Client is a device as the server's policy knows it.
type Client struct {
	Name string               // empty in mode none
	Key  *handshake.PublicKey // mode kem
	PSK  *handshake.PSK       // mode psk
	// Until is when the Authorizer has to be asked again: see EventDue. Zero: never.
	Until time.Time
}

// An Authorizer decides about the credential that a sealed_1 named: where that has a Token, it
// verifies that, and returns the key in it. Once a session is open, and to resume one, it is
// asked by DeviceID. It runs off the packet loop, many at once. An error that is a *handshake.Refusal says what the device is told;
// any other error is told as "credential not accepted".
type Authorizer func(suite handshake.Suite, c handshake.ClientCredential) (Client, error)

// Default limits of a ServerConfig.
const (
	DefaultMaxHalfOpen = 4096
	DefaultMaxSessions = 1 << 20
	DefaultIdleTimeout = 48 * time.Hour // docs/protocol.md section 15
	halfOpenTimeout    = 60 * time.Second
	digestMemory       = 60 * time.Second // after confirmation
	busyRetry          = 5 * time.Second
)

// DefaultLimits of resumption (docs/protocol.md section 15).
var DefaultLimits = handshake.Limits{Lifetime: 30 * 24 * time.Hour, Small: 16, SmallAge: 7 * 24 * time.Hour}

// ServerConfig is what a Server needs. The secrets are random and outlive restarts.
type ServerConfig struct {
	handshake.Unprintable
	Identities []handshake.Identity // of the suites offered; see [handshake.NewResponder] for their order
	Authorize  Authorizer
	Rand       io.Reader

	Echo       *coap.EchoKeys
	AlwaysEcho bool
	ResetKey   [32]byte
	Era        uint32 // counts the starts of the server under one ResetKey

	Tickets *handshake.TicketKeys // nil: sessions cannot be resumed
	Limits  handshake.Limits      // of resumption; zero: DefaultLimits
	Update  Update

	MaxUDPPayload int                     // bytes; 0: MaxUDPPayload
	MaxBody       int                     // of a request, bytes; 0: coap's default
	Forward       bool                    // see [coap.Config]
	Stream        func(*coap.Message) int // see [coap.Config]; may be nil
	MaxHalfOpen   int                     // 0: DefaultMaxHalfOpen
	MaxSessions   int                     // 0: DefaultMaxSessions
	IdleTimeout   time.Duration           // 0: DefaultIdleTimeout

	Admission admission.Config // zero: admission.Default

	pool *coap.Pool // of all sessions
}

func (c *ServerConfig) setDefaults() {
	if c.MaxUDPPayload == 0 {
		c.MaxUDPPayload = MaxUDPPayload
	}
	if c.MaxHalfOpen == 0 {
		c.MaxHalfOpen = DefaultMaxHalfOpen
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = DefaultMaxSessions
	}
	if c.Limits == (handshake.Limits{}) {
		c.Limits = DefaultLimits
	}
	if c.Admission == (admission.Config{}) {
		c.Admission = admission.Default
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = DefaultIdleTimeout
	}
	c.pool = new(coap.Pool)
}

// coapConfig is that of a session with a device of these parameters.
func (c *ServerConfig) coapConfig(peer handshake.Parameters) coap.Config {
	return coap.Config{
		Rand:       c.Rand,
		MaxMessage: payloadLimit(c.MaxUDPPayload, peer),
		MaxBody:    c.MaxBody,
		Stream:     c.Stream,
		Forward:    c.Forward,
		Pool:       c.pool,
	}
}

// A Server is all sessions of one UDP port, at the side that answers.
type Server struct {
	handshake.Unprintable
	cfg       ServerConfig
	responder *handshake.Responder
	public    *public
	lane      *coap.Lane
	sessions  sessionTable
	pending   map[digest]*Session // by m1, while its m2 is remembered
	gate      gate
	begun     uint64 // sessions, ever
	timers    timerHeap
	scrap     coap.Batch
	events    []Event
	next      int
	stats     ServerStats
}

// NewServer makes a server without sessions.
func NewServer(cfg ServerConfig) *Server {
	cfg.setDefaults()
	s := &Server{
		cfg:      cfg,
		sessions: newSessionTable(cfg.Rand),
		gate:     newGate(&cfg.Admission, cfg.Rand),
		pending:  make(map[digest]*Session),
	}
	s.lane = coap.NewLane(coap.LaneConfig{
		Echo:       cfg.Echo,
		AlwaysEcho: cfg.AlwaysEcho,
		Get:        s.Public,
		Answer:     s.gate.answers.Take,
	})
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

// Receive takes a datagram and changes it in place.
func (s *Server) Receive(now time.Time, from netip.AddrPort, datagram []byte, out *Outbox) {
	switch {
	case len(datagram) > 0 && isPlain(datagram[0]):
		s.stats.Plain.received(len(datagram))
		s.receivePlain(now, from, datagram, out)
	case len(datagram) > 0 && isRecord(datagram[0]):
		s.stats.Records.received(len(datagram))
		s.receiveRecords(now, from, datagram, out)
	default:
		s.stats.Dropped++
	}
}

// receiveRecords gives a datagram to the session that its first record names.
func (s *Server) receiveRecords(now time.Time, from netip.AddrPort, datagram []byte, out *Outbox) {
	id, ok := record.PeekConnectionID(datagram)
	session := s.sessions.get(id)
	if !ok || session == nil || session.ch == nil {
		s.stats.UnknownID++
		if ok && session == nil {
			s.reset(now, from, id, len(datagram), out)
		}
		return
	}
	got := session.ch.receive(now, from, datagram)
	s.stats.Rejected += uint64(got.rejected)
	s.stats.Replayed += uint64(got.replayed)
	if got.opened == 0 {
		return
	}
	if session.state == halfOpen && !s.confirm(now, session, out) {
		return
	}
	session.heard = now
	if session.Listen {
		session.Listen = false
		s.events = append(s.events, Event{Kind: EventHeard, Session: session})
	}
	s.settle(now, session, true, out)
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
		s.timers.set(session, session.deadline(s.cfg.IdleTimeout))
	}
}

// Close ends all sessions and tells their devices.
func (s *Server) Close(now time.Time, out *Outbox) {
	for _, session := range s.sessions.all() {
		if session.state == confirmed {
			session.ch.close(now, out, &s.stats.Records)
		}
		s.remove(session, ErrClosed)
	}
}

// Deadline is when Advance has to be called next; zero if never.
func (s *Server) Deadline() time.Time {
	return earliest(s.lane.Deadline(), s.timers.earliest())
}

// Advance does what was due at Deadline.
func (s *Server) Advance(now time.Time, out *Outbox) {
	s.lane.Advance(now)
	for {
		session := s.timers.due(now)
		if session == nil {
			return
		}
		s.advance(now, session, out)
	}
}

// advance does what is due for one session.
func (s *Server) advance(now time.Time, session *Session, out *Outbox) {
	if session.m2 != nil && !session.forgetAt.IsZero() && !now.Before(session.forgetAt) {
		s.forget(session)
	}
	switch {
	case session.state == halfOpen && !now.Before(session.expires):
		s.stats.Expired++
		s.refusedSession(session)
		s.remove(session, ErrHandshakeTimeout)
	case session.state == confirmed && !now.Before(session.idleAt(s.cfg.IdleTimeout)):
		s.remove(session, errIdle)
	case session.state == confirmed && session.lapsed(now):
		session.until = time.Time{}
		s.events = append(s.events, Event{Kind: EventDue, Session: session})
		s.settle(now, session, false, out)
	case !session.retireAt.IsZero() && !now.Before(session.retireAt):
		session.ch.close(now, out, &s.stats.Records)
		s.remove(session, errReplaced)
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
	return st
}

// LaneStats counts what the plain lane has seen.
func (s *Server) LaneStats() coap.LaneStats { return s.lane.Stats() }
