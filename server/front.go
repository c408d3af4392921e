package server

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/server/audit"
	"github.com/pqcoap/pqcoap/server/identity"
	"github.com/pqcoap/pqcoap/server/registry"
)

// An identityState is what the server of a folder has for who is who. Without a folder it is zero.
type identityState struct {
	front    *identity.Handler // before the application
	renewals renewals
	tried    time.Time // when upkeep has last looked whether something is to be renewed
}

// beginIdentity returns what serves sessions: the application, in a folder's server behind the front.
func (s *Server) beginIdentity() coap.Handler {
	dir := s.cfg.dir
	if dir == nil {
		return s.cfg.Handler
	}
	s.identity.front = identity.New(identity.Config{
		Application: s.cfg.Handler, Allows: dir.allows, Server: s.credential, Enroll: s.enroll, Renew: s.renew, Log: s.log,
	})
	return s.identity.front
}

// credential is the server's own, for a device that asks in a session. Who has got the pinned form
// knows the server by the current key from then on.
func (s *Server) credential(device string, query []string) (body []byte, format message.MediaType, found bool) {
	one := s.all()[0] // they all have the same
	one.mu.Lock()
	body, format, found = one.engine.Public([]string{"hs"}, query)
	one.mu.Unlock()
	if cred, err := handshake.ParseServerCredential(body); device != "" && found && err == nil {
		s.cfg.dir.Devices.Met(device, time.Now(), cred.KeyID())
	}
	return body, format, found
}

// entered notes that a device has opened a session, and by which key of the server.
func (s *Server) entered(now time.Time, one *session.Session) {
	s.auditOpen(now, one)
	if dir := s.cfg.dir; dir != nil && one.Mode() != handshake.ModeNone && !isEnrolling(one.Device()) {
		dir.Devices.Met(one.Device(), now, dir.standing.Load().pins[one.KeyID()])
	}
}

// left notes when a device was last heard whose session has ended.
func (s *Server) left(one *session.Session) {
	if dir := s.cfg.dir; dir != nil && one.Mode() != handshake.ModeNone && !isEnrolling(one.Device()) {
		dir.Devices.Seen(one.Device(), one.Heard())
	}
}

// enroll takes the key of a device that has brought a code.
func (s *Server) enroll(r *coap.Request, code [16]byte, key *handshake.PublicKey) (*identity.Answer, error) {
	now := time.Now()
	device, err := s.cfg.dir.Devices.Redeem(code, key, now)
	of := audit.Device{Suite: key.Suite(), Credential: handshake.ClientCredential{Mode: handshake.ModeKEM, ID: key.DeviceID()}}
	if err != nil {
		if errors.Is(err, registry.ErrFile) || errors.Is(err, registry.ErrClosed) {
			return nil, err
		}
		s.audit.Load().Refused(now, r.Remote, of, "enrolment: "+err.Error())
		return nil, fmt.Errorf("%w: %w", identity.ErrDenied, err)
	}
	of.Name = device.Name
	s.audit.Load().Redeemed(now, r.Remote, of)
	answer, err := s.cfg.dir.answer(now, device)
	if err != nil { // it is enrolled all the same, and can renew
		s.log.Error("device is enrolled without a credential", "device", device.Name, "error", err)
	}
	answer.Name = device.Name
	return &answer.Answer, nil
}

// An issued is what a device gets to know, and what its credential says, where it gets one.
type issued struct {
	identity.Answer
	claims *cwt.Claims
}

// answer says whom the server's own credential is of, and has a credential where the same authority
// issues here. The registry knows of that before the device does: who is removed or revoked cannot
// come with it.
func (d *Dir) answer(now time.Time, device *registry.Device) (a issued, err error) {
	st, settings := d.standing.Load(), d.settings()
	own, ok := st.tokens[device.Suite]
	if !ok {
		return a, nil
	}
	a.Authority, a.Issuer, a.Server = own.Trust.Key.Bytes(), own.Trust.Issuer, own.Claims.Subject
	if !settings.Authority.MayIssue || st.ca.Issuer == nil || own.Trust != st.ca.Own {
		return a, nil
	}
	token, claims, err := st.ca.Issue(now, cwt.UsageDevice, device.Name, device.PublicKey, settings.Authority.deviceLifetime())
	if err != nil {
		return a, err
	}
	if _, err := d.Devices.Learn(credentialOf(claims, own.Trust)); err != nil {
		return a, err
	}
	a.Token, a.claims = token, claims
	return a, nil
}

// renew makes a new credential for a device that is enrolled here, or that the same authority has
// vouched for: another authority's device would get more than that one has given it.
func (s *Server) renew(r *coap.Request) (*identity.Answer, error) {
	now, dir := time.Now(), s.cfg.dir
	device, err := dir.Devices.Get(r.Device)
	switch own := dir.standing.Load().ca.Own; {
	case err != nil:
		return nil, err
	case device.PublicKey == nil || device.State == registry.Suspended || device.State == registry.Revoked:
		return nil, identity.ErrDenied
	case own == nil:
		return nil, identity.ErrUnavailable
	case device.Origin == registry.Authority && device.Authority != own.Key.ID():
		return nil, identity.ErrDenied
	case !s.identity.renewals.take(now, r.Device):
		return nil, identity.ErrTooOften
	}
	made, err := dir.answer(now, device)
	if err != nil {
		return nil, err
	}
	if made.claims == nil {
		return nil, identity.ErrUnavailable
	}
	s.audit.Load().Renewed(now, r.Remote, audit.Device{
		Name: device.Name, Suite: device.Suite,
		Credential: handshake.ClientCredential{Mode: handshake.ModeKEM, ID: device.PublicKey.DeviceID()},
	}, made.claims.Expires)
	return &identity.Answer{Token: made.Token, Authority: made.Authority}, nil
}

// A device gets about one credential in renewEvery: each costs a signature and a write to the disk.
const (
	renewEvery  = time.Minute
	maxRenewals = 1 << 16
)

// renewals are the devices that have renewed lately. The zero value is ready to use.
type renewals struct {
	mu     sync.Mutex
	begun  time.Time
	lately map[string]struct{}
}

// take tells whether a device may renew now.
func (r *renewals) take(now time.Time, device string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lately == nil || now.Sub(r.begun) >= renewEvery {
		r.begun, r.lately = now, map[string]struct{}{}
	}
	if _, again := r.lately[device]; again || len(r.lately) >= maxRenewals {
		return false
	}
	r.lately[device] = struct{}{}
	return true
}
