package session

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/record"
)

// digest is the SHA-256 of an m1.
type digest [sha256.Size]byte

// maxWaiting bounds the transfers that wait for one m2: the same m1 from several ports.
const maxWaiting = 8

// Work is the public-key operations that one m1 needs. Run touches nothing that is shared
// but the Responder and the Authorizer, and may take a millisecond.
type Work struct {
	handshake.Unprintable
	responder *handshake.Responder
	authorize Authorizer
	rand      io.Reader
	m1        *handshake.M1  // or
	m1r       *handshake.M1R // a resumption
	tickets   *handshake.TicketKeys
	arrivals  *arrivals
	limits    handshake.Limits
	now       time.Time
	grant     handshake.Grant

	resumption *handshake.Resumption // m1r, opened
	barred     error                 // it can only be refused

	session *Session
	waiting []asker // all that get the answer

	// What Run has found. One of body and code is set.
	body       []byte     // m2, or a sealed refusal
	code       codes.Code // a failure before k1
	client     Client
	credential handshake.ClientCredential
	result     *handshake.Result     // with m2
	ticket     []byte                // for the session after this one
	suite      handshake.Suite       // with reason
	reason     error                 // of a sealed refusal, for the operator
	refusal    handshake.RefusalCode // with reason
	overloaded bool                  // refused for what the device has opened already
}

// Class and From say which of the work is next; From is where its m1 came from.
func (w *Work) Class() admission.Class { return w.session.class }

// From is where the m1 came from.
func (w *Work) From() netip.Addr { return w.session.from.Addr() }

// An opened is an m1 or m1r that opened.
type opened interface {
	Respond(rand io.Reader, g handshake.Grant) ([]byte, *handshake.Result, error)
	Refuse(rand io.Reader, code handshake.RefusalCode, retryAfter time.Duration, text string) ([]byte, error)
	Close()
}

// Run does the work, once.
func (w *Work) Run() {
	if r := w.resumption; r != nil {
		w.answer(r, r.Suite, r.Credential, w.barred)
		return
	}
	accepted, err := w.responder.Open(w.m1)
	if accepted == nil {
		w.code = codes.Unauthorized
		return
	}
	w.answer(accepted, accepted.Suite, accepted.Credential, err)
}

// answer makes m2 or m2r, or a refusal where the message opened and cannot be granted.
func (w *Work) answer(m opened, suite handshake.Suite, credential handshake.ClientCredential, err error) {
	defer m.Close()
	w.credential = credential
	if err == nil {
		w.client, err = w.authorize(suite, credential)
	}
	if err == nil {
		if refusal := w.arrivals.refuse(w.now, w.client.Name, w.session.prefix); refusal != nil {
			err, w.overloaded = refusal, true
		}
	}
	if err != nil {
		w.refuse(m, suite, err)
		return
	}
	w.grant.Key, w.grant.PSK = w.client.Key, w.client.PSK
	w.body, w.result, err = m.Respond(w.rand, w.grant)
	switch {
	case errors.Is(err, handshake.ErrStale):
		w.refuse(m, suite, &handshake.Refusal{Code: handshake.RefusedTicket, Text: "the credential has changed"})
	case err != nil:
		w.body, w.code = nil, codes.InternalServerError
	case w.tickets != nil:
		if t, err := w.tickets.Issue(w.rand, w.now, w.result, w.limits); err == nil { // else it does without
			w.ticket = t.Append(nil)
		}
	}
}

// receivePlain serves the plain lane.
func (s *Server) receivePlain(now time.Time, from netip.AddrPort, at netip.Addr, datagram []byte, out *Outbox) {
	t := s.lane.Receive(now, from, datagram, &s.scrap)
	s.flushPlain(from, at, out)
	if t != nil {
		s.begin(now, asker{t, at, s.cfg.Shard}, out)
	}
}

func (s *Server) flushPlain(to netip.AddrPort, from netip.Addr, out *Outbox) {
	for i := range s.scrap.Len() {
		b := s.scrap.Datagram(i)
		s.stats.Plain.sent(len(b))
		out.add(to, from, b)
	}
	s.scrap.Reset()
}

// An asker is who has sent an m1.
type asker struct {
	transfer *coap.Transfer
	at       netip.Addr // of ours, where it has come to
	shard    int        // that has the transfer
}

// begin takes a complete m1: cheap things first.
func (s *Server) begin(now time.Time, from asker, out *Outbox) {
	t := from.transfer
	work, code := s.parse(t.Body())
	if code != 0 {
		s.fail(now, from, code, out)
		return
	}
	sum := digest(sha256.Sum256(t.Body()))
	if known, found := s.pending.get(sum); found {
		s.repeat(now, known, from, out)
		return
	}
	if home := s.cfg.Group.claim(sum, s.cfg.Shard); home != s.cfg.Shard { // a device that changes port
		s.notify(home, Notice{kind: noticeRepeat, digest: sum, asker: from})
		return
	}
	if !s.openTicket(now, work, t) {
		s.cfg.Group.disclaim(sum)
		s.fail(now, from, codes.Unauthorized, out)
		return
	}
	session := newSession()
	session.from, session.prefix, session.proven = t.From(), admission.Network(t.From().Addr()), t.Proven()
	session.class, session.serial, session.asked = s.classOf(now, work, t), s.cfg.Group.begun.Add(1), now
	session.at = from.at
	if ok, demand := s.place(now, session); !ok {
		s.cfg.Group.disclaim(sum)
		work.drop()
		s.turnAway(now, from, demand, out)
		return
	}
	s.sessions.enterHalfOpen(session)
	session.token = s.resetToken(s.cfg.Era, session.id)
	session.greeting = &greeting{digest: sum, work: s.prepare(now, work, session, from)}
	s.pending.set(sum, session.greeting)
	s.emit(Event{Kind: EventWork, Work: work})
}

