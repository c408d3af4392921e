package handshake

import (
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/kem"
)

// ResumerConfig says whom a device trusts and what it is, now. A ticket that belongs to
// anything else is not used.
type ResumerConfig struct {
	Suite      Suite
	Server     [32]byte    // fingerprint of the credential that is trusted
	Key        *PrivateKey // as in the full handshake; only its name is compared
	PSK        *PSK
	Parameters Parameters // Echo and Successor are the server's to send
	Ephemeral  bool       // send a KEM key: forward secret
}

// check compares the configuration with what the ticket belongs to.
func (c *ResumerConfig) check(s *ResumptionState) error {
	mode := ModeNone
	switch {
	case c.Key != nil && c.PSK != nil:
		return fmt.Errorf("%w: both a key and a PSK", ErrMisuse)
	case c.Parameters.fromServer():
		return fmt.Errorf("%w: parameters that only a server sends", ErrMisuse)
	case c.Key != nil:
		mode = ModeKEM
	case c.PSK != nil:
		mode = ModePSK
	}
	if mode != s.Mode || c.Suite != s.Suite || s.binding != (binding{c.Server, identity(c.Key, c.PSK)}) {
		return ErrStale
	}
	return c.Parameters.check()
}

// A Resumer is a device that has made m1r and waits for m2r.
type Resumer struct {
	state      ResumptionState
	parameters Parameters
	m1r        []byte
	skE        kem.PrivateKey // nil in the small form
	step1      step1
	mayRetry   bool // the server wants a KEM key

	unprintable
}

// NewResumer makes m1r (docs/protocol.md section 16.2) and takes the secret out of the state,
// which is for one m1r. It reads nonce_C from rand, then the seed of sk_e. It fails with
//   - ErrStale if the state belongs to another server key, suite or credential: the device
//     does a full handshake, and the state is left as it is;
//   - ErrMisuse if the state was used, or the parts of cfg do not fit together.
func NewResumer(rand io.Reader, s *ResumptionState, cfg ResumerConfig) (*Resumer, error) {
	if s.secret == nil {
		return nil, fmt.Errorf("%w: the ticket was used", ErrMisuse)
	}
	if err := cfg.check(s); err != nil {
		return nil, err
	}
	r := &Resumer{state: *s, parameters: cfg.Parameters}
	if err := r.begin(rand, cfg.Ephemeral); err != nil {
		return nil, err
	}
	s.secret = nil // it is the Resumer's now
	return r, nil
}

// begin makes an m1r. Where it fails r is as it was.
func (r *Resumer) begin(rand io.Reader, ephemeral bool) error {
	suite := r.state.Suite
	nonceC, err := readSeed(rand, resumptionNonceSize)
	if err != nil {
		return err
	}
	m := M1R{Suite: suite, ticket: r.state.ticket, nonceC: nonceC}
	var skE kem.PrivateKey
	if ephemeral {
		if m.pkE, skE, err = suite.generateEphemeral(rand); err != nil {
			return err
		}
	}
	step1, k1r := newStep1R(suite, r.state.secret, m.ticket, m.nonceC, m.pkE)
	plain := encodePlaintext1R(r.parameters)
	step1.add(plain)
	m.sealed1 = seal(k1r, plain)
	wipe(r.step1.s1)
	r.m1r, r.skE, r.step1 = m.encode(), skE, step1
	return nil
}

// M1R returns m1r. It may be sent any number of times; the caller must not change it.
func (r *Resumer) M1R() []byte { return r.m1r }

// ResponseSize returns the size of the largest m2r to expect, as that of an Initiator.
func (r *Resumer) ResponseSize() int { return maxM2R(r.state.Suite, r.skE == nil) }

// Retry makes another m1r from the same ticket, with a KEM key: once, when Finish has
// returned the server's refusal with RefusedSmallForm, and never else (ErrMisuse). A refusal
// that anybody could have made is not enough.
func (r *Resumer) Retry(rand io.Reader) error {
	if !r.mayRetry {
		return fmt.Errorf("%w: the server has not asked for a KEM key", ErrMisuse)
	}
	if err := r.begin(rand, true); err != nil {
		return err
	}
	r.mayRetry = false
	return nil
}

// Finish opens m2r and derives the keys. It fails as [Initiator.Finish] does. The session has
// the mode of the one that the ticket comes from. No failure is a reason to trust another
// server key or to use another suite; what is left to the device is a full handshake.
func (r *Resumer) Finish(b []byte) (*Result, error) {
	if r.state.secret == nil {
		return nil, fmt.Errorf("%w: finished already", ErrMisuse)
	}
	if answer, err := parseAnswer(r.state.Suite, b); err == nil {
		return nil, r.refused(answer)
	}
	res, err := r.finish(b)
	if err != nil {
		return nil, ErrRejected
	}
	r.Close()
	return res, nil
}

// refused opens a refusal: an answer of two elements is no m2r.
func (r *Resumer) refused(answer answerObject) error {
	if len(answer.First) != refusalNonceSize {
		return ErrRejected
	}
	err := r.step1.openRefusal(answer)
	var refusal *Refusal
	if errors.As(err, &refusal) {
		r.mayRetry = refusal.Code == RefusedSmallForm && r.skE == nil
	}
	return err
}

// finish changes nothing in r: b is not known to be the server's before sealed_2r opens.
func (r *Resumer) finish(b []byte) (*Result, error) {
	suite := r.state.Suite
	m2r, err := parseM2R(suite, r.skE == nil, b)
	if err != nil {
		return nil, err
	}
	ssE := suite.zeros()
	if r.skE != nil {
		if ssE, err = suite.decapsulate(r.skE, m2r.CtE); err != nil {
			return nil, err
		}
	}
	step2 := r.step1.nextR(m2r.NonceS, m2r.CtE, ssE)
	defer wipe(step2.s2)
	plain, err := open(step2.k2r(), m2r.Sealed)
	if err != nil {
		return nil, err
	}
	p, err := parsePlaintext2R(plain)
	if err != nil {
		return nil, err
	}
	step3 := step2.nextR(plain)
	res := step3.result(r.state.Mode, &p)
	res.binding = r.state.binding
	return res, nil
}

// Close ends the resumption and its secrets. Finish does it when it succeeds.
func (r *Resumer) Close() {
	wipe(r.step1.s1)
	r.state.Wipe()
	r.skE, r.mayRetry = nil, false
}
