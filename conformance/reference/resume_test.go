package reference_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/reference"
	"github.com/pqcoap/pqcoap/handshake"
)

var (
	epoch  = time.Unix(1_800_000_000, 0)
	limits = handshake.Limits{Lifetime: time.Hour, Small: 5, SmallAge: time.Hour}
)

// eachForm runs f for every suite, mode and form.
func eachForm(t *testing.T, f func(p *party, ephemeral bool)) {
	for _, ephemeral := range []bool{false, true} {
		t.Run(fmt.Sprintf("ephemeral %v", ephemeral), func(t *testing.T) {
			each(t, func(p *party) { f(p, ephemeral) })
		})
	}
}

func (p *party) responder() *handshake.Responder {
	p.t.Helper()
	key, err := handshake.NewPrivateKey(handshake.Suite(p.suite.Number), p.seed)
	p.fatal(err)
	return handshake.NewResponder(key.Identity())
}

func (p *party) grant() handshake.Grant {
	p.t.Helper()
	g := handshake.Grant{ConnectionID: p.cid, ResetToken: [16]byte(p.token), Parameters: params(p.servers)}
	var err error
	switch p.mode {
	case reference.ModeKEM:
		g.Key, err = handshake.ParsePublicKey(handshake.Suite(p.suite.Number), p.pkC)
		p.fatal(err)
	case reference.ModePSK:
		g.PSK = p.realPSK()
	}
	return g
}

func (p *party) resuming(secret, ticket []byte, ephemeral bool) *reference.ResumingDevice {
	d := &reference.ResumingDevice{Suite: p.suite, NonceC: p.bytes(16), Parameters: p.own}
	d.Trace.Secret, d.Trace.Ticket = secret, ticket
	if ephemeral {
		d.SeedE = p.bytes(p.suite.KEM.SeedSize())
	}
	return d
}

// agreeR compares the secrets, given in the direction of the device.
func (p *party) agreeR(t *reference.ResumeTrace, r *handshake.Result, send, receive []byte) {
	p.t.Helper()
	p.agree(&reference.Trace{CAp: t.CAp, SAp: t.SAp, Exporter: t.Exporter, Resumption: t.Resumption, SessionID: t.SessionID},
		r, send, receive)
}

// TestResumingDevice is the reference device at the server under test: a handshake, then two
// resumptions in a row.
func TestResumingDevice(t *testing.T) {
	eachForm(t, func(p *party, ephemeral bool) {
		d := p.device()
		p.fatal(d.Start())
		m2, r, err := p.accept(d.Trace.M1).Respond(p.rand, p.grant())
		p.fatal(err)
		p.fatal(d.Finish(m2))
		secret := d.Trace.Resumption
		keys, err := handshake.NewTicketKeys(p.rand, epoch)
		p.fatal(err)
		for range 2 {
			issued, err := keys.Issue(p.rand, epoch, r, limits)
			p.fatal(err)
			if want := reference.EncodeNewTicket(issued.Ticket, 3600, 3600); !bytes.Equal(issued.Append(nil), want) {
				p.t.Errorf("NewTicket is %x, want %x", issued.Append(nil), want)
			}
			again := p.resuming(secret, issued.Ticket, ephemeral)
			p.fatal(again.Start())
			m, err := handshake.ParseM1R(again.Trace.M1)
			p.fatal(err)
			a, err := p.responder().OpenResumption(epoch, m, keys, limits)
			p.fatal(err)
			var m2r []byte
			m2r, r, err = a.Respond(p.rand, p.grant())
			p.fatal(err)
			p.fatal(again.Finish(m2r))
			p.agreeR(&again.Trace, r, r.ReceiveSecret, r.SendSecret)
			if !reflect.DeepEqual(params(p.own), r.Peer) || !reflect.DeepEqual(again.Peer, p.servers) {
				p.t.Errorf("parameters: the server has %v, the device %v", r.Peer, again.Peer)
			}
			secret = again.Trace.Resumption
		}
	})
}

// TestResumingServer is the device under test at the reference server.
func TestResumingServer(t *testing.T) {
	eachForm(t, func(p *party, ephemeral bool) {
		i, s := p.initiator(), p.server()
		p.fatal(s.Open(i.M1()))
		p.fatal(s.Answer())
		r, err := i.Finish(s.Trace.M2)
		p.fatal(err)
		secret := []byte(s.Trace.Resumption)
		for range 2 {
			resumer := p.resumer(r, ephemeral)
			again := p.resumingServer(secret)
			p.fatal(again.Open(resumer.M1R()))
			p.fatal(again.Answer())
			r, err = resumer.Finish(again.Trace.M2)
			p.fatal(err)
			p.agreeR(&again.Trace, r, r.SendSecret, r.ReceiveSecret)
			if !reflect.DeepEqual(again.Peer, p.own) || !bytes.Equal(r.ConnectionID, p.cid) || !bytes.Equal(r.ResetToken[:], p.token) {
				p.t.Errorf("the server has %v, the device cid_S %x, reset_token %x", again.Peer, r.ConnectionID, r.ResetToken)
			}
			secret = again.Trace.Resumption
		}
	})
}

