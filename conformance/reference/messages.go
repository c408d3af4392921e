package reference

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
)

// ErrRejected means a message that does not open, or holds what it must not.
var ErrRejected = errors.New("reference: rejected")

// A Mode is how the device authenticates itself (docs/protocol.md section 4).
type Mode byte

const (
	ModeNone Mode = 0
	ModeKEM  Mode = 1
	ModePSK  Mode = 2
)

// Parameters are those of section 4. Zero is absent.
type Parameters struct {
	MaxUDPPayload uint64 `json:"max_udp_payload,omitempty"`
	IdleTime      uint64 `json:"idle_time,omitempty"` // seconds
	Echo          Hex    `json:"echo,omitempty"`
	Successor     Hex    `json:"successor,omitempty"`
}

// CBOR returns the parameters as the map of section 4.
func (p Parameters) CBOR() []byte {
	var items [][]byte
	if p.MaxUDPPayload != 0 {
		items = append(items, Uint(1), Uint(p.MaxUDPPayload))
	}
	if p.IdleTime != 0 {
		items = append(items, Uint(2), Uint(p.IdleTime))
	}
	if p.Echo != nil {
		items = append(items, Uint(3), Bytes(p.Echo))
	}
	if p.Successor != nil {
		items = append(items, Uint(4), Bytes(p.Successor))
	}
	return Map(items...)
}

// parameters is the inverse.
func (r *reader) parameters() (p Parameters) {
	var last uint64
	n := r.head(majorMap)
	r.bad = r.bad || n > maxEntries
	for i := uint64(0); i < n && !r.bad; i++ {
		key := r.uint()
		if i > 0 && key <= last { // deterministic encoding sorts the keys
			r.bad = true
		}
		last = key
		switch key {
		case 1:
			p.MaxUDPPayload = r.uint()
			r.bad = r.bad || p.MaxUDPPayload < 64 || p.MaxUDPPayload > 65527
		case 2:
			p.IdleTime = r.uint()
		case 3:
			p.Echo = r.size(r.bytes(), 8)
		case 4:
			p.Successor = r.size(r.bytes(), 8)
			r.bad = r.bad || bytes.Equal(p.Successor, make([]byte, 8))
		default:
			r.skip(maxNesting)
		}
	}
	return p
}

// PublicObject is CBOR [suite, pk]: cred_S, and what a device's reference is made from.
func (s Suite) PublicObject(pk []byte) []byte { return Array(Uint(uint64(s.Number)), Bytes(pk)) }

// Credential is credential_C of a mode.
func Credential(mode Mode, id []byte) []byte {
	if mode == ModeNone {
		return Null()
	}
	return Array(Uint(uint64(mode)), Bytes(id))
}

// CertifiedCredential is credential_C of a device with a token.
func CertifiedCredential(token []byte) []byte { return Array(Uint(3), Bytes(token)) }

// KeyID is kid_S.
func KeyID(credS []byte) []byte { return digest(credS)[:8] }

// Reference names the device's key.
func (s Suite) Reference(pk []byte) []byte { return digest(s.PublicObject(pk))[:16] }

// digest is SHA-256, whatever the suite.
func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// EncodeM1 returns m1.
func (s Suite) EncodeM1(kidS, pkE, ctS, sealed1 []byte) []byte {
	return Array(Uint(uint64(s.Number)), Bytes(kidS), Bytes(pkE), Bytes(ctS), Bytes(sealed1))
}

// m1 reads m1, with the limits of section 4.
func (s Suite) m1(b []byte) (kidS, pkE, ctS, sealed1 []byte, err error) {
	r := reader{rest: b, bad: len(b) > 9216}
	r.array(5)
	r.bad = r.uint() != uint64(s.Number) || r.bad
	kidS = r.size(r.bytes(), 8)
	pkE = r.size(r.bytes(), s.PublicSize)
	ctS = r.size(r.bytes(), s.CipherSize)
	sealed1 = r.bytes()
	r.bad = r.bad || len(sealed1) < 17 || len(sealed1) > 5888
	return kidS, pkE, ctS, sealed1, r.end()
}

// pair reads m2 or a refusal.
func pair(b []byte) (first, sealed []byte, err error) {
	r := reader{rest: b}
	r.array(2)
	first, sealed = r.bytes(), r.bytes()
	return first, sealed, r.end()
}

// plaintext1 reads plaintext_1. A token makes mode kem, and is not looked at.
func plaintext1(b []byte) (mode Mode, id, token []byte, p Parameters, err error) {
	r := reader{rest: b}
	r.array(2)
	if !r.null() {
		r.array(2)
		form := r.uint()
		body := r.bytes()
		switch {
		case (form == 1 || form == 2) && len(body) == 16:
			mode, id = Mode(form), body
		case form == 3 && len(body) > 0 && len(body) <= maxToken:
			mode, token = ModeKEM, body
		default:
			r.bad = true
		}
	}
	p = r.parameters()
	r.bad = r.bad || p.Echo != nil || p.Successor != nil
	return mode, id, token, p, r.end()
}

// EncodePlaintext2 returns plaintext_2. ctC is nil but in mode kem.
func EncodePlaintext2(ctC, cid, token, parameters []byte) []byte {
	first := Null()
	if ctC != nil {
		first = Bytes(ctC)
	}
	return Array(first, Bytes(cid), Bytes(token), parameters)
}

// plaintext2 reads plaintext_2, which has to have the form of the mode.
func (s Suite) plaintext2(mode Mode, b []byte) (ctC, cid, token []byte, p Parameters, err error) {
	r := reader{rest: b}
	r.array(4)
	if mode == ModeKEM {
		ctC = r.size(r.bytes(), s.CipherSize)
	} else if !r.null() {
		r.bad = true
	}
	cid = r.bytes()
	r.bad = r.bad || len(cid) < 1 || len(cid) > 8
	token = r.size(r.bytes(), 16)
	p = r.parameters()
	return ctC, cid, token, p, r.end()
}

// refusalSize is that of every plaintext_R.
const refusalSize = 64

// EncodeRefusal returns plaintext_R, padded.
func EncodeRefusal(code, retryAfter uint64, text string) []byte {
	for {
		b := Array(Uint(code), Uint(retryAfter), Text(text))
		if len(b) >= refusalSize {
			return b
		}
		text += " "
	}
}

// A Refusal is what a server refused with.
type Refusal struct {
	Code, RetryAfter uint64
	Text             string
}

func (*Refusal) Error() string { return "reference: refused" }

// refusal reads plaintext_R.
func refusal(b []byte) error {
	r := reader{rest: b}
	r.array(3)
	code, retry, text := r.uint(), r.uint(), r.text()
	if r.end() != nil || len(b) != refusalSize || code > 23 {
		return ErrRejected
	}
	return &Refusal{code, retry, strings.TrimRight(text, " ")}
}
