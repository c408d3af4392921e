package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

// digest is the SHA-256 of an m1.
type digest [sha256.Size]byte

// maxWaiting bounds the transfers that wait for one m2: the same m1 from several ports.
const maxWaiting = 8

// Work is the public-key operations that one m1 needs. Run touches nothing that is shared
// but the Responder and the Authorizer, and may take a millisecond.
type Work struct {
	responder *handshake.Responder
	authorize Authorizer
	rand      io.Reader
	m1        *handshake.M1
	grant     handshake.Grant

	session *Session
	waiting []*coap.Transfer // all that get the answer

	// What Run has found. One of body and code is set.
	body    []byte     // m2, or a sealed refusal
	code    codes.Code // a failure before k1
	client  Client
	result  *handshake.Result // with m2
	refused bool
}

// Run does the work, once.
func (w *Work) Run() {
	accepted, err := w.responder.Open(w.m1)
	if accepted == nil {
		w.code = codes.Unauthorized
		return
	}
	defer accepted.Close()
	if err != nil { // it opened, and names a credential of a form we do not know
		w.refuse(accepted, err)
		return
	}
	w.client, err = w.authorize(accepted.Suite, accepted.Credential)
	if err != nil {
		w.refuse(accepted, err)
		return
	}
	w.grant.Key, w.grant.PSK = w.client.Key, w.client.PSK
	w.body, w.result, err = accepted.Respond(w.rand, w.grant)
	if err != nil {
		w.body, w.code = nil, codes.InternalServerError
	}
}

// refuse seals a refusal: what the Authorizer wants to be told, or nothing but the fact.
func (w *Work) refuse(accepted *handshake.Accepted, reason error) {
	refusal := &handshake.Refusal{Code: handshake.RefusedCredential, Text: "credential not accepted"}
	errors.As(reason, &refusal)
	body, err := accepted.Refuse(w.rand, refusal.Code, refusal.RetryAfter, refusal.Text)
	if err != nil {
		w.code = codes.InternalServerError
		return
	}
	w.body, w.refused = body, true
}

// receivePlain serves the plain lane.
func (s *Server) receivePlain(now time.Time, from netip.AddrPort, datagram []byte, out *Outbox) {
	t := s.lane.Receive(now, from, datagram, &s.scrap)
	s.flushPlain(from, out)
	if t != nil {
		s.begin(now, t, out)
	}
}

func (s *Server) flushPlain(to netip.AddrPort, out *Outbox) {
	for i := range s.scrap.Len() {
		b := s.scrap.Datagram(i)
		s.stats.Plain.sent(len(b))
		out.add(to, b)
	}
	s.scrap.Reset()
}

// begin takes a complete m1: cheap things first.
func (s *Server) begin(now time.Time, t *coap.Transfer, out *Outbox) {
	m1, err := handshake.ParseM1(t.Body())
	if err != nil {
		s.fail(now, t, codes.BadRequest, out)
		return
	}
	if !s.responder.Knows(m1) {
		s.fail(now, t, codes.Unauthorized, out)
		return
	}
	sum := digest(sha256.Sum256(t.Body()))
	if known := s.pending[sum]; known != nil {
		s.repeat(now, known, t, out)
		return
	}
	session := &Session{
		peer: t.From(), prefix: prefixOf(t.From().Addr()), digest: sum,
		proven: t.Proven(), timer: -1,
	}
	room := s.makeRoom(session)
	if !room && !session.proven && len(s.sessions.byID) < s.cfg.MaxSessions { // its place may be a forger's
		s.lane.Demand(now, t, &s.scrap)
		s.flushPlain(t.From(), out)
		return
	}
	if !room || s.sessions.reserve(s.cfg.Rand, session) != nil {
		s.fail(now, t, codes.ServiceUnavailable, out)
		return
	}
	s.sessions.enterHalfOpen(session)
	s.pending[sum] = session
	session.work = s.newWork(now, session, m1, t)
	s.events = append(s.events, Event{Kind: EventWork, Work: session.work})
}

