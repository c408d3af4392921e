package handshake

import (
	"fmt"
	"io"

	"github.com/cloudflare/circl/kem"
)

// A Responder holds the identities of a server.
type Responder struct {
	known map[keyName]known

	unprintable
}

// known is what one kid_S stands for.
type known struct {
	key       *PrivateKey
	cred      *ServerCredential // nil: no such kid_S
	successor [keyIDSize]byte   // of a key that another is to replace; zero: none

	unprintable
}

// keyName is how m1 names a key of the server.
type keyName struct {
	suite Suite
	kidS  [keyIDSize]byte
}

// NewResponder returns a Responder for the identities, of any suites. Of several keys of
// one suite the first is the one that devices are to pin: those that have pinned another are
// told so (Parameters.Successor).
func NewResponder(ids ...Identity) *Responder {
	r := &Responder{known: make(map[keyName]known, len(ids))}
	first := map[Suite]*ServerCredential{}
	for _, id := range ids {
		k := known{key: id.key, cred: id.pinned}
		if current := first[id.Suite()]; current == nil {
			first[id.Suite()] = id.pinned
		} else if current.digest != id.pinned.digest {
			k.successor = current.KeyID()
		}
		r.add(k)
		for _, token := range id.tokens {
			r.add(known{key: id.key, cred: token})
		}
	}
	return r
}

func (r *Responder) add(k known) { r.known[keyName{k.cred.Suite(), k.cred.KeyID()}] = k }

// Knows reports whether the credential that m names is one of the Responder's: cheap,
// before any public-key work.
func (r *Responder) Knows(m *M1) bool {
	return r.known[keyName{m.Suite, m.KeyID}].cred != nil
}

// Open decapsulates ct_S, opens sealed_1 and checks pk_e (docs/protocol.md section 4). It
// fails with
//   - ErrUnknownKey if Knows is false;
//   - ErrRejected if sealed_1 does not open or does not hold what it must.
func (r *Responder) Open(m *M1) (*Accepted, error) {
	k := r.known[keyName{m.Suite, m.KeyID}]
	if k.cred == nil {
		return nil, ErrUnknownKey
	}
	ssS, err := m.Suite.decapsulate(k.key.kem, m.ctS)
	if err != nil {
		return nil, ErrRejected
	}
	a := &Accepted{
		Suite: m.Suite, server: [ticketKIDSize]byte(m.KeyID[:]), successor: k.successor,
		step1: newStep1(k.cred, m.pkE, m.ctS, ssS),
	}
	plain, err := open(a.step1.k1(), m.sealed1)
	if err != nil {
		a.Close()
		return nil, ErrRejected
	}
	a.step1.add(plain)
	return a.read(m.pkE, plain)
}

// read takes in what sealed_1 held. Anybody can seal to pk_S: nothing of it is
// authenticated, so it is checked like any other input.
func (a *Accepted) read(pkE, plain []byte) (*Accepted, error) {
	p, err := parsePlaintext1(plain)
	if err == nil {
		a.pkE, err = a.Suite.parseKEMKey(pkE)
	}
	if err != nil {
		a.Close()
		return nil, ErrRejected
	}
	a.Credential, a.Parameters = p.credential, p.parameters
	return a, nil
}

// An Accepted is an m1 that opened, to be answered with Respond or Refuse. Until the first
// record opens nothing shows that the device holds the credential it names.
type Accepted struct {
	Suite      Suite
	Credential ClientCredential
	Parameters Parameters

	server    [ticketKIDSize]byte
	successor [keyIDSize]byte
	pkE       kem.PublicKey
	step1     step1
	done      bool

	unprintable
}

// Close ends the secrets, after a refusal or without an answer. Respond does it when it
// succeeds.
func (a *Accepted) Close() {
	wipe(a.step1.s1)
	a.done = true
}

// A Grant is what a server gives to a device that it lets in.
type Grant struct {
	Key          *PublicKey // the device's, in ModeKEM: the one that a verified token has
	PSK          *PSK       // the device's, in ModePSK
	ConnectionID []byte     // cid_S, 1 to 8 bytes
	ResetToken   [16]byte
	Parameters   Parameters // Successor is the Responder's to fill in
	Policy       uint8      // the server's own: its tickets carry it to the next resumption

	unprintable
}

// check reports a grant that is not for this device, with ErrMisuse. That the key is the
// one that the reference commits to, or the one of the token, is what the agreement on the
// device's identity needs.
func (g *Grant) check(suite Suite, c ClientCredential) error {
	switch {
	case (g.Key != nil) != (c.Mode == ModeKEM), (g.PSK != nil) != (c.Mode == ModePSK):
		return fmt.Errorf("%w: the grant is not of the device's mode", ErrMisuse)
	case g.Key != nil && (g.Key.suite != suite || !c.names(g.Key)):
		return fmt.Errorf("%w: not the key that the device named", ErrMisuse)
	case g.PSK != nil && (g.PSK.ID != c.ID || !g.PSK.set()):
		return fmt.Errorf("%w: not the PSK that the device named", ErrMisuse)
	case len(g.ConnectionID) < 1 || len(g.ConnectionID) > maxConnID:
		return fmt.Errorf("%w: length of the connection ID", ErrMisuse)
	}
	return g.Parameters.check()
}

// Respond makes m2 and the keys (docs/protocol.md section 4). It reads from rand the seed
// of the encapsulation to pk_e, then in ModeKEM that of the one to pk_C. It succeeds once:
// the same m1 again has to be answered with the same bytes. ErrMisuse if the grant is not
// for this device, or on a second call.
func (a *Accepted) Respond(rand io.Reader, g Grant) (m2 []byte, res *Result, err error) {
	if a.done {
		return nil, nil, fmt.Errorf("%w: answered already", ErrMisuse)
	}
	if err := g.check(a.Suite, a.Credential); err != nil {
		return nil, nil, err
	}
	ctE, ssE, err := a.Suite.encapsulate(a.pkE, rand)
	if err != nil {
		return nil, nil, err
	}
	step2 := a.step1.next(ctE, ssE)
	defer wipe(step2.s2)
	ctC, auth, err := a.authentication(rand, &g)
	if err != nil {
		return nil, nil, err
	}
	g.Parameters.Successor = a.successor
	p := plaintext2{ctC, append([]byte(nil), g.ConnectionID...), g.ResetToken, g.Parameters}
	plain := p.encode()
	m2 = encode(answerObject{First: ctE, Sealed: seal(step2.k2(), plain)})
	step3 := step2.next(plain, auth)
	res = step3.result(a.Credential.Mode, &p)
	res.SendSecret, res.ReceiveSecret = res.ReceiveSecret, res.SendSecret
	res.Peer = a.Parameters
	res.lineage = lineage{credential: a.Credential.Reference(g.Key), server: a.server, digest: g.digest(), policy: g.Policy, fresh: true}
	a.Close()
	return m2, res, nil
}

// authentication is what the device's mode puts into s3 (docs/protocol.md section 5).
func (a *Accepted) authentication(rand io.Reader, g *Grant) (ctC []byte, auth authentication, err error) {
	switch a.Credential.Mode {
	case ModeKEM:
		ctC, ssC, err := a.Suite.encapsulate(g.Key.kem, rand)
		return ctC, authentication{ModeKEM, g.Key.hash, ssC}, err
	case ModePSK:
		return nil, g.PSK.authentication(), nil
	}
	return nil, a.Suite.anonymous(), nil
}