// parse reads an m1 or m1r as far as that costs nothing; code is not 0 where it is neither, or
// of a key that the server does not have.
func (s *Server) parse(body []byte) (w *Work, code codes.Code) {
	if m1r, err := handshake.ParseM1R(body); err == nil {
		if s.cfg.Tickets == nil || !s.cfg.Tickets.Knows(m1r) {
			return nil, codes.Unauthorized
		}
		return &Work{m1r: m1r}, 0
	}
	m1, err := handshake.ParseM1(body)
	switch {
	case err != nil:
		return nil, codes.BadRequest
	case !s.responder.Knows(m1):
		return nil, codes.Unauthorized
	}
	return &Work{m1: m1}, 0
}

// prepare adds what Run needs.
func (s *Server) prepare(now time.Time, w *Work, session *Session, from asker) *Work {
	w.responder, w.authorize, w.rand = s.responder, s.cfg.Authorize, s.cfg.Rand
	w.tickets, w.limits, w.now, w.arrivals = s.cfg.Tickets, s.cfg.Limits, now, s.gate.arrivals
	w.grant = handshake.Grant{
		ConnectionID: session.id.Append(nil),
		ResetToken:   session.token,
		Parameters: handshake.Parameters{
			MaxUDPPayload: uint16(s.cfg.MaxUDPPayload),
			IdleTimeout:   s.cfg.IdleTimeout,
			Echo:          s.cfg.Echo.AppendLong(nil, now, session.from.Addr()),
		},
	}
	if w.m1r != nil {
		w.grant.Parameters = sparse(w.grant.Parameters, DefaultIdleTimeout)
	}
	w.session, w.waiting = session, []asker{from}
	return w
}

// repeat gives an m1 that has come before the m2 that it had got, or will get.
func (s *Server) repeat(now time.Time, known *greeting, from asker, out *Outbox) {
	s.stats.Repeated++
	if known.m2 != nil {
		s.reply(now, from, known.m2, 0, out)
		return
	}
	if w := known.work; len(w.waiting) < maxWaiting {
		w.waiting = append(w.waiting, from)
	}
}

// Done takes finished work back and answers all who wait for it.
func (s *Server) Done(now time.Time, w *Work, out *Outbox) {
	session := w.session
	if session.state == gone {
		return
	}
	session.greeting.work = nil
	if w.result != nil {
		s.open(now, w)
	} else {
		s.remove(session, nil)
	}
	for _, to := range w.waiting {
		s.reply(now, to, w.body, w.code, out)
	}
	if w.reason != nil {
		s.refusedWork(w)
	}
	s.stats.OverDevice += count(w.overloaded)
	if w.m1 != nil && w.code == codes.Unauthorized && session.proven {
		s.stats.Junk++
		s.gate.junk.Charge(now, session.from.Addr())
	}
}

// open installs the keys of a session before its m2 leaves.
func (s *Server) open(now time.Time, w *Work) {
	session := w.session
	ch, err := newChannel(now, w.result, record.ConnectionID{}, session.id, s.cfg.coapConfig(w.result.Peer.MaxUDPPayload), s.cfg.Update, &s.scrap)
	if err != nil {
		w.body, w.code = nil, codes.InternalServerError
		s.remove(session, nil)
		return
	}
	ch.path, ch.at = session.origin(), session.at
	session.ch, session.ticket = ch, w.ticket
	session.name, session.mark, session.credential = w.client.Name, markOf(w.client), w.credential.Reference(w.client.Key)
	session.suite, session.sessionID, session.until = w.result.Suite, w.result.SessionID, w.client.Until
	session.payload, session.idle = w.result.Peer.MaxUDPPayload, w.result.Peer.IdleTimeout
	w.result.Wipe()
	session.state, session.greeting.m2 = halfOpen, w.body
	if session.resumed = w.m1r != nil; !session.resumed {
		session.keyID = w.m1.KeyID
	}
	session.heard, session.expires = now, now.Add(halfOpenTimeout)
	s.stats.HalfOpened++
	s.enter(session)
	s.timers.Set(now, &session.timer, session.expires)
}

// Busy marks work that will not be run for lack of time; it is given to Done instead.
func (w *Work) Busy() {
	w.drop()
	w.code = codes.ServiceUnavailable
}

// drop wipes what work holds that is not run.
func (w *Work) drop() {
	if w.resumption != nil {
		w.resumption.Close()
	}
}
