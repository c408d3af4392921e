package vectors

import (
	"errors"
	"slices"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

func replayHandshake(v *Handshake) error {
	server, err := v.server()
	if err != nil {
		return err
	}
	i, err := toInitiatorOf(v.Suite, server, &v.Device)
	if err != nil {
		return err
	}
	if err := same("m1", i.M1(), v.Trace.M1); err != nil {
		return err
	}
	a, err := toAccepted(v.Suite, v.Server.Seed, v.Trace.M1, v.tokens()...)
	if err != nil {
		return err
	}
	grant, err := v.grant()
	if err != nil {
		return err
	}
	random := newStream(v.Server.RandomE, v.Server.RandomC)
	m2, granted, err := a.Respond(random, grant)
	if err != nil {
		return err
	}
	device, err := i.Finish(v.Trace.M2)
	if err != nil {
		return err
	}
	return errors.Join(v.Header.expect(nil), random.used(),
		same("m2", m2, v.Trace.M2),
		equal("mode at the server", a.Credential.Mode, handshake.Mode(v.Mode)),
		sameParameters(device.Peer, v.Server.Parameters), sameParameters(granted.Peer, v.Device.Parameters),
		same("token at the server", []byte(a.Credential.Token), v.Device.Token),
		v.names(server), v.results(device, granted), v.records(device, granted))
}

// server is what the device trusts: the pinned form, or a token that it has verified.
func (v *Handshake) server() (*handshake.ServerCredential, error) {
	if v.Authority == nil {
		return handshake.ParseServerCredential(v.CredS)
	}
	c, err := verifyToken(v.Authority, v.CredS, wantOf(claimsOf(suites[v.Suite-1], 1)))
	if err != nil {
		return nil, err
	}
	return handshake.NewCertifiedCredential(c.Key, v.CredS)
}

func (v *Handshake) tokens() [][]byte {
	if v.Authority == nil {
		return nil
	}
	return [][]byte{v.CredS}
}

// grant is what the server gives to the device.
func (v *Handshake) grant() (g handshake.Grant, err error) {
	g = handshake.Grant{
		PSK: toPSK(&v.Device), ConnectionID: v.Server.ConnectionID,
		ResetToken: [16]byte(v.Server.ResetToken), Parameters: toParameters(v.Server.Parameters),
	}
	if v.Device.Token != nil {
		c, err := verifyToken(v.Authority, v.Device.Token, wantOf(claimsOf(suites[v.Suite-1], 2)))
		if err != nil {
			return g, err
		}
		g.Key = c.Key
	} else if v.PkC != nil {
		g.Key, err = handshake.ParsePublicKey(handshake.Suite(v.Suite), v.PkC)
	}
	return g, err
}

// names are the digests of section 3.
func (v *Handshake) names(server *handshake.ServerCredential) error {
	fingerprint, kid := server.Fingerprint(), server.KeyID()
	err := errors.Join(same("fingerprint", fingerprint[:], v.Fingerprint), same("kid_S", kid[:], v.KidS))
	if v.PkC == nil {
		return err
	}
	key, keyErr := handshake.NewPrivateKey(handshake.Suite(v.Suite), v.Device.SeedC)
	if keyErr != nil {
		return keyErr
	}
	id := key.Public().DeviceID()
	return errors.Join(err, same("pk_C", key.Public().Bytes(), v.PkC), same("reference", id[:], v.Reference))
}

// results are the secrets on both sides.
func (v *Handshake) results(device, server *handshake.Result) error {
	t := &v.Trace
	return errors.Join(
		same("c_ap at the device", device.SendSecret, t.CAp), same("c_ap at the server", server.ReceiveSecret, t.CAp),
		same("s_ap at the device", device.ReceiveSecret, t.SAp), same("s_ap at the server", server.SendSecret, t.SAp),
		same("exporter at the device", device.Exporter, t.Exporter), same("exporter at the server", server.Exporter, t.Exporter),
		same("resumption at the device", device.Resumption, t.Resumption), same("resumption at the server", server.Resumption, t.Resumption),
		same("session_id at the device", device.SessionID[:], t.SessionID), same("session_id at the server", server.SessionID[:], t.SessionID),
		same("cid_S", device.ConnectionID, v.Server.ConnectionID), same("reset_token", device.ResetToken[:], v.Server.ResetToken))
}

// records seals the first record of either side and opens it at the other.
func (v *Handshake) records(device, server *handshake.Result) error {
	id, err := record.NewConnectionID(device.ConnectionID)
	if err != nil {
		return err
	}
	conn := func(r *handshake.Result, send, receive record.ConnectionID) *record.Conn {
		c, connErr := record.NewConn(record.Config{
			Suite: record.CipherSuite(r.Suite.RecordSuite()), SendSecret: r.SendSecret, ReceiveSecret: r.ReceiveSecret,
			SendID: send, ReceiveID: receive,
		})
		err = errors.Join(err, connErr)
		return c
	}
	d, s := conn(device, id, record.ConnectionID{}), conn(server, record.ConnectionID{}, id)
	if err != nil {
		return err
	}
	return errors.Join(v.DeviceRecord.pass(d, s), v.ServerRecord.pass(s, d))
}

// pass seals at one side and opens at the other.
func (f *FirstRecord) pass(from, to *record.Conn) error {
	b, err := from.Seal(nil, record.ApplicationData, f.Content, true)
	if err != nil {
		return err
	}
	if err := same("first record", b, f.Record); err != nil {
		return err
	}
	r, _, err := to.Open(b)
	return errors.Join(err, same("content", r.Content, f.Content), equal("number", r.Sequence, 0))
}

func replayM1(v *M1) error {
	a, err := toAccepted(v.Suite, v.Seed, v.M1)
	if err := v.Header.expect(err); err != nil || v.Expect != OK {
		return err
	}
	return errors.Join(
		equal("mode", a.Credential.Mode, handshake.Mode(v.Mode)),
		same("token", []byte(a.Credential.Token), v.Token),
		same("identifier", a.Credential.ID[:], slices.Concat(v.ID, make(Hex, 16-len(v.ID)))),
		sameParameters(a.Parameters, *v.Parameters))
}

func replayM2(v *M2) error {
	i, err := toInitiator(v.Suite, v.CredS, &v.Device)
	if err != nil {
		return err
	}
	if err := same("m1", i.M1(), v.M1); err != nil {
		return err
	}
	r, err := i.Finish(v.Answer)
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
	return errors.Join(equal("mode", r.Mode, handshake.Mode(v.Mode)),
		same("cid_S", r.ConnectionID, s.ConnectionID), same("reset_token", r.ResetToken[:], s.ResetToken),
		sameParameters(r.Peer, s.Parameters), same("session_id", r.SessionID[:], s.SessionID),
		same("c_ap", r.SendSecret, s.CAp), same("s_ap", r.ReceiveSecret, s.SAp))
}

// compare compares a refusal with the file's.
func (r *RefusalText) compare(got *handshake.Refusal) error {
	return errors.Join(
		equal("code", got.Code, handshake.RefusalCode(r.Code)),
		equal("retry_after", got.RetryAfter, time.Duration(r.RetryAfter)*time.Second),
		equal("text", got.Text, r.Text))
}

func replayRefusal(v *Refusal) error {
	i, err := toInitiator(v.Suite, v.CredS, &v.Device)
	if err != nil {
		return err
	}
	a, err := toAccepted(v.Suite, v.Seed, i.M1())
	if err != nil {
		return err
	}
	random := newStream(v.NonceR)
	r := &v.Refusal
	answer, err := a.Refuse(random, handshake.RefusalCode(r.Code), time.Duration(r.RetryAfter)*time.Second, r.Text)
	if err != nil {
		return err
	}
	_, err = i.Finish(v.Answer)
	if err := v.Header.expect(err); err != nil {
		return err
	}
	var refused *handshake.Refusal
	errors.As(err, &refused)
	return errors.Join(random.used(), same("m1", i.M1(), v.M1), same("answer", answer, v.Answer), r.compare(refused))
}

func replayObject(v *Object) error {
	switch v.Object {
	case "cred_S":
		return v.replayCredential()
	case "kem-key":
		return v.replayKEMKey()
	case "ticket-keys", "resumption", "new-ticket":
		return v.replayResumptionObject()
	}
	return v.replayPSKKey()
}

func (v *Object) replayCredential() error {
	c, err := handshake.ParseServerCredential(v.Bytes)
	if err := v.Header.expect(err); err != nil || v.Expect != OK {
		return err
	}
	fingerprint, kid := c.Fingerprint(), c.KeyID()
	return errors.Join(equal("suite", c.Suite(), handshake.Suite(v.Suite)), same("cred_S", c.Bytes(), v.Bytes),
		same("fingerprint", fingerprint[:], v.Fingerprint), same("kid_S", kid[:], v.KidS))
}

func (v *Object) replayKEMKey() error {
	k, err := handshake.ParsePrivateKey(v.Bytes)
	if err := v.Header.expect(err); err != nil || v.Expect != OK {
		return err
	}
	id := k.Public().DeviceID()
	return errors.Join(equal("suite", k.Suite(), handshake.Suite(v.Suite)), same("object", k.Append(nil), v.Bytes),
		same("cred_S", k.ServerCredential().Bytes(), v.CredS), same("reference", id[:], v.Reference))
}

func (v *Object) replayPSKKey() error {
	k, err := handshake.ParsePSK(v.Bytes)
	if err := v.Header.expect(err); err != nil || v.Expect != OK {
		return err
	}
	return errors.Join(same("object", k.Append(nil), v.Bytes), same("id", k.ID[:], v.ID), same("key", k.Key[:], v.Key))
}
