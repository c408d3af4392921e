package vectors

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// An answerRow is one answer to a device: make gets a server that has taken its m1 and
// encapsulated.
type answerRow struct {
	name, about string
	mode        reference.Mode
	expect      Outcome
	make        func(s *reference.Server) []byte
}

// m2s are answers at a device.
func m2s() (all []Scenario) {
	for _, row := range slices.Concat(m2Shapes(), m2Forms(), m2Fields(), refusalRows()) {
		p := newPair(plain, row.mode).open()
		must(p.server.Encapsulate())
		v := &M2{
			Header: Header{"m2-" + row.name, row.about, KindM2, row.expect},
			Suite:  plain.Number, Mode: row.mode, CredS: p.device.CredS,
			Device: p.deviceSide(), M1: p.device.Trace.M1,
		}
		v.Answer = row.make(p.server)
		if string(v.Answer) == string(p.server.Trace.M2) {
			v.K2, v.Plaintext2 = p.server.Trace.K2, p.server.Trace.Plaintext2
		}
		v.conclude(p.device)
		all = append(all, v)
	}
	return all
}

// conclude lets the reference device take the answer and notes what it leads to.
func (v *M2) conclude(d *reference.Device) {
	err := d.Finish(v.Answer)
	if got := outcome(err); got != v.Expect {
		panic(fmt.Sprintf("vectors: %s: the reference says %s: %v", v.Name, got, err))
	}
	var refused *reference.Refusal
	if errors.As(err, &refused) {
		v.Refusal = &RefusalText{refused.Code, refused.RetryAfter, refused.Text}
	}
	if err == nil {
		t := &d.Trace
		v.Session = &Session{d.ConnectionID, d.ResetToken, d.Peer, t.CAp, t.SAp, t.SessionID}
	}
}

// usual is plaintext_2 as it should be.
func usual(s *reference.Server) []byte {
	return reference.EncodePlaintext2(s.Trace.CtC, s.ConnectionID, s.ResetToken, s.Parameters.CBOR())
}

// genuine is m2 as it should be.
func genuine(s *reference.Server) []byte {
	s.AnswerWith(usual(s))
	return slices.Clone(s.Trace.M2)
}

// m2Shapes are what anybody could send.
func m2Shapes() []answerRow {
	const about = "Section 4, m2: "
	none := func(name, what string, make func(s *reference.Server) []byte) answerRow {
		return answerRow{name, about + what, reference.ModeNone, Rejected, make}
	}
	sealed := 1 + 3 + plain.CipherSize + 2 // where sealed_2 begins
	return []answerRow{
		none("flipped-ct_e", "one bit is changed in ct_e.", func(s *reference.Server) []byte { return flip(genuine(s), 100) }),
		none("flipped-sealed_2", "one bit is changed in sealed_2.", func(s *reference.Server) []byte { return flip(genuine(s), sealed+3) }),
		none("flipped-tag", "one bit is changed in the tag.", func(s *reference.Server) []byte {
			m2 := genuine(s)
			return flip(m2, len(m2)-1)
		}),
		none("trailing-byte", "one byte behind it.", func(s *reference.Server) []byte { return append(genuine(s), 0) }),
		none("truncated", "the last byte is missing.", func(s *reference.Server) []byte {
			m2 := genuine(s)
			return m2[:len(m2)-1]
		}),
		none("empty", "nothing.", func(*reference.Server) []byte { return []byte{} }),
		none("indefinite-array", "an array of indefinite length.", func(s *reference.Server) []byte {
			return append(append([]byte{0x9f}, genuine(s)[1:]...), 0xff)
		}),
		none("three-elements", "an element too many.", func(s *reference.Server) []byte {
			return append(append([]byte{0x83}, genuine(s)[1:]...), 0xf6)
		}),
		none("ct_e-short", "ct_e is a byte short.", func(s *reference.Server) []byte {
			s.AnswerWith(usual(s))
			return reference.Array(reference.Bytes(s.Trace.CtE[1:]), reference.Bytes(reference.Seal(s.Trace.K2, s.Trace.Plaintext2)))
		}),
		none("of-another-m1", "made for another m1 of the same device.", func(s *reference.Server) []byte {
			p := newPair(plain, reference.ModeNone)
			p.device.SeedE = random(plain.KEM.SeedSize(), "another sk_e")
			p.open()
			must(p.server.Answer())
			return p.server.Trace.M2
		}),
	}
}

