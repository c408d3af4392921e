package vectors

import (
	"fmt"
	"slices"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// m1rs are m1r at a server.
func m1rs() []Scenario { return slices.Concat(m1rShapes(), m1rFlips(), m1rPlaintexts(), m1rTickets()) }

func (p *resumingPair) m1rOf(name, about string, expect Outcome, m1r []byte) *M1R {
	s := p.serverSide()
	s.ConnectionID, s.ResetToken, s.NonceS, s.RandomE, s.Parameters = nil, nil, nil, nil, reference.Parameters{}
	return &M1R{Header: Header{"m1r-" + name, about, KindM1R, expect}, Suite: p.device.Suite.Number, Server: s, M1R: m1r}
}

// m1rShapes are section 16.2 before any key is used.
func m1rShapes() []Scenario {
	p := newResumingPair(plain, reference.ModeKEM, true).open()
	t := &p.device.Trace
	pkE := must1(plain.KEM.PublicKey(random(plain.KEM.SeedSize(), "sk_e")))
	sealed := reference.Seal(t.K1, t.Plaintext1)
	encode := plain.EncodeM1R
	unknown := plain
	unknown.Number = 5
	of := func(name, what string, m1r []byte) Scenario {
		return p.m1rOf(name, "Section 16.2, shape of m1r: "+what, Malformed, m1r)
	}
	return []Scenario{
		of("trailing-byte", "one byte behind it.", append(slices.Clone(t.M1), 0)),
		of("truncated", "the last byte is missing.", t.M1[:len(t.M1)-1]),
		of("suite-unknown", "suite 5.", unknown.EncodeM1R(t.Ticket, t.NonceC, nil, sealed)),
		of("ticket-8", "a ticket as long as a kid_S, which is what tells m1r from m1.", encode(t.Ticket[:8], t.NonceC, nil, sealed)),
		of("ticket-15", "a ticket of 15 bytes.", encode(t.Ticket[:15], t.NonceC, nil, sealed)),
		of("ticket-513", "a ticket of 513 bytes.", encode(make([]byte, 513), t.NonceC, nil, sealed)),
		of("nonce_c-15", "nonce_C of 15 bytes.", encode(t.Ticket, t.NonceC[1:], nil, sealed)),
		of("nonce_c-17", "nonce_C of 17 bytes.", encode(t.Ticket, append(slices.Clone(t.NonceC), 0), nil, sealed)),
		of("pk_e-empty", "an empty string in place of null.", encode(t.Ticket, t.NonceC, Hex{}, sealed)),
		of("pk_e-short", "pk_e is a byte short.", encode(t.Ticket, t.NonceC, pkE[1:], sealed)),
		of("sealed_1r-short", "sealed_1r is a tag and nothing else.", encode(t.Ticket, t.NonceC, nil, sealed[:16])),
		of("sealed_1r-long", "sealed_1r of 1025 bytes.", encode(t.Ticket, t.NonceC, nil, make([]byte, 1025))),
		of("four-elements", "sealed_1r is missing.",
			reference.Array(reference.Uint(2), reference.Bytes(t.Ticket), reference.Bytes(t.NonceC), reference.Null())),
		of("indefinite-array", "an array of indefinite length.", append(append([]byte{0x9f}, t.M1[1:]...), 0xff)),
	}
}

// m1rFlips have something changed that only an AEAD can tell.
func m1rFlips() []Scenario {
	p := newResumingPair(plain, reference.ModeKEM, true).open()
	e := newResumingPair(plain, reference.ModeKEM, false).open()
	const ticket = 1 + 1 + 2
	t, u := &p.device.Trace, &e.device.Trace
	nonce := ticket + len(t.Ticket) + 1
	sealed := reference.Seal(t.K1, t.Plaintext1)
	const about = "Section 16.2: "
	other := reference.MLKEM1024.EncodeM1R(t.Ticket, t.NonceC, nil, sealed)
	return []Scenario{
		p.m1rOf("flipped-key-id", about+"one bit is changed in the identifier of the ticket key.", UnknownKey, flip(t.M1, ticket)),
		p.m1rOf("flipped-ticket-nonce", about+"one bit is changed in the nonce of the ticket.", Rejected, flip(t.M1, ticket+2)),
		p.m1rOf("flipped-ticket", about+"one bit is changed in what the ticket holds.", Rejected, flip(t.M1, ticket+40)),
		p.m1rOf("flipped-nonce_c", about+"one bit is changed in nonce_C.", Rejected, flip(t.M1, nonce)),
		p.m1rOf("flipped-sealed_1r", about+"one bit is changed in sealed_1r.", Rejected, flip(t.M1, len(t.M1)-17)),
		p.m1rOf("flipped-tag", about+"one bit is changed in the tag.", Rejected, flip(t.M1, len(t.M1)-1)),
		p.m1rOf("suite-other", about+"the suite is another one than that of the ticket.", Rejected, other),
		e.m1rOf("pk_e-stripped", about+"null in place of the pk_e with which sealed_1r was made.", Rejected,
			plain.EncodeM1R(u.Ticket, u.NonceC, nil, reference.Seal(u.K1, u.Plaintext1))),
		e.m1rOf("flipped-pk_e", about+"one bit is changed in pk_e.", Rejected, flip(u.M1, nonce+16+3+100)),
	}
}

// m1rSealed is a scenario whose sealed_1r opens.
func (p *resumingPair) m1rSealed(name, about string, expect Outcome, refusal uint64) *M1R {
	v := p.m1rOf(name, about, expect, p.device.Trace.M1)
	v.K1R, v.Plaintext1R, v.Refusal = p.device.Trace.K1, p.device.Trace.Plaintext1, refusal
	if expect == OK || expect == Refused {
		must(p.server.Open(v.M1R))
		v.Mode, v.ID, v.Parameters = p.contents.Mode, p.contents.ID, &p.server.Peer
	}
	return v
}

// m1rPlaintexts are sealed as they should be and hold what the row says.
func m1rPlaintexts() (all []Scenario) {
	number := reference.Uint
	for i, row := range []plaintext1{
		{"parameters-none", "no parameter.", OK, reference.Map()},
		{"parameters-unknown", "a parameter with an unknown key is ignored.", OK, reference.Map(number(2), number(60), number(77), number(1))},
		{"parameters-echo", "an Echo, which is for m2r only.", Rejected, reference.Map(number(3), reference.Bytes(make([]byte, 8)))},
		{"parameters-payload-63", "a largest UDP payload below 64.", Rejected, reference.Map(number(1), number(63))},
		{"parameters-duplicate", "a duplicate key.", Rejected, reference.Map(number(2), number(60), number(2), number(60))},
		{"parameters-null", "null in place of the map.", Rejected, reference.Null()},
		{"parameters-array", "plaintext_1, of a full handshake.", Rejected, reference.Array(reference.Null(), reference.Map())},
		{"parameters-trailing-byte", "a byte behind the map.", Rejected, append(reference.Map(), 0)},
	} {
		p := newResumingPair(plain, reference.ModePSK, true)
		p.device.NonceC = random(16, "nonce_C, plaintext_1r %d", i)
		must(p.device.StartWith(row.bytes))
		all = append(all, p.m1rSealed(row.name, "Section 16.2, plaintext_1r: "+row.about, row.expect, 0))
	}
	for _, suite := range suites {
		p := newResumingPair(suite, reference.ModeNone, false)
		p.device.StartWithKey(unreduced(must1(suite.KEM.PublicKey(p.device.SeedE))), reference.Map())
		all = append(all, p.m1rSealed(fmt.Sprintf("pk_e-unreduced-%d", suite.Number),
			"Section 2: the first coefficient of pk_e is 3329 (FIPS 203 section 7.2).", Rejected, 0))
	}
	return all
}

// m1rTickets have tickets that do not give what m1r asks for.
func m1rTickets() (all []Scenario) {
	for _, row := range []struct {
		name, about string
		small       bool
		expect      Outcome
		refusal     uint64
		change      func(p *resumingPair)
	}{
		{"last-second", "a second before the ticket expires.", false, OK, 0, func(p *resumingPair) { p.now = before + lifetime - 1 }},
		{"expired", "the second in which the ticket expires.", false, Refused, 5, func(p *resumingPair) { p.now = before + lifetime }},
		{"small-last", "one small resumption is left.", true, OK, 0, func(p *resumingPair) { p.contents.Resumptions = 7 }},
		{"small-number", "no small resumption is left in a row.", true, Refused, 4, func(p *resumingPair) { p.contents.Resumptions = 8 }},
		{"small-number-ephemeral", "no small resumption is left, and there is a KEM key.", false, OK, 0, func(p *resumingPair) { p.contents.Resumptions = 255 }},
		{"small-age-last", "a second before the last KEM key is too old.", true, OK, 0, func(p *resumingPair) { p.now = before + 86399 }},
		{"small-age", "the last KEM key is too old.", true, Refused, 4, func(p *resumingPair) { p.now = before + 86400 }},
		{"small-from-the-future", "the last KEM key is of later than the server's clock says.", true, OK, 0, func(p *resumingPair) { p.now = before - 50 }},
		{"server-key-gone", "the session was with another key of the server.", false, Refused, 5, func(p *resumingPair) { p.contents.KidS[0] ^= 1 }},
	} {
		p := newResumingPair(plain, reference.ModeKEM, row.small)
		p.contents.KidS = slices.Clone(p.contents.KidS)
		row.change(&p)
		p.reseal()
		must(p.device.Start())
		all = append(all, p.m1rSealed("ticket-"+row.name, "Section 16.4: "+row.about, row.expect, row.refusal))
	}
	return append(all, forgedTickets()...)
}

// forgedTickets are not of the server's key, or hold what no server puts there.
func forgedTickets() (all []Scenario) {
	for _, row := range []struct {
		name, about string
		contents    func(c *reference.Contents) []byte
	}{
		{"mode-3", "a mode that does not exist.", func(c *reference.Contents) []byte {
			c.Mode = 3
			return c.Bytes()
		}},
		{"short", "a byte is missing.", func(c *reference.Contents) []byte { return c.Bytes()[:len(c.Bytes())-1] }},
		{"long", "a byte more.", func(c *reference.Contents) []byte { return append(c.Bytes(), 0) }},
		{"empty", "nothing.", func(*reference.Contents) []byte { return nil }},
	} {
		p := newResumingPair(plain, reference.ModeKEM, true)
		c := p.contents
		p.device.Trace.Ticket = p.key.Seal(p.ticketNonce, row.contents(&c))
		must(p.device.Start())
		all = append(all, p.m1rOf("ticket-"+row.name, "Section 16.6, contents of the ticket: "+row.about, Rejected, p.device.Trace.M1))
	}
	p := newResumingPair(plain, reference.ModeKEM, true)
	other := reference.TicketKey{ID: p.key.ID, Key: random(32, "another ticket key")}
	p.device.Trace.Ticket = other.Seal(p.ticketNonce, p.contents.Bytes())
	must(p.device.Start())
	return append(all, p.m1rOf("ticket-of-another-key", "Section 16.6: sealed by a key that another server has under that identifier.",
		Rejected, p.device.Trace.M1))
}
