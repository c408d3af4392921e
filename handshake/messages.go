package handshake

import "fmt"

// MaxM1 is the size of the largest m1, bytes: suite 4 with the largest token.
const MaxM1 = 9216

// Sizes of docs/protocol.md section 4.
const (
	maxSealed1   = MaxToken + 256
	maxSealed2   = 2048
	maxConnID    = 8
	resetSize    = 16
	tagSize      = 16
	maxM2Framing = 1 + 3 + 3 // the heads of the array and of its two byte strings
)

// M1 is a message of a device that parsed. Nothing in it is known to be true yet.
type M1 struct {
	Suite Suite
	KeyID [keyIDSize]byte // kid_S

	pkE, ctS, sealed1 []byte
}

type m1Object struct {
	_       struct{} `cbor:",toarray"`
	Suite   Suite
	KeyID   []byte
	PkE     []byte
	CtS     []byte
	Sealed1 []byte
}

// encode returns m1 (docs/protocol.md section 4).
func (m *M1) encode() []byte {
	return encode(m1Object{
		Suite: m.Suite, KeyID: m.KeyID[:], PkE: m.pkE, CtS: m.ctS, Sealed1: m.sealed1,
	})
}

// ParseM1 decodes m1 and checks its shape: CBOR, suite and sizes. It does no public-key
// work and fails with ErrMalformed. The result does not alias b.
func ParseM1(b []byte) (*M1, error) {
	if len(b) > MaxM1 {
		return nil, fmt.Errorf("%w: m1 too long", ErrMalformed)
	}
	var o m1Object
	if err := decode(b, &o); err != nil {
		return nil, err
	}
	if !o.Suite.Valid() {
		return nil, fmt.Errorf("%w: unknown suite", ErrMalformed)
	}
	if len(o.KeyID) != keyIDSize || len(o.PkE) != o.Suite.PublicKeySize() ||
		len(o.CtS) != o.Suite.CiphertextSize() ||
		len(o.Sealed1) <= tagSize || len(o.Sealed1) > maxSealed1 {
		return nil, fmt.Errorf("%w: size of a field of m1", ErrMalformed)
	}
	return &M1{o.Suite, [keyIDSize]byte(o.KeyID), o.PkE, o.CtS, o.Sealed1}, nil
}

// answerObject is m2 = [ct_e, sealed_2] or a refusal = [nonce_R, sealed_R].
type answerObject struct {
	_      struct{} `cbor:",toarray"`
	First  []byte
	Sealed []byte
}

// parseAnswer decodes m2 or a refusal; the size of First tells which it is.
func parseAnswer(suite Suite, b []byte) (answerObject, error) {
	var o answerObject
	if len(b) > maxM2Framing+suite.CiphertextSize()+maxSealed2 {
		return o, ErrMalformed
	}
	err := decode(b, &o)
	return o, err
}

// plaintext1 is what sealed_1 holds.
type plaintext1 struct {
	credential ClientCredential
	parameters Parameters
}

type plaintext1Object struct {
	_          struct{} `cbor:",toarray"`
	Credential []any
	Parameters map[uint64]any
}

func (p *plaintext1) encode() []byte {
	return encode(plaintext1Object{
		Credential: p.credential.object(), Parameters: p.parameters.object(),
	})
}

// parsePlaintext1 fails with ErrMalformed.
func parsePlaintext1(b []byte) (p plaintext1, err error) {
	var o plaintext1Object
	if err := decode(b, &o); err != nil {
		return p, err
	}
	if p.parameters, err = parseParameters(o.Parameters); err != nil {
		return p, err
	}
	if p.parameters.fromServer() {
		return p, ErrMalformed
	}
	p.credential, err = parseClientCredential(o.Credential)
	return p, err
}

// plaintext2 is what sealed_2 holds.
type plaintext2 struct {
	ctC        []byte // nil unless in ModeKEM
	connID     []byte // cid_S
	resetToken [resetSize]byte
	parameters Parameters
}

type plaintext2Object struct {
	_          struct{} `cbor:",toarray"`
	CtC        []byte
	ConnID     []byte
	ResetToken []byte
	Parameters map[uint64]any
}

func (p *plaintext2) encode() []byte {
	return encode(plaintext2Object{
		CtC: p.ctC, ConnID: p.connID, ResetToken: p.resetToken[:],
		Parameters: p.parameters.object(),
	})
}

// parsePlaintext2 checks in particular that the form of ct_C is that of the mode: else a
// server could leave out the encapsulation to the device's key.
func parsePlaintext2(suite Suite, mode Mode, b []byte) (p plaintext2, err error) {
	var o plaintext2Object
	if err := decode(b, &o); err != nil {
		return p, err
	}
	switch {
	case mode == ModeKEM && len(o.CtC) != suite.CiphertextSize(),
		mode != ModeKEM && o.CtC != nil,
		len(o.ConnID) < 1 || len(o.ConnID) > maxConnID,
		len(o.ResetToken) != resetSize:
		return p, ErrMalformed
	}
	p.ctC, p.connID, p.resetToken = o.CtC, o.ConnID, [resetSize]byte(o.ResetToken)
	p.parameters, err = parseParameters(o.Parameters)
	return p, err
}

// largestPlaintext2 has the largest of all fields of this version, but no ct_C. Successor is
// left out: few need it, and a block asked for in vain costs all of them.
func largestPlaintext2() plaintext2 {
	return plaintext2{
		connID: make([]byte, maxConnID),
		parameters: Parameters{
			MaxUDPPayload: maxUDPPayload, IdleTimeout: seconds(maxSeconds), Echo: make([]byte, echoSize),
		},
	}
}

// maxM2 is the size of the largest m2 with the parameters of this version.
func maxM2(suite Suite, mode Mode) int {
	p := largestPlaintext2()
	if mode == ModeKEM {
		p.ctC = make([]byte, suite.CiphertextSize())
	}
	return len(encode(answerObject{
		First:  make([]byte, suite.CiphertextSize()),
		Sealed: make([]byte, len(p.encode())+tagSize),
	}))
}