func (s *Server) newWork(now time.Time, session *Session, m1 *handshake.M1, t *coap.Transfer) *Work {
	id := session.id.Append(nil)
	return &Work{
		responder: s.responder,
		authorize: s.cfg.Authorize,
		rand:      s.cfg.Rand,
		m1:        m1,
		grant: handshake.Grant{
			ConnectionID: id,
			ResetToken:   s.resetToken(id),
			Parameters: handshake.Parameters{
				MaxUDPPayload: uint16(s.cfg.MaxUDPPayload),
				IdleTimeout:   s.cfg.IdleTimeout,
				Echo:          s.cfg.Echo.AppendLong(nil, now, t.From().Addr()),
			},
		},
		session: session,
		waiting: []*coap.Transfer{t},
	}
}

// resetToken is that of docs/protocol.md section 11.
func (s *Server) resetToken(id []byte) (token [16]byte) {
	mac := hmac.New(sha256.New, s.cfg.ResetKey[:])
	mac.Write(id)
	copy(token[:], mac.Sum(nil))
	return token
}

// fail answers once and forgets the entry.
func (s *Server) fail(now time.Time, t *coap.Transfer, code codes.Code, out *Outbox) {
	s.stats.Failed++
	s.lane.Refuse(now, t, code, &s.scrap)
	s.flushPlain(t.From(), out)
}

// repeat gives an m1 that has come before the m2 that it had got, or will get.
func (s *Server) repeat(now time.Time, session *Session, t *coap.Transfer, out *Outbox) {
	s.stats.Repeated++
	if session.m2 != nil {
		s.lane.Answer(now, t, session.m2, &s.scrap)
		s.flushPlain(t.From(), out)
		return
	}
	if w := session.work; len(w.waiting) < maxWaiting {
		w.waiting = append(w.waiting, t)
	}
}

// makeRoom keeps the half-open sessions within their bounds. A full table gives up its oldest
// session of an unproven address before it turns another away, and a network with its full
// share gives one up for a proven address: its share may be a stranger's who forges addresses.
func (s *Server) makeRoom(session *Session) bool {
	if len(s.sessions.byID) >= s.cfg.MaxSessions {
		return false
	}
	var oldest *Session
	switch {
	case s.sessions.byPrefix[session.prefix] >= max(1, s.cfg.MaxHalfOpen/halfOpenSharePrefixes):
		if !session.proven {
			return false
		}
		oldest = s.sessions.oldestUnproven(session.prefix)
	case s.sessions.halfOpen < s.cfg.MaxHalfOpen:
		return true
	default:
		oldest = s.sessions.oldestUnproven(netip.Prefix{})
	}
	if oldest == nil {
		return false
	}
	s.stats.Expired++
	s.remove(oldest, ErrHandshakeTimeout)
	return true
}

// Done takes finished work back and answers all who wait for it.
func (s *Server) Done(now time.Time, w *Work, out *Outbox) {
	session := w.session
	session.work = nil
	if session.state == gone {
		return
	}
	if w.result != nil {
		s.open(now, w)
	} else {
		s.remove(session, nil)
	}
	for _, t := range w.waiting {
		if w.body == nil {
			s.fail(now, t, w.code, out)
			continue
		}
		s.lane.Answer(now, t, w.body, &s.scrap)
		s.flushPlain(t.From(), out)
	}
	if w.refused {
		s.stats.Refused++
	}
}

// open installs the keys of a session before its m2 leaves.
func (s *Server) open(now time.Time, w *Work) {
	session := w.session
	ch, err := newChannel(w.result, record.ConnectionID{}, session.id, coap.Config{
		Rand:       s.cfg.Rand,
		Forward:    s.cfg.Forward,
		MaxMessage: payloadLimit(s.cfg.MaxUDPPayload, w.result.Peer),
		MaxBody:    s.cfg.MaxBody,
		Stream:     s.cfg.Stream,
	}, &s.scrap)
	if err != nil {
		w.body, w.code = nil, codes.InternalServerError
		s.remove(session, nil)
		return
	}
	session.ch, session.client, session.result = ch, w.client, w.result
	session.state, session.m2 = halfOpen, w.body
	session.heard, session.expires = now, now.Add(halfOpenTimeout)
	s.stats.HalfOpened++
	s.timers.set(session, session.expires)
}

// Busy marks work that will not be run for lack of time; it is given to Done instead.
func (w *Work) Busy() { w.code = codes.ServiceUnavailable }
