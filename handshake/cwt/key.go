package cwt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cloudflare/circl/sign"

	"github.com/pqcoap/pqcoap/handshake"
)

// keyObject is a COSE_Key of type AKP (RFC 9964): all keys of section 17 are.
type keyObject struct {
	Type      int64  `cbor:"1,keyasint"`
	Algorithm int64  `cbor:"3,keyasint"`
	Public    []byte `cbor:"-1,keyasint"`
}

const typeAKP = 7

// An AuthorityKey is the public key of an authority: what a device or server trusts.
type AuthorityKey struct {
	alg    Algorithm
	public sign.PublicKey
	object []byte // COSE_Key
}

// ParseAuthorityKey decodes the COSE_Key of an authority. It fails with ErrMalformed, or
// ErrUnsupported for an algorithm that it does not know.
func ParseAuthorityKey(b []byte) (*AuthorityKey, error) {
	var o keyObject
	if err := decode(b, &o); err != nil || o.Type != typeAKP {
		return nil, ErrMalformed
	}
	alg := Algorithm(o.Algorithm)
	scheme := alg.scheme()
	if scheme == nil {
		return nil, ErrUnsupported
	}
	public, err := scheme.UnmarshalBinaryPublicKey(o.Public)
	if err != nil {
		return nil, ErrMalformed
	}
	return newAuthorityKey(alg, public)
}

func newAuthorityKey(alg Algorithm, public sign.PublicKey) (*AuthorityKey, error) {
	b, err := public.MarshalBinary()
	if err != nil {
		return nil, ErrMalformed
	}
	return &AuthorityKey{alg, public, encode(keyObject{typeAKP, int64(alg), b})}, nil
}

// Bytes returns a copy of the COSE_Key, CBOR.
func (k *AuthorityKey) Bytes() []byte { return append([]byte(nil), k.object...) }

// Algorithm returns what the authority signs with.
func (k *AuthorityKey) Algorithm() Algorithm { return k.alg }

// ID returns the name of the key in tokens: the first 8 bytes of SHA-256 of its COSE_Key.
func (k *AuthorityKey) ID() [8]byte {
	sum := sha256.Sum256(k.object)
	return [8]byte(sum[:])
}

// String returns the ID in hexadecimal.
func (k *AuthorityKey) String() string {
	id := k.ID()
	return hex.EncodeToString(id[:])
}

// kemKey returns the COSE_Key of a KEM key.
func kemKey(k *handshake.PublicKey) keyObject {
	return keyObject{typeAKP, kemAlgorithm - int64(k.Suite()), k.Bytes()}
}

// parse returns the KEM key, with the check of FIPS 203 section 7.2. It fails with
// ErrMalformed.
func (o *keyObject) parse() (*handshake.PublicKey, error) {
	suite, ok := suiteOf(o.Algorithm)
	if o.Type != typeAKP || !ok {
		return nil, fmt.Errorf("%w: not a KEM key of a suite", ErrMalformed)
	}
	k, err := handshake.ParsePublicKey(suite, o.Public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return k, nil
}
