package handshake

import (
	"bytes"
	"crypto/sha256"
)

// A ServerCredential is cred_S: what a device trusts, and what GET /hs serves
// (docs/protocol.md section 3). Its pinned form is CBOR [suite, pk_S], its certified form the
// whole token of an authority.
type ServerCredential struct {
	public *PublicKey
	bytes  []byte
	digest [32]byte // SHA-256(bytes)
	hash   []byte   // Hash(bytes), with the hash of the suite
}

// keyIDSize is the length of kid_S.
const keyIDSize = 8

// MaxToken is the size of the largest token of an authority, bytes.
const MaxToken = 5632

// ParseServerCredential decodes cred_S in its pinned form. It fails with ErrMalformed, with
// ErrUnsupported for a suite it does not know, or with ErrKey.
func ParseServerCredential(b []byte) (*ServerCredential, error) {
	var o publicKeyObject
	if err := decode(b, &o); err != nil {
		return nil, err
	}
	if !o.Suite.Valid() {
		return nil, ErrUnsupported
	}
	public, err := ParsePublicKey(o.Suite, o.Key)
	if err != nil {
		return nil, err
	}
	return pinned(public), nil
}

// pinned is the pinned form of a key.
func pinned(k *PublicKey) *ServerCredential {
	return &ServerCredential{k, k.object, k.digest, k.hash}
}

// NewCertifiedCredential returns cred_S in its certified form: the token, by which an
// authority vouches for the key. It copies the token and does not read it: a device makes
// the credential of a token that it has verified (package cwt) and of the key in it. ErrKey if
// the token does not contain the key, ErrMalformed if it is longer than MaxToken.
func NewCertifiedCredential(k *PublicKey, token []byte) (*ServerCredential, error) {
	if err := k.in(string(token)); err != nil {
		return nil, err
	}
	h := k.suite.Hash().New()
	h.Write(token)
	return &ServerCredential{k, bytes.Clone(token), sha256.Sum256(token), h.Sum(nil)}, nil
}

// Bytes returns a copy of cred_S.
func (c *ServerCredential) Bytes() []byte { return bytes.Clone(c.bytes) }

// Fingerprint returns SHA-256(cred_S); of the pinned form, what a device may pin instead of
// the whole.
func (c *ServerCredential) Fingerprint() [32]byte { return c.digest }

// KeyID returns kid_S: the first 8 bytes of the fingerprint.
func (c *ServerCredential) KeyID() [keyIDSize]byte { return [keyIDSize]byte(c.digest[:]) }

// Certified reports whether cred_S is the token of an authority.
func (c *ServerCredential) Certified() bool { return c.digest != c.public.digest }

// PublicKey returns pk_S.
func (c *ServerCredential) PublicKey() *PublicKey { return c.public }

// Suite returns the one suite that the device uses with this server.
func (c *ServerCredential) Suite() Suite { return c.public.suite }
