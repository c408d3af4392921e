package vectors

import (
	"crypto/sha256"
	"fmt"
	"reflect"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// Times of the scenarios: when the full handshake was, and now.
const (
	before   = 1_800_000_000
	now      = before + 3600
	lifetime = 30 * 86400
)

var usualLimits = Limits{Small: 8, SmallAge: 86400}

// A resumingPair is a device with a ticket and the server that sealed it.
type resumingPair struct {
	pair        // the full handshake before
	device      *reference.ResumingDevice
	server      *reference.ResumingServer
	key         reference.TicketKey
	contents    reference.Contents
	ticketNonce Hex
	limits      Limits
	now         int64
}

// newResumingPair returns a pair whose inputs depend on nothing but suite, mode and form.
func newResumingPair(suite reference.Suite, mode reference.Mode, small bool) resumingPair {
	full := newPair(suite, mode).open()
	must(full.server.Answer())
	secret := full.server.Trace.Resumption
	once := func(n int, what string) Hex {
		return random(n, "%s, suite %d, mode %d, small %t", what, suite.Number, mode, small)
	}
	p := resumingPair{pair: full, limits: usualLimits, now: now, ticketNonce: once(16, "nonce of the ticket")}
	p.key = reference.TicketKey{ID: random(2, "ticket key's id"), From: before - 100, Key: random(32, "ticket key")}
	p.contents = reference.Contents{
		Suite: suite.Number, Mode: mode, Resumptions: 2, Policy: 7, Expires: before + lifetime, KEMTime: before,
		KidS: reference.KeyID(full.device.CredS)[:4], Secret: secret,
	}
	switch mode {
	case reference.ModeKEM:
		p.contents.ID = suite.Reference(full.server.PkC)
	case reference.ModePSK:
		p.contents.ID = full.device.PSKID
		p.contents.Digest = reference.PSKDigest(full.device.PSKID, full.device.PSK)[:8]
	}
	p.device = &reference.ResumingDevice{
		Suite: suite, NonceC: once(16, "nonce_C"), Parameters: reference.Parameters{MaxUDPPayload: 512},
	}
	p.server = &reference.ResumingServer{
		Suite: suite, Secret: secret, ConnectionID: Hex{0x40 | 0x15, suite.Number<<4 | byte(mode)}, ResetToken: once(16, "reset token"),
		Parameters: reference.Parameters{IdleTime: 3600}, NonceS: once(16, "nonce_S"),
	}
	if !small {
		p.device.SeedE = once(suite.KEM.SeedSize(), "sk_e of a resumption")
		p.server.RandomE = once(suite.KEM.RandomSize(), "encapsulation to pk_e of a resumption")
	}
	p.reseal()
	return p
}

// reseal makes the ticket after a change of its key or contents.
func (p *resumingPair) reseal() {
	p.device.Trace.Secret = p.contents.Secret
	p.device.Trace.Ticket = p.key.Seal(p.ticketNonce, p.contents.Bytes())
}

// open makes m1r and takes it.
func (p resumingPair) open() resumingPair {
	must(p.device.Start())
	must(p.server.Open(p.device.Trace.M1))
	return p
}

// state is the device's.
func (p *resumingPair) state() reference.State {
	fingerprint := sha256.Sum256(p.pair.device.CredS)
	s := reference.State{
		Suite: p.contents.Suite, Mode: p.contents.Mode, Fingerprint: fingerprint[:], Identity: make(Hex, 16),
		Expires: uint64(p.contents.Expires), SmallUntil: before + uint64(usualLimits.SmallAge),
		Ticket: p.device.Trace.Ticket, Secret: p.contents.Secret,
	}
	switch s.Mode {
	case reference.ModeKEM:
		s.Identity = p.contents.ID
	case reference.ModePSK:
		s.Identity = reference.PSKDigest(p.pair.device.PSKID, p.pair.device.PSK)
	}
	return s
}

func (p *resumingPair) deviceSide() ResumingDevice {
	d, state := p.device, p.state()
	return ResumingDevice{p.pair.device.Seed, p.pair.device.PSKID, p.pair.device.PSK, state.CBOR(), d.Parameters, d.NonceC, d.SeedE}
}

func (p *resumingPair) serverSide() ResumingServer {
	s := p.server
	return ResumingServer{
		p.pair.server.Seed, reference.EncodeTicketKeys(p.key), p.now, p.limits,
		s.ConnectionID, s.ResetToken, s.Parameters, s.NonceS, s.RandomE,
	}
}

// resumptions are those of every suite, in both forms and varying modes.
func resumptions() (all []Scenario) {
	for i, suite := range suites {
		for form, small := range []bool{true, false} {
			all = append(all, resumptionOf(suite, reference.Mode((i+form+1)%len(modes)), small))
		}
	}
	return all
}

func resumptionOf(suite reference.Suite, mode reference.Mode, small bool) *Resumption {
	p := newResumingPair(suite, mode, small).open()
	must(p.server.Answer())
	must(p.device.Finish(p.server.Trace.M2))
	if !reflect.DeepEqual(p.device.Trace, p.server.Trace) {
		panic("vectors: the two sides of the reference differ")
	}
	form := map[bool]string{true: "small", false: "ephemeral"}[small]
	v := &Resumption{
		Header: Header{
			fmt.Sprintf("resumption-%d-%s-%s", suite.Number, modes[mode], form),
			"Section 16: a whole resumption, of the session of handshake-" + fmt.Sprintf("%d-%s", suite.Number, modes[mode]) + ".",
			KindResumption, OK,
		},
		Suite: suite.Number, Mode: mode, Device: p.deviceSide(), Server: p.serverSide(), PkC: p.pair.server.PkC,
		Contents: p.contents, TicketNonce: p.ticketNonce, Trace: p.device.Trace,
	}
	v.NewTicket = p.newTicket(small)
	return v
}

// newTicket is what the server gives for the session that p has resumed.
func (p *resumingPair) newTicket(small bool) NewTicket {
	n := NewTicket{Lifetime: lifetime, Nonce: random(16, "nonce of the new ticket"), Contents: p.contents}
	c := &n.Contents
	c.Secret, c.Policy = p.device.Trace.Resumption, 9
	if c.Resumptions++; !small {
		c.Resumptions, c.KEMTime = 0, uint32(p.now)
	}
	left := uint64(c.KEMTime) + uint64(p.limits.SmallAge) - uint64(p.now)
	n.Message = reference.EncodeNewTicket(p.key.Seal(n.Nonce, c.Bytes()), uint64(c.Expires)-uint64(p.now), left)
	return n
}
