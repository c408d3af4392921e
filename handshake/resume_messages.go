package handshake

import "fmt"

// Sizes of docs/protocol.md section 16.
const (
	resumptionNonceSize = 16 // nonce_C and nonce_S
	minTicket           = 16 // more than a kid_S, which is what tells m1r from m1
	maxTicket           = 512
	maxSealed1R         = 1024
)

// M1R is a resumption's first message that parsed. Nothing in it is known to be true yet.
type M1R struct {
	Suite Suite

	ticket, nonceC []byte
	pkE            []byte // nil in the small form
	sealed1        []byte
}

type m1rObject struct {
	_       struct{} `cbor:",toarray"`
	Suite   Suite
	Ticket  []byte
	NonceC  []byte
	PkE     []byte
	Sealed1 []byte
}

// Small reports whether m1r has no ephemeral KEM key.
func (m *M1R) Small() bool { return m.pkE == nil }

// encode returns m1r (docs/protocol.md section 16.2).
func (m *M1R) encode() []byte {
	return encode(m1rObject{
		Suite: m.Suite, Ticket: m.ticket, NonceC: m.nonceC, PkE: m.pkE, Sealed1: m.sealed1,
	})
}

// ParseM1R decodes m1r and checks its shape. No bytes are both an m1 and an m1r. It fails
// with ErrMalformed. The result does not alias b.
func ParseM1R(b []byte) (*M1R, error) {
	if len(b) > MaxM1 {
		return nil, fmt.Errorf("%w: m1r too long", ErrMalformed)
	}
	var o m1rObject
	if err := decode(b, &o); err != nil {
		return nil, err
	}
	if !o.Suite.Valid() {
		return nil, fmt.Errorf("%w: unknown suite", ErrMalformed)
	}
	if len(o.Ticket) < minTicket || len(o.Ticket) > maxTicket ||
		len(o.NonceC) != resumptionNonceSize ||
		o.PkE != nil && len(o.PkE) != o.Suite.PublicKeySize() ||
		len(o.Sealed1) <= tagSize || len(o.Sealed1) > maxSealed1R {
		return nil, fmt.Errorf("%w: size of a field of m1r", ErrMalformed)
	}
	return &M1R{o.Suite, o.Ticket, o.NonceC, o.PkE, o.Sealed1}, nil
}

// m2rObject is m2r = [nonce_S, ct_e or null, sealed_2r].
type m2rObject struct {
	_      struct{} `cbor:",toarray"`
	NonceS []byte
	CtE    []byte
	Sealed []byte
}

// parseM2R decodes m2r. The form of ct_e has to be that of pk_e, or a server could leave
// the encapsulation out.
func parseM2R(suite Suite, small bool, b []byte) (o m2rObject, err error) {
	if len(b) > 1+1+resumptionNonceSize+3+suite.CiphertextSize()+3+maxSealed2 {
		return o, ErrMalformed
	}
	if err := decode(b, &o); err != nil {
		return o, err
	}
	switch {
	case len(o.NonceS) != resumptionNonceSize,
		small && o.CtE != nil,
		!small && len(o.CtE) != suite.CiphertextSize():
		return o, ErrMalformed
	}
	return o, nil
}

// encodePlaintext1R returns plaintext_1r: the parameters alone. Who the device is stands in
// its ticket.
func encodePlaintext1R(p Parameters) []byte { return encode(p.object()) }

// parsePlaintext1R is the inverse.
func parsePlaintext1R(b []byte) (p Parameters, err error) {
	var o map[uint64]any
	if err := decode(b, &o); err != nil {
		return p, err
	}
	if p, err = parseParameters(o); err == nil && p.fromServer() {
		return p, ErrMalformed
	}
	return p, err
}

type plaintext2rObject struct {
	_          struct{} `cbor:",toarray"`
	ConnID     []byte
	ResetToken []byte
	Parameters map[uint64]any
}

// encodeR returns plaintext_2r: as plaintext_2, without ct_C.
func (p *plaintext2) encodeR() []byte {
	return encode(plaintext2rObject{
		ConnID: p.connID, ResetToken: p.resetToken[:], Parameters: p.parameters.object(),
	})
}

// parsePlaintext2R is the inverse.
func parsePlaintext2R(b []byte) (p plaintext2, err error) {
	var o plaintext2rObject
	if err := decode(b, &o); err != nil {
		return p, err
	}
	if len(o.ConnID) < 1 || len(o.ConnID) > maxConnID || len(o.ResetToken) != resetSize {
		return p, ErrMalformed
	}
	p.connID, p.resetToken = o.ConnID, [resetSize]byte(o.ResetToken)
	p.parameters, err = parseParameters(o.Parameters)
	return p, err
}

// maxM2R is the size of the largest m2r with the parameters of this version.
func maxM2R(suite Suite, small bool) int {
	p := largestPlaintext2()
	o := m2rObject{
		NonceS: make([]byte, resumptionNonceSize),
		Sealed: make([]byte, len(p.encodeR())+tagSize),
	}
	if !small {
		o.CtE = make([]byte, suite.CiphertextSize())
	}
	return len(encode(o))
}
