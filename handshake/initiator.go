package handshake

import (
	"fmt"
	"io"

	"github.com/cloudflare/circl/kem"
)

// InitiatorConfig says whom a device trusts and what it is. Key nil and PSK nil is
// ModeNone; both set is an error. With a Token the device shows that instead of the
// reference of its key.
type InitiatorConfig struct {
	Server     *ServerCredential
	Key        *PrivateKey // of the server's suite
	Token      []byte      // of the key, from an authority that the server trusts; nil: none
	PSK        *PSK
	Parameters Parameters // Echo and Successor are the server's to send
}

// mode also checks that the parts fit together.
func (c *InitiatorConfig) mode() (Mode, error) {
	switch {
	case c.Server == nil:
		return 0, fmt.Errorf("%w: no server credential", ErrMisuse)
	case c.Parameters.fromServer():
		return 0, fmt.Errorf("%w: parameters that only a server sends", ErrMisuse)
	case c.Key != nil && c.PSK != nil:
		return 0, fmt.Errorf("%w: both a key and a PSK", ErrMisuse)
	case c.Key != nil && c.Key.Suite() != c.Server.Suite():
		return 0, fmt.Errorf("%w: the device's key is not of the server's suite", ErrMisuse)
	case c.Token != nil && (c.Key == nil || c.Key.public.in(string(c.Token)) != nil):
		return 0, fmt.Errorf("%w: the token is not of the device's key", ErrMisuse)
	case c.PSK != nil && !c.PSK.set():
		return 0, fmt.Errorf("%w: empty PSK", ErrMisuse)
	case c.Key != nil:
		return ModeKEM, c.Parameters.check()
	case c.PSK != nil:
		return ModePSK, c.Parameters.check()
	}
	return ModeNone, c.Parameters.check()
}

// credential is what sealed_1 names.
func (c *InitiatorConfig) credential(mode Mode) ClientCredential {
	switch {
	case c.Token != nil:
		return ClientCredential{Mode: mode, Token: string(c.Token)}
	case mode == ModeKEM:
		return ClientCredential{Mode: mode, ID: c.Key.Public().DeviceID()}
	case mode == ModePSK:
		return ClientCredential{Mode: mode, ID: c.PSK.ID}
	}
	return ClientCredential{}
}

// An Initiator is a device that has made m1 and waits for m2.
type Initiator struct {
	cfg   InitiatorConfig
	mode  Mode
	m1    []byte
	skE   kem.PrivateKey // nil when finished
	step1 step1

	unprintable
}

// NewInitiator makes m1 (docs/protocol.md section 4): it generates (pk_e, sk_e),
// encapsulates to pk_S and seals plaintext_1. It reads from rand the seed of sk_e, then
// that of the encapsulation. ErrMisuse if the parts of cfg do not fit together.
func NewInitiator(rand io.Reader, cfg InitiatorConfig) (*Initiator, error) {
	mode, err := cfg.mode()
	if err != nil {
		return nil, err
	}
	suite := cfg.Server.Suite()
	pkE, skE, err := suite.generateEphemeral(rand)
	if err != nil {
		return nil, err
	}
	ctS, ssS, err := suite.encapsulate(cfg.Server.public.kem, rand)
	if err != nil {
		return nil, err
	}
	i := &Initiator{cfg: cfg, mode: mode, skE: skE}
	i.step1 = newStep1(cfg.Server, pkE, ctS, ssS)
	p := plaintext1{cfg.credential(mode), cfg.Parameters}
	plain := p.encode()
	i.step1.add(plain)
	m := M1{suite, cfg.Server.KeyID(), pkE, ctS, seal(i.step1.k1(), plain)}
	i.m1 = m.encode()
	return i, nil
}

// M1 returns m1. It may be sent any number of times; the caller must not change it.
func (i *Initiator) M1() []byte { return i.m1 }

// ResponseSize returns the size of the largest m2 to expect, so that its blocks can be
// asked for at once. The true one may be up to 30 bytes smaller.
func (i *Initiator) ResponseSize() int { return maxM2(i.step1.suite, i.mode) }

// Finish opens m2 (docs/protocol.md section 4) and derives the keys. It fails with
//   - ErrRejected if b is neither an m2 nor a refusal by this server for this m1. That says
//     nothing about the server: anybody may have sent b, and the Initiator still waits;
//   - a [*Refusal] (errors.As) that the server sealed; the Initiator still waits;
//   - ErrMisuse after it has succeeded or was closed.
//
// In ModePSK the server has not proven to know the PSK yet: its first record will.
func (i *Initiator) Finish(b []byte) (*Result, error) {
	if i.skE == nil {
		return nil, fmt.Errorf("%w: finished already", ErrMisuse)
	}
	answer, err := parseAnswer(i.step1.suite, b)
	if err != nil {
		return nil, ErrRejected
	}
	if len(answer.First) == refusalNonceSize {
		return nil, i.step1.openRefusal(answer)
	}
	res, err := i.finish(answer)
	if err != nil {
		return nil, ErrRejected
	}
	i.Close()
	return res, nil
}

// finish changes nothing in i: b is not known to be the server's before sealed_2 opens.
func (i *Initiator) finish(m2 answerObject) (*Result, error) {
	suite := i.step1.suite
	ssE, err := suite.decapsulate(i.skE, m2.First)
	if err != nil {
		return nil, err
	}
	step2 := i.step1.next(m2.First, ssE)
	defer wipe(step2.s2)
	plain, err := open(step2.k2(), m2.Sealed)
	if err != nil {
		return nil, err
	}
	p, err := parsePlaintext2(suite, i.mode, plain)
	if err != nil {
		return nil, err
	}
	auth, err := i.authentication(p.ctC)
	if err != nil {
		return nil, err
	}
	step3 := step2.next(plain, auth)
	res := step3.result(i.mode, &p)
	res.binding = i.cfg.binding()
	return res, nil
}

// authentication is what the device's mode puts into s3 (docs/protocol.md section 5).
func (i *Initiator) authentication(ctC []byte) (authentication, error) {
	switch i.mode {
	case ModeKEM:
		ssC, err := i.step1.suite.decapsulate(i.cfg.Key.kem, ctC)
		return authentication{ModeKEM, i.cfg.Key.public.hash, ssC}, err
	case ModePSK:
		return i.cfg.PSK.authentication(), nil
	}
	return i.step1.suite.anonymous(), nil
}

// Close ends the handshake and its secrets. Finish does it when it succeeds.
func (i *Initiator) Close() {
	wipe(i.step1.s1)
	i.skE = nil
}

// authentication of mode psk.
func (p *PSK) authentication() authentication {
	return authentication{ModePSK, append([]byte(nil), p.ID[:]...), append(Secret(nil), p.Key[:]...)}
}

// anonymous is the authentication of mode none.
func (s Suite) anonymous() authentication {
	return authentication{ModeNone, nil, s.zeros()}
}
