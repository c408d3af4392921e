package vectors

import (
	"errors"
	"slices"
	"time"

	"github.com/pqcoap/pqcoap/conformance/reference"
	"github.com/pqcoap/pqcoap/handshake"
)

// toResumer makes m1r and checks that all randomness was used.
func toResumer(d *ResumingDevice) (*handshake.Resumer, error) {
	state, err := handshake.ParseResumptionState(d.State)
	if err != nil {
		return nil, err
	}
	full := DeviceSide{SeedC: d.SeedC, PSKID: d.PSKID, PSK: d.PSK}
	cfg := handshake.ResumerConfig{
		Suite: state.Suite, Server: state.Fingerprint(), PSK: toPSK(&full),
		Parameters: toParameters(d.Parameters), Ephemeral: d.SeedE != nil,
	}
	if d.SeedC != nil {
		if cfg.Key, err = handshake.NewPrivateKey(state.Suite, d.SeedC); err != nil {
			return nil, err
		}
	}
	random := newStream(d.NonceC, d.SeedE)
	r, err := handshake.NewResumer(random, state, cfg)
	if err != nil {
		return nil, err
	}
	return r, random.used()
}

// toResumption opens m1r.
func toResumption(suite byte, s *ResumingServer, m1r []byte) (*handshake.Resumption, error) {
	key, err := handshake.NewPrivateKey(handshake.Suite(suite), s.Seed)
	if err != nil {
		return nil, err
	}
	keys, err := handshake.ParseTicketKeys(s.TicketKeys)
	if err != nil {
		return nil, err
	}
	m, err := handshake.ParseM1R(m1r)
	if err != nil {
		return nil, err
	}
	return handshake.NewResponder(key.Identity()).OpenResumption(time.Unix(s.Now, 0), m, keys, s.limits(lifetime))
}

func (s *ResumingServer) limits(lifetime uint64) handshake.Limits {
	return handshake.Limits{
		Lifetime: time.Duration(lifetime) * time.Second,
		Small:    s.Limits.Small, SmallAge: time.Duration(s.Limits.SmallAge) * time.Second,
	}
}

func replayResumption(v *Resumption) error {
	r, err := toResumer(&v.Device)
	if err != nil {
		return err
	}
	a, err := toResumption(v.Suite, &v.Server, v.Trace.M1)
	if err != nil {
		return err
	}
	grant := handshake.Grant{
		PSK:          toPSK(&DeviceSide{PSKID: v.Device.PSKID, PSK: v.Device.PSK}),
		ConnectionID: v.Server.ConnectionID, ResetToken: [16]byte(v.Server.ResetToken),
		Parameters: toParameters(v.Server.Parameters), Policy: v.NewTicket.Contents.Policy,
	}
	if v.PkC != nil {
		if grant.Key, err = handshake.ParsePublicKey(a.Suite, v.PkC); err != nil {
			return err
		}
	}
	random := newStream(v.Server.NonceS, v.Server.RandomE)
	m2r, server, err := a.Respond(random, grant)
	if err != nil {
		return err
	}
	device, err := r.Finish(v.Trace.M2)
	if err != nil {
		return err
	}
	t := &v.Trace
	full := Handshake{Server: ServerSide{ConnectionID: v.Server.ConnectionID, ResetToken: v.Server.ResetToken}, Trace: reference.Trace{
		CAp: t.CAp, SAp: t.SAp, Exporter: t.Exporter, Resumption: t.Resumption, SessionID: t.SessionID,
	}}
	return errors.Join(v.Header.expect(nil), random.used(), same("m1r", r.M1R(), t.M1), same("m2r", m2r, t.M2),
		equal("mode at the server", a.Credential.Mode, handshake.Mode(v.Mode)), equal("mode at the device", device.Mode, handshake.Mode(v.Mode)),
		equal("policy", a.Policy, v.Contents.Policy), equal("small", a.Small, v.Device.SeedE == nil),
		sameParameters(device.Peer, v.Server.Parameters), sameParameters(server.Peer, v.Device.Parameters),
		full.results(device, server), v.newTicket(server))
}