// m2Forms are those of ct_C: an m2 has to be of the device's mode.
func m2Forms() []answerRow {
	const about = "Section 4, the form of ct_C: "
	with := func(ctC func(s *reference.Server) []byte) func(s *reference.Server) []byte {
		return func(s *reference.Server) []byte {
			s.AnswerWith(reference.EncodePlaintext2(ctC(s), s.ConnectionID, s.ResetToken, s.Parameters.CBOR()))
			return s.Trace.M2
		}
	}
	ctE := func(s *reference.Server) []byte { return s.Trace.CtE }
	absent := func(*reference.Server) []byte { return nil }
	empty := func(*reference.Server) []byte { return []byte{} }
	return []answerRow{
		{"none-with-ct_c", about + "a ciphertext in mode none.", reference.ModeNone, Rejected, with(ctE)},
		{"psk-with-ct_c", about + "a ciphertext in mode psk.", reference.ModePSK, Rejected, with(ctE)},
		{"psk-with-empty-ct_c", about + "an empty string in mode psk, not null.", reference.ModePSK, Rejected, with(empty)},
		{"kem-without-ct_c", about + "null in mode kem.", reference.ModeKEM, Rejected, with(absent)},
		{"kem-with-empty-ct_c", about + "an empty string in mode kem.", reference.ModeKEM, Rejected, with(empty)},
		{"kem-ct_c-short", about + "a byte short in mode kem.", reference.ModeKEM, Rejected,
			with(func(s *reference.Server) []byte { return s.Trace.CtC[1:] })},
		{"kem-ct_c-of-another-key", "Section 2: decapsulation never fails. m2 is accepted, and the secrets are those that FIPS 203 " +
			"gives for a wrong ciphertext: no record of the server will open.", reference.ModeKEM, OK, with(ctE)},
	}
}

