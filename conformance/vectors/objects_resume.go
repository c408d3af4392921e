package vectors

import (
	"slices"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// resumptionObjects are what servers and devices keep for resumptions, and NewTicket.
func resumptionObjects() []Scenario { return slices.Concat(ticketKeys(), states(), newTickets()) }

func ticketKeys() []Scenario {
	one := reference.TicketKey{ID: Hex{1, 2}, From: before, Key: random(32, "ticket key")}
	two := reference.TicketKey{ID: Hex{1, 3}, From: before + 86400, Key: random(32, "another ticket key")}
	encode := reference.EncodeTicketKeys
	of := func(name, about string, expect Outcome, b []byte) *Object {
		return objectOf("ticket-keys", "ticket-keys"+name, about, expect, b)
	}
	bad := func(name, about string, change func(k *reference.TicketKey)) *Object {
		k := two
		change(&k)
		return of(name, about, Malformed, encode(one, k))
	}
	good := of("", "two keys.", OK, encode(one, two))
	good.TicketKeys = []reference.TicketKey{one, two}
	return []Scenario{
		good,
		of("-version-2", "a version that this text does not know.", Unsupported, append([]byte{0x83, 2}, encode(one)[2:]...)),
		of("-trailing-byte", "one byte behind it.", Malformed, append(encode(one), 0)),
		bad("-id-twice", "one identifier twice.", func(k *reference.TicketKey) { k.ID = one.ID }),
		bad("-id-3", "an identifier of three bytes.", func(k *reference.TicketKey) { k.ID = Hex{1, 2, 3} }),
		bad("-key-short", "a key of 31 bytes.", func(k *reference.TicketKey) { k.Key = k.Key[1:] }),
		bad("-order", "a time before that of the key before.", func(k *reference.TicketKey) { k.From = before - 1 }),
	}
}

func states() (all []Scenario) {
	of := func(name, about string, expect Outcome, b []byte) *Object {
		return objectOf("resumption", "state-"+name, about, expect, b)
	}
	for mode := range reference.Mode(len(modes)) {
		p := newResumingPair(plain, mode, true)
		s := p.state()
		v := of(modes[mode], "what a device keeps in this mode.", OK, s.CBOR())
		v.State = &s
		all = append(all, v)
	}
	p := newResumingPair(plain, reference.ModeKEM, true)
	for _, row := range []struct {
		name, about string
		expect      Outcome
		change      func(s *reference.State)
	}{
		{"suite-unknown", "suite 5.", Unsupported, func(s *reference.State) { s.Suite = 5 }},
		{"mode-unknown", "mode 3.", Unsupported, func(s *reference.State) { s.Mode = 3 }},
		{"secret-short", "a secret of 31 bytes.", Malformed, func(s *reference.State) { s.Secret = s.Secret[1:] }},
		{"ticket-15", "a ticket of 15 bytes.", Malformed, func(s *reference.State) { s.Ticket = s.Ticket[:15] }},
		{"identity-short", "an identity of 15 bytes.", Malformed, func(s *reference.State) { s.Identity = s.Identity[1:] }},
	} {
		s := p.state()
		row.change(&s)
		all = append(all, of(row.name, row.about, row.expect, s.CBOR()))
	}
	s := p.state()
	return append(all,
		of("version-2", "a version that this text does not know.", Unsupported, append([]byte{0x8a, 2}, s.CBOR()[2:]...)),
		of("truncated", "the last byte is missing.", Malformed, s.CBOR()[:len(s.CBOR())-1]))
}

func newTickets() []Scenario {
	ticket := random(98, "an opaque ticket")
	encode := reference.EncodeNewTicket
	of := func(name, about string, expect Outcome, b []byte) *Object {
		v := objectOf("new-ticket", "new-ticket"+name, about, expect, b)
		v.About = "Section 16.1, NewTicket: " + about
		return v
	}
	good := of("", "a ticket.", OK, encode(ticket, 86400, 3600))
	good.Ticket, good.Lifetime, good.Small = ticket, 86400, 3600
	long := of("-long-times", "times of more than 2^32 - 1 s count as that.", OK, encode(ticket, 1<<40, 1<<40))
	long.Ticket, long.Lifetime, long.Small = ticket, 1<<32-1, 1<<32-1
	return []Scenario{
		good, long,
		of("-15", "a ticket of 15 bytes.", Malformed, encode(ticket[:15], 86400, 3600)),
		of("-513", "a ticket of 513 bytes.", Malformed, encode(make([]byte, 513), 86400, 3600)),
		of("-four-elements", "an element too many.", Malformed, append(append([]byte{0x84}, encode(ticket, 86400, 3600)[1:]...), 0xf6)),
		of("-trailing-byte", "one byte behind it.", Malformed, append(encode(ticket, 86400, 3600), 0)),
	}
}