// newTicket compares the ticket of the new session.
func (v *Resumption) newTicket(server *handshake.Result) error {
	keys, err := handshake.ParseTicketKeys(v.Server.TicketKeys)
	if err != nil {
		return err
	}
	random := newStream(v.NewTicket.Nonce)
	issued, err := keys.Issue(random, time.Unix(v.Server.Now, 0), server, v.Server.limits(v.NewTicket.Lifetime))
	if err != nil {
		return err
	}
	return errors.Join(random.used(), same("NewTicket", issued.Append(nil), v.NewTicket.Message))
}

func replayM1R(v *M1R) error {
	a, err := toResumption(v.Suite, &v.Server, v.M1R)
	if err := v.Header.expect(err); err != nil || a == nil {
		return err
	}
	var refusal *handshake.Refusal
	if errors.As(err, &refusal) != (v.Refusal != 0) || refusal != nil && uint64(refusal.Code) != v.Refusal {
		return equal("refusal", err, nil)
	}
	return errors.Join(
		equal("mode", a.Credential.Mode, handshake.Mode(v.Mode)),
		same("identifier", a.Credential.ID[:], slices.Concat(v.ID, make(Hex, 16-len(v.ID)))),
		sameParameters(a.Parameters, *v.Parameters))
}

func replayM2R(v *M2R) error {
	r, err := toResumer(&v.Device)
	if err != nil {
		return err
	}
	if err := same("m1r", r.M1R(), v.M1R); err != nil {
		return err
	}
	res, err := r.Finish(v.Answer)
	if err := v.Header.expect(err); err != nil {
		return err
	}
	var refused *handshake.Refusal
	if errors.As(err, &refused) {
		return v.Refusal.compare(refused)
	}
	if v.Session == nil {
		return nil
	}
	s := v.Session
	return errors.Join(equal("mode", res.Mode, handshake.Mode(v.Mode)),
		same("cid_S", res.ConnectionID, s.ConnectionID), same("reset_token", res.ResetToken[:], s.ResetToken),
		sameParameters(res.Peer, s.Parameters), same("session_id", res.SessionID[:], s.SessionID),
		same("c_ap", res.SendSecret, s.CAp), same("s_ap", res.ReceiveSecret, s.SAp))
}

func (v *Object) replayResumptionObject() error {
	switch v.Object {
	case "ticket-keys":
		k, err := handshake.ParseTicketKeys(v.Bytes)
		if err := v.Header.expect(err); err != nil || v.Expect != OK {
			return err
		}
		return same("object", k.Append(nil), v.Bytes)
	case "resumption":
		return v.replayState()
	}
	n, err := handshake.ParseNewTicket(v.Bytes)
	if err := v.Header.expect(err); err != nil || v.Expect != OK {
		return err
	}
	return errors.Join(same("ticket", n.Ticket, v.Ticket),
		equal("lifetime", n.Lifetime, time.Duration(v.Lifetime)*time.Second),
		equal("small", n.Small, time.Duration(v.Small)*time.Second))
}

func (v *Object) replayState() error {
	s, err := handshake.ParseResumptionState(v.Bytes)
	if err := v.Header.expect(err); err != nil || v.Expect != OK {
		return err
	}
	fingerprint := s.Fingerprint()
	return errors.Join(same("object", s.Append(nil), v.Bytes), same("fingerprint", fingerprint[:], v.State.Fingerprint),
		equal("suite", s.Suite, handshake.Suite(v.State.Suite)), equal("mode", s.Mode, handshake.Mode(v.State.Mode)),
		equal("expires", s.Expires.Unix(), int64(v.State.Expires)), equal("small until", s.SmallUntil.Unix(), int64(v.State.SmallUntil)))
}