// m2Fields are the other parts of plaintext_2, and what follows from the parameters.
func m2Fields() []answerRow {
	const about = "Section 4, plaintext_2: "
	row := func(name, what string, expect Outcome, plaintext func(s *reference.Server) []byte) answerRow {
		return answerRow{name, about + what, reference.ModePSK, expect, func(s *reference.Server) []byte {
			s.AnswerWith(plaintext(s))
			return s.Trace.M2
		}}
	}
	fields := func(cid, token, parameters []byte) func(*reference.Server) []byte {
		return func(*reference.Server) []byte { return reference.EncodePlaintext2(nil, cid, token, parameters) }
	}
	cid, token, none := []byte{0x2a}, random(17, "token"), reference.Map()
	echo := func(n int) []byte { return reference.Map(reference.Uint(3), reference.Bytes(token[:n])) }
	successor := func(n int) []byte { return reference.Map(reference.Uint(4), reference.Bytes(token[:n])) }
	idle := [][]byte{reference.Uint(2), reference.Uint(60)}
	return []answerRow{
		row("cid_s-1", "a connection ID of one byte and no parameter.", OK, fields(cid, token[:16], none)),
		row("cid_s-8", "a connection ID of eight bytes.", OK, fields(append([]byte{0xc0}, token[:7]...), token[:16], none)),
		row("cid_s-empty", "an empty connection ID.", Rejected, fields(nil, token[:16], none)),
		row("cid_s-9", "a connection ID of nine bytes.", Rejected, fields(token[:9], token[:16], none)),
		row("reset_token-15", "a reset token of 15 bytes.", Rejected, fields(cid, token[:15], none)),
		row("reset_token-17", "a reset token of 17 bytes.", Rejected, fields(cid, token, none)),
		row("parameters-unknown", "a parameter with an unknown key is ignored.", OK,
			fields(cid, token[:16], reference.Map(append(slices.Clone(idle), reference.Uint(77), reference.Uint(1))...))),
		row("parameters-duplicate", "a duplicate key.", Rejected, fields(cid, token[:16], reference.Map(slices.Concat(idle, idle)...))),
		row("parameters-null", "null in place of the map.", Rejected, fields(cid, token[:16], reference.Null())),
		row("echo-7", "an Echo of 7 bytes.", Rejected, fields(cid, token[:16], echo(7))),
		row("echo-9", "an Echo of 9 bytes.", Rejected, fields(cid, token[:16], echo(9))),
		row("successor", "a successor of the key that the device has pinned.", OK, fields(cid, token[:16], successor(8))),
		row("successor-7", "a successor of 7 bytes.", Rejected, fields(cid, token[:16], successor(7))),
		row("successor-zeros", "a successor of zeros, which is none.", Rejected,
			fields(cid, token[:16], reference.Map(reference.Uint(4), reference.Bytes(make([]byte, 8))))),
		row("five-elements", "an element too many.", Rejected, func(s *reference.Server) []byte {
			return append(append([]byte{0x85}, usual(s)[1:]...), 0xf6)
		}),
		row("plaintext-trailing-byte", "a byte behind the array.", Rejected, func(s *reference.Server) []byte {
			return append(usual(s), 0)
		}),
	}
}

// refusalRows are refusals of which the device must believe only what opens and is whole.
func refusalRows() []answerRow {
	const about = "Section 6: "
	nonce := random(16, "nonce_R")
	whole := reference.EncodeRefusal(3, 60, "busy")
	row := func(name, what string, expect Outcome, make func(s *reference.Server) []byte) answerRow {
		return answerRow{"refusal-" + name, about + what, reference.ModeKEM, expect, make}
	}
	sealed := func(plaintext []byte) func(s *reference.Server) []byte {
		return func(s *reference.Server) []byte { return s.Refuse(nonce, plaintext) }
	}
	return []answerRow{
		row("genuine", "the refusal that those below are made from.", Refused, sealed(whole)),
		row("code-0", "a code without a meaning ends the handshake as others do.", Refused, sealed(reference.EncodeRefusal(0, 0, "zero"))),
		row("flipped-nonce_r", "one bit is changed in nonce_R.", Rejected, func(s *reference.Server) []byte {
			return flip(s.Refuse(nonce, whole), 5)
		}),
		row("flipped-sealed_r", "one bit is changed in sealed_R.", Rejected, func(s *reference.Server) []byte {
			return flip(s.Refuse(nonce, whole), 40)
		}),
		row("code-24", "a code over 23.", Rejected, sealed(reference.EncodeRefusal(24, 0, "too large"))),
		row("short", "plaintext_R of 63 bytes.", Rejected, sealed(reference.Array(reference.Uint(3), reference.Uint(60),
			reference.Text(string(make([]byte, 57)))))),
		row("long", "plaintext_R of 65 bytes.", Rejected, sealed(reference.EncodeRefusal(1, 0, string(make([]byte, 60))))),
		row("two-elements", "plaintext_R without a text, of 64 bytes all the same.", Rejected, sealed(
			append(reference.Array(reference.Uint(3), reference.Uint(60)), make([]byte, 60)...))),
		row("of-another-m1", "made for another m1 of the same device.", Rejected, func(s *reference.Server) []byte {
			p := newPair(plain, reference.ModeKEM)
			p.device.SeedE = random(plain.KEM.SeedSize(), "another sk_e")
			return p.open().server.Refuse(nonce, whole)
		}),
	}
}