// resumer is the device under test, with a ticket that means nothing to it.
func (p *party) resumer(r *handshake.Result, ephemeral bool) *handshake.Resumer {
	p.t.Helper()
	ticket, err := handshake.ParseNewTicket(reference.EncodeNewTicket(p.bytes(77), 3600, 60))
	p.fatal(err)
	state, err := handshake.NewResumptionState(epoch, r, ticket)
	p.fatal(err)
	cred, err := handshake.ParseServerCredential(p.suite.PublicObject(p.pkS))
	p.fatal(err)
	cfg := handshake.ResumerConfig{
		Suite: handshake.Suite(p.suite.Number), Server: cred.Fingerprint(), Parameters: params(p.own), Ephemeral: ephemeral,
	}
	switch p.mode {
	case reference.ModeKEM:
		cfg.Key, err = handshake.NewPrivateKey(cfg.Suite, p.seedC)
		p.fatal(err)
	case reference.ModePSK:
		cfg.PSK = p.realPSK()
	}
	resumer, err := handshake.NewResumer(p.rand, state, cfg)
	p.fatal(err)
	return resumer
}

func (p *party) resumingServer(secret []byte) *reference.ResumingServer {
	return &reference.ResumingServer{
		Suite: p.suite, Secret: secret, ConnectionID: p.cid, ResetToken: p.token, Parameters: p.servers,
		NonceS: p.bytes(16), RandomE: p.bytes(p.suite.KEM.RandomSize()),
	}
}

// TestResumeRefusals are sealed by either implementation and opened by the other.
func TestResumeRefusals(t *testing.T) {
	eachForm(t, func(p *party, ephemeral bool) {
		i, s := p.initiator(), p.server()
		p.fatal(s.Open(i.M1()))
		p.fatal(s.Answer())
		r, err := i.Finish(s.Trace.M2)
		p.fatal(err)
		resumer, again := p.resumer(r, ephemeral), p.resumingServer(s.Trace.Resumption)
		p.fatal(again.Open(resumer.M1R()))
		_, err = resumer.Finish(again.Refuse(p.bytes(16), reference.EncodeRefusal(5, 0, "no")))
		var theirs *handshake.Refusal
		if !errors.As(err, &theirs) || theirs.Code != handshake.RefusedTicket || theirs.Text != "no" {
			p.t.Errorf("error = %v", err)
		}

		d, a := p.ticketOfReference(ephemeral)
		b, err := a.Refuse(p.rand, handshake.RefusedSmallForm, 0, "a key")
		p.fatal(err)
		var ours *reference.Refusal
		if !errors.As(d.Finish(b), &ours) || *ours != (reference.Refusal{Code: 4, Text: "a key"}) {
			p.t.Errorf("the reference reads %v", ours)
		}
	})
}

// TestTicketOfReference: the server under test opens a ticket that the reference has sealed.
func TestTicketOfReference(t *testing.T) {
	eachForm(t, func(p *party, ephemeral bool) {
		d, a := p.ticketOfReference(ephemeral)
		id := map[reference.Mode][]byte{reference.ModeKEM: p.suite.Reference(p.pkC), reference.ModePSK: p.id}[p.mode]
		if a.Policy != 3 || a.Credential.Mode != handshake.Mode(p.mode) || !bytes.HasPrefix(a.Credential.ID[:], id) {
			p.t.Errorf("policy %d, %v", a.Policy, a.Credential)
		}
		m2r, _, err := a.Respond(p.rand, p.grant())
		p.fatal(err)
		p.fatal(d.Finish(m2r))
	})
}

// ticketOfReference is an m1r of the reference, opened by the server under test.
func (p *party) ticketOfReference(ephemeral bool) (*reference.ResumingDevice, *handshake.Resumption) {
	p.t.Helper()
	key := reference.TicketKey{ID: p.bytes(2), From: 60, Key: p.bytes(32)}
	c := reference.Contents{
		Suite: p.suite.Number, Mode: p.mode, Resumptions: 1, Policy: 3, Expires: 2_000_000_000, KEMTime: 1_799_999_999,
		KidS: reference.KeyID(p.suite.PublicObject(p.pkS)), Secret: p.bytes(32),
	}
	switch p.mode {
	case reference.ModeKEM:
		c.ID = p.suite.Reference(p.pkC)
	case reference.ModePSK:
		c.ID, c.Digest = p.id, reference.PSKDigest(p.id, p.psk)[:8]
	}
	d := p.resuming(c.Secret, key.Seal(p.bytes(16), c.Bytes()), ephemeral)
	p.fatal(d.Start())
	keys, err := handshake.ParseTicketKeys(reference.EncodeTicketKeys(key))
	p.fatal(err)
	m, err := handshake.ParseM1R(d.Trace.M1)
	p.fatal(err)
	a, err := p.responder().OpenResumption(epoch, m, keys, limits)
	p.fatal(err)
	return d, a
}
