package cwt

import (
	"fmt"
	"io"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// tagSign1 begins a token: the CBOR tag 18 of a COSE_Sign1 (RFC 9052 section 4.2).
const tagSign1 = 0xd2

// sign1Object is a COSE_Sign1.
type sign1Object struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected unprotected
	Payload     []byte
	Signature   []byte
}

// protected are all parameters of the header that is signed: a token with "crit" or any
// other is refused.
type protected struct {
	Algorithm int64 `cbor:"1,keyasint"`
}

type unprotected struct {
	KeyID []byte `cbor:"4,keyasint"`
}

// toBeSigned is the Sig_structure of RFC 9052 section 4.4.
func toBeSigned(protected, payload []byte) []byte {
	return encode([]any{"Signature1", protected, []byte{}, payload})
}

// Issue signs a token for claims, where ID may be zero: then it reads 16 bytes from rand.
// The same claims with the same ID always give the same token. ErrMisuse for claims that no
// token has.
func (a *Authority) Issue(rand io.Reader, c Claims) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.ID == [16]byte{} {
		if _, err := io.ReadFull(rand, c.ID[:]); err != nil {
			return nil, fmt.Errorf("cwt: reading randomness: %w", err)
		}
	}
	id := a.public.ID()
	o := sign1Object{
		Protected:   encode(protected{int64(a.public.alg)}),
		Unprotected: unprotected{id[:]},
		Payload:     c.encode(),
	}
	o.Signature = a.sign(toBeSigned(o.Protected, o.Payload))
	return append([]byte{tagSign1}, encode(o)...), nil
}

// A Want says what a token has to be.
type Want struct {
	Issuer  string
	Subject string // empty: any
	Usage   Usage
	Suite   handshake.Suite // of the handshake that the key is for

	// Now is the time by the clock of who verifies, and Skew how far that may be off. With the
	// zero Time, of a device without a clock, NotBefore is not looked at, and what has expired
	// counts as valid, unless:
	Now  time.Time
	Skew time.Duration
	// Past is a time that is over for certain, such as when another token was issued: a token
	// that had expired by then is refused, with a clock or without. It may be zero.
	Past time.Time
}

// Verify checks a token that the peer has shown (docs/protocol.md section 17). Only when the
// signature is the authority's are the claims read. Errors say which check failed, of which the
// peer is not told.
func (k *AuthorityKey) Verify(token []byte, w Want) (*Claims, error) {
	o, err := k.open(token)
	if err != nil {
		return nil, err
	}
	c, err := parseClaims(o.Payload)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Issuer != w.Issuer:
		return nil, ErrIssuer
	case c.Usage != w.Usage:
		return nil, ErrUsage
	case w.Subject != "" && c.Subject != w.Subject:
		return nil, ErrSubject
	case c.Key.Suite() != w.Suite:
		return nil, ErrSuite
	case !w.Past.IsZero() && !c.Expires.After(w.Past):
		return nil, ErrExpired
	case w.Now.IsZero():
		return c, nil
	case !w.Now.Add(-w.Skew).Before(c.Expires):
		return nil, ErrExpired
	case w.Now.Add(w.Skew).Before(c.NotBefore):
		return nil, ErrNotYet
	}
	return c, nil
}

// open checks the envelope: cheap things first, the signature last.
func (k *AuthorityKey) open(token []byte) (*sign1Object, error) {
	if len(token) == 0 || len(token) > handshake.MaxToken || token[0] != tagSign1 {
		return nil, ErrMalformed
	}
	var o sign1Object
	var header protected
	if err := decode(token[1:], &o); err != nil {
		return nil, err
	}
	if err := decode(o.Protected, &header); err != nil {
		return nil, err
	}
	id := k.ID()
	if string(o.Unprotected.KeyID) != string(id[:]) || header.Algorithm != int64(k.alg) ||
		!k.alg.scheme().Verify(k.public, toBeSigned(o.Protected, o.Payload), o.Signature, nil) {
		return nil, ErrSignature
	}
	return &o, nil
}
