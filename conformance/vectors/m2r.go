package vectors

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// An answerRRow is one answer to a device that resumes: make gets a server that has taken its
// m1r and encapsulated.
type answerRRow struct {
	name, about string
	small       bool
	expect      Outcome
	make        func(s *reference.ResumingServer) []byte
}

// m2rs are answers at a device that resumes.
func m2rs() (all []Scenario) {
	for _, row := range slices.Concat(m2rShapes(), m2rFields(), m2rRefusals()) {
		p := newResumingPair(plain, reference.ModeKEM, row.small).open()
		must(p.server.Encapsulate())
		v := &M2R{
			Header: Header{"m2r-" + row.name, row.about, KindM2R, row.expect},
			Suite:  plain.Number, Mode: reference.ModeKEM, Device: p.deviceSide(), M1R: p.device.Trace.M1,
		}
		v.Answer = row.make(p.server)
		if string(v.Answer) == string(p.server.Trace.M2) {
			v.K2R, v.Plaintext2R = p.server.Trace.K2, p.server.Trace.Plaintext2
		}
		v.conclude(p.device)
		all = append(all, v)
	}
	return all
}

// conclude lets the reference device take the answer and notes what it leads to.
func (v *M2R) conclude(d *reference.ResumingDevice) {
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

// genuineR is m2r as it should be.
func genuineR(s *reference.ResumingServer) []byte {
	s.AnswerWith(reference.EncodePlaintext2R(s.ConnectionID, s.ResetToken, s.Parameters.CBOR()))
	return slices.Clone(s.Trace.M2)
}

// m2rShapes are what anybody could send.
func m2rShapes() []answerRRow {
	row := func(small bool, name, what string, make func(s *reference.ResumingServer) []byte) answerRRow {
		return answerRRow{name, "Section 16.2, m2r: " + what, small, Rejected, make}
	}
	sealed := func(s *reference.ResumingServer) []byte {
		genuineR(s)
		return reference.Seal(s.Trace.K2, s.Trace.Plaintext2)
	}
	return []answerRRow{
		row(true, "flipped-nonce_s", "one bit is changed in nonce_S.", func(s *reference.ResumingServer) []byte { return flip(genuineR(s), 5) }),
		row(false, "flipped-ct_e", "one bit is changed in ct_e.", func(s *reference.ResumingServer) []byte { return flip(genuineR(s), 100) }),
		row(true, "flipped-tag", "one bit is changed in the tag.", func(s *reference.ResumingServer) []byte {
			m2r := genuineR(s)
			return flip(m2r, len(m2r)-1)
		}),
		row(true, "trailing-byte", "one byte behind it.", func(s *reference.ResumingServer) []byte { return append(genuineR(s), 0) }),
		row(true, "truncated", "the last byte is missing.", func(s *reference.ResumingServer) []byte {
			m2r := genuineR(s)
			return m2r[:len(m2r)-1]
		}),
		row(true, "four-elements", "an element too many.", func(s *reference.ResumingServer) []byte {
			return append(append([]byte{0x84}, genuineR(s)[1:]...), 0xf6)
		}),
		row(true, "nonce_s-15", "nonce_S of 15 bytes.", func(s *reference.ResumingServer) []byte {
			return reference.EncodeM2R(s.NonceS[1:], nil, sealed(s))
		}),
		row(true, "small-with-ct_e", "a ciphertext in the small form.", func(s *reference.ResumingServer) []byte {
			return reference.EncodeM2R(s.NonceS, random(plain.CipherSize, "ct_e"), sealed(s))
		}),
		row(true, "small-with-empty-ct_e", "an empty string in the small form.", func(s *reference.ResumingServer) []byte {
			return reference.EncodeM2R(s.NonceS, Hex{}, sealed(s))
		}),
		row(false, "without-ct_e", "null where there was a pk_e: a server that has only the ticket's secret.", func(s *reference.ResumingServer) []byte {
			s.Trace.PkE, s.Trace.CtE = nil, nil
			must(s.Encapsulate())
			return genuineR(s)
		}),
		row(false, "ct_e-short", "ct_e is a byte short.", func(s *reference.ResumingServer) []byte {
			return reference.EncodeM2R(s.NonceS, s.Trace.CtE[1:], sealed(s))
		}),
		row(true, "of-another-m1r", "made for another m1r of the same ticket.", func(*reference.ResumingServer) []byte {
			p := newResumingPair(plain, reference.ModeKEM, true)
			p.device.NonceC = random(16, "another nonce_C")
			p.open()
			must(p.server.Answer())
			return p.server.Trace.M2
		}),
	}
}

// m2rFields are those of plaintext_2r.
func m2rFields() []answerRRow {
	row := func(name, what string, expect Outcome, plaintext []byte) answerRRow {
		return answerRRow{name, "Section 16.2, plaintext_2r: " + what, true, expect, func(s *reference.ResumingServer) []byte {
			s.AnswerWith(plaintext)
			return s.Trace.M2
		}}
	}
	cid, token, none := []byte{0x2a}, random(17, "token"), reference.Map()
	encode := reference.EncodePlaintext2R
	return []answerRRow{
		row("cid_s-1", "a connection ID of one byte and no parameter.", OK, encode(cid, token[:16], none)),
		row("cid_s-empty", "an empty connection ID.", Rejected, encode(nil, token[:16], none)),
		row("cid_s-9", "a connection ID of nine bytes.", Rejected, encode(token[:9], token[:16], none)),
		row("reset_token-15", "a reset token of 15 bytes.", Rejected, encode(cid, token[:15], none)),
		row("parameters-echo", "a 24 h Echo.", OK, encode(cid, token[:16], reference.Map(reference.Uint(3), reference.Bytes(token[:8])))),
		row("parameters-null", "null in place of the map.", Rejected, encode(cid, token[:16], reference.Null())),
		row("plaintext_2", "plaintext_2, of a full handshake.", Rejected, reference.EncodePlaintext2(nil, cid, token[:16], none)),
		row("plaintext-trailing-byte", "a byte behind the array.", Rejected, append(encode(cid, token[:16], none), 0)),
	}
}

// m2rRefusals are refusals of m1r.
func m2rRefusals() []answerRRow {
	nonce := random(16, "nonce_R")
	whole := reference.EncodeRefusal(4, 0, "a KEM key is needed")
	row := func(name, what string, expect Outcome, make func(s *reference.ResumingServer) []byte) answerRRow {
		return answerRRow{"refusal-" + name, "Section 6: " + what, true, expect, make}
	}
	return []answerRRow{
		row("genuine", "the refusal that those below are made from.", Refused, func(s *reference.ResumingServer) []byte { return s.Refuse(nonce, whole) }),
		row("flipped-sealed_r", "one bit is changed in sealed_R.", Rejected, func(s *reference.ResumingServer) []byte {
			return flip(s.Refuse(nonce, whole), 40)
		}),
		row("nonce_r-15", "nonce_R of 15 bytes.", Rejected, func(s *reference.ResumingServer) []byte { return s.Refuse(nonce[1:], whole) }),
		row("code-24", "a code over 23.", Rejected, func(s *reference.ResumingServer) []byte {
			return s.Refuse(nonce, reference.EncodeRefusal(24, 0, "too large"))
		}),
		row("of-another-m1r", "made for another m1r of the same ticket.", Rejected, func(*reference.ResumingServer) []byte {
			p := newResumingPair(plain, reference.ModeKEM, true)
			p.device.NonceC = random(16, "another nonce_C")
			return p.open().server.Refuse(nonce, whole)
		}),
	}
}
