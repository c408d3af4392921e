package session

import (
	"errors"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/handshake"
)

// Reasons of a Refused that has no other. Nothing of them goes on the wire.
var (
	ErrNotM1     = errors.New("not a handshake message")
	ErrNotOpened = errors.New("for no key of this server, or it does not open")
	ErrNoRoom    = errors.New("no room for a session, or no time for its keys")
	ErrNoRecord  = errors.New("no first record: gone, or without the key of its credential")
	errInternal  = errors.New("the answer could not be made")
)

// A Refused is a handshake that has led to no session, for the server's operator.
type Refused struct {
	From       netip.AddrPort
	Device     string          // that it is said to be; empty: not known
	Suite      handshake.Suite // 0: not known
	Credential handshake.ClientCredential
	Reason     error
}

// refused tells the operator of a refusal.
func (s *Server) refused(r Refused) {
	s.emit(Event{Kind: EventRefused, Refused: &r})
}

// refusedWork tells of work that has made a sealed refusal.
func (s *Server) refusedWork(w *Work) {
	s.stats.Refused++
	s.stats.RefusedBy.add(w.refusal)
	s.refused(Refused{
		From: w.session.from, Device: w.client.Name, Suite: w.suite, Credential: w.credential, Reason: w.reason,
	})
}

// refusedSession tells of a session that no record has confirmed in time.
func (s *Server) refusedSession(one *Session) {
	s.refused(Refused{
		From: one.from, Device: one.name, Suite: one.Suite(), Credential: one.credential, Reason: ErrNoRecord,
	})
}

// refuse seals a refusal: what the Authorizer wants to be told, or nothing but the fact.
func (w *Work) refuse(accepted opened, suite handshake.Suite, reason error) {
	refusal := &handshake.Refusal{Code: handshake.RefusedCredential, Text: "credential not accepted"}
	errors.As(reason, &refusal)
	body, err := accepted.Refuse(w.rand, refusal.Code, refusal.RetryAfter, refusal.Text)
	if err != nil {
		w.code = codes.InternalServerError
		return
	}
	w.body, w.suite, w.reason, w.refusal = body, suite, reason, refusal.Code
}

// fail answers once and forgets the entry.
func (s *Server) fail(now time.Time, to asker, code codes.Code, out *Outbox) {
	s.stats.Failed++
	s.stats.FailedBy.add(code)
	reason := errInternal
	switch code {
	case codes.BadRequest:
		reason = ErrNotM1
	case codes.Unauthorized:
		reason = ErrNotOpened
	case codes.ServiceUnavailable:
		reason = ErrNoRoom
	}
	s.refused(Refused{From: to.transfer.From(), Reason: reason})
	s.lane.Refuse(now, to.transfer, code, &s.scrap)
	s.flushPlain(to.transfer.From(), to.at, out)
}

// KeyID is the kid_S by which the device has known the server in its handshake, zero where it has
// resumed, or the session has rested since or was saved.
func (s *Session) KeyID() [8]byte { return s.keyID }

// Resumed tells whether the session has come about by a ticket. It is false where it has rested
// since or was saved.
func (s *Session) Resumed() bool { return s.resumed }
