package handshake

import (
	"fmt"
	"io"
	"time"

	"github.com/cloudflare/circl/kem"
)

// A Resumption is an m1r that opened, to be answered with Respond or Refuse. Whoever made it
// has the secret of the ticket; that it was not sent before is not known.
type Resumption struct {
	Suite      Suite
	Credential ClientCredential // of the session that the ticket comes from
	Parameters Parameters
	Policy     uint8 // that of the Grant of the session before
	Small      bool  // without a KEM key

	pkE       kem.PublicKey // nil in the small form
	lineage   lineage
	successor [keyIDSize]byte
	step1     step1
	barred    bool // it can only be refused
	done      bool

	unprintable
}

// OpenResumption opens the ticket of m, then sealed_1r, and checks pk_e and the limits
// (docs/protocol.md section 16.4). No KEM operation is done. It fails with
//   - ErrUnknownKey if keys.Knows(m) is false;
//   - ErrRejected if the ticket or sealed_1r does not open or does not hold what it must;
//   - a [*Refusal] (errors.As) if the ticket has expired, is of a server key that is gone, or
//     asks for more than limits allow. Then the Resumption is not nil, but can only Refuse,
//     with what the error says.
func (r *Responder) OpenResumption(now time.Time, m *M1R, keys *TicketKeys, limits Limits) (*Resumption, error) {
	key := keys.find(m.ticket)
	if key == nil {
		return nil, ErrUnknownKey
	}
	contents, err := key.open(m.ticket)
	if err != nil {
		return nil, ErrRejected
	}
	defer wipe(contents)
	suite, resumption, lineage, err := parseContents(contents)
	defer wipe(resumption)
	if err != nil || suite != m.Suite {
		return nil, ErrRejected
	}
	a := &Resumption{Suite: suite, Credential: lineage.credential, Policy: lineage.policy, Small: m.Small(), lineage: lineage}
	if err := a.open(m, resumption); err != nil {
		a.Close()
		return nil, ErrRejected
	}
	if err := r.judge(now.Unix(), a, limits); err != nil {
		a.barred = true
		return a, err
	}
	return a, nil
}

// open opens sealed_1r and checks pk_e: by now it is known who sent it.
func (a *Resumption) open(m *M1R, resumption Secret) error {
	var k1r Secret
	a.step1, k1r = newStep1R(a.Suite, resumption, m.ticket, m.nonceC, m.pkE)
	plain, err := open(k1r, m.sealed1)
	if err != nil {
		return err
	}
	a.step1.add(plain)
	if a.Parameters, err = parsePlaintext1R(plain); err != nil || a.Small {
		return err
	}
	a.pkE, err = a.Suite.parseKEMKey(m.pkE)
	return err
}

// judge returns a *Refusal where the ticket does not give what m1r asks for.
func (r *Responder) judge(now int64, a *Resumption, limits Limits) error {
	g := &a.lineage
	k := r.find(a.Suite, g.server)
	a.successor = k.successor
	switch {
	case now >= g.expires:
		return &Refusal{Code: RefusedTicket, Text: "the ticket has expired"}
	case k.cred == nil:
		return &Refusal{Code: RefusedTicket, Text: "the server's key has changed"}
	case a.Small && g.small(now, limits) == 0:
		return &Refusal{Code: RefusedSmallForm, Text: "a KEM key is needed"}
	}
	return nil
}

// find returns the credential of the suite whose kid_S begins so.
func (r *Responder) find(suite Suite, kid [ticketKIDSize]byte) known {
	for name, k := range r.known {
		if name.suite == suite && [ticketKIDSize]byte(name.kidS[:]) == kid {
			return k
		}
	}
	return known{}
}

// Close ends the secrets, after a refusal or without an answer. Respond does it when it
// succeeds.
func (a *Resumption) Close() {
	wipe(a.step1.s1)
	a.done = true
}

// Refuse seals a refusal, as that of an [Accepted].
func (a *Resumption) Refuse(rand io.Reader, code RefusalCode, retryAfter time.Duration, text string) ([]byte, error) {
	if a.done {
		return nil, fmt.Errorf("%w: answered already", ErrMisuse)
	}
	return a.step1.refuse(rand, code, retryAfter, text)
}

// Respond makes m2r and the keys. The grant is for a.Credential as in a full handshake: the
// key or PSK shows that the device is still enrolled with it. It reads from rand nonce_S,
// then the seed of the encapsulation to pk_e. It succeeds once. It fails with
//   - ErrStale if the PSK is another one than that of the full handshake: refuse, with
//     RefusedTicket;
//   - ErrMisuse if the grant is not for this device, if it can only be refused, or on a
//     second call.
func (a *Resumption) Respond(rand io.Reader, g Grant) (m2r []byte, res *Result, err error) {
	if a.done || a.barred {
		return nil, nil, fmt.Errorf("%w: answered already, or can only be refused", ErrMisuse)
	}
	if err := g.check(a.Suite, a.Credential); err != nil {
		return nil, nil, err
	}
	if g.digest() != a.lineage.digest {
		return nil, nil, ErrStale
	}
	nonceS, err := readSeed(rand, resumptionNonceSize)
	if err != nil {
		return nil, nil, err
	}
	ctE, ssE, err := a.encapsulate(rand)
	if err != nil {
		return nil, nil, err
	}
	step2 := a.step1.nextR(nonceS, ctE, ssE)
	defer wipe(step2.s2)
	g.Parameters.Successor = a.successor
	p := plaintext2{nil, append([]byte(nil), g.ConnectionID...), g.ResetToken, g.Parameters}
	plain := p.encodeR()
	m2r = encode(m2rObject{NonceS: nonceS, CtE: ctE, Sealed: seal(step2.k2r(), plain)})
	step3 := step2.nextR(plain)
	res = step3.result(a.Credential.Mode, &p)
	res.SendSecret, res.ReceiveSecret = res.ReceiveSecret, res.SendSecret
	res.Peer, res.lineage = a.Parameters, a.lineage.next(a.Small, g.Policy)
	a.Close()
	return m2r, res, nil
}

// encapsulate makes ct_e and ss_e, which is zeros in the small form.
func (a *Resumption) encapsulate(rand io.Reader) (ctE []byte, ssE Secret, err error) {
	if a.Small {
		return nil, a.Suite.zeros(), nil
	}
	return a.Suite.encapsulate(a.pkE, rand)
}

// next is the lineage of the session that a resumption leads to. It does not live longer.
func (g lineage) next(small bool, policy uint8) lineage {
	g.policy, g.fresh = policy, !small
	if !small {
		g.resumptions = 0
	} else if g.resumptions < 255 {
		g.resumptions++
	}
	return g
}
