package handshake

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/cloudflare/circl/kem"
)

// A PublicKey is the long-term encapsulation key of a server or device, checked and
// expanded once, with the digests by which docs/protocol.md section 3 names it.
type PublicKey struct {
	suite  Suite
	kem    kem.PublicKey
	bytes  []byte
	object []byte   // CBOR [suite, pk]
	digest [32]byte // SHA-256(object)
	hash   []byte   // Hash(object), with the hash of the suite
}

// publicKeyObject is cred_S, and what a device's reference is a digest of.
type publicKeyObject struct {
	_     struct{} `cbor:",toarray"`
	Suite Suite
	Key   []byte
}

// ParsePublicKey decodes an encapsulation key and makes the check of FIPS 203 section 7.2.
// It fails with ErrKey.
func ParsePublicKey(suite Suite, b []byte) (*PublicKey, error) {
	if !suite.Valid() {
		return nil, fmt.Errorf("%w: unknown suite", ErrKey)
	}
	pk, err := suite.parseKEMKey(b)
	if err != nil {
		return nil, err
	}
	return newPublicKey(suite, pk)
}

func newPublicKey(suite Suite, pk kem.PublicKey) (*PublicKey, error) {
	b, err := pk.MarshalBinary()
	if err != nil {
		return nil, ErrKey
	}
	object := encode(publicKeyObject{Suite: suite, Key: b})
	h := suite.Hash().New()
	h.Write(object)
	return &PublicKey{suite, pk, b, object, sha256.Sum256(object), h.Sum(nil)}, nil
}

// Suite returns the suite the key belongs to.
func (k *PublicKey) Suite() Suite { return k.suite }

// Bytes returns a copy of the encoded key, without its suite.
func (k *PublicKey) Bytes() []byte { return append([]byte(nil), k.bytes...) }

// DeviceID returns the reference of the key as a device's.
func (k *PublicKey) DeviceID() DeviceID { return DeviceID(k.digest[:16]) }

// in reports whether a token can be one of the key: that its size is right and that the key
// stands in it. The rest is for who verifies it.
func (k *PublicKey) in(token string) error {
	switch {
	case len(token) > MaxToken:
		return fmt.Errorf("%w: token too long", ErrMalformed)
	case !strings.Contains(token, string(k.bytes)):
		return fmt.Errorf("%w: it is not that of the token", ErrKey)
	}
	return nil
}

// A DeviceID is the credential reference of a device's KEM key: the first 16 bytes of
// SHA-256(CBOR [suite, pk_C]). It commits to the key.
type DeviceID [16]byte

// String returns the reference in hexadecimal.
func (id DeviceID) String() string { return hex.EncodeToString(id[:]) }

// A PrivateKey is the long-term decapsulation key of a server or device.
type PrivateKey struct {
	seed   Secret // d || z of FIPS 203 section 7.1, or the seed of X-Wing
	kem    kem.PrivateKey
	public *PublicKey
}

// GenerateKey makes a key of the suite from the seed it reads.
func GenerateKey(rand io.Reader, suite Suite) (*PrivateKey, error) {
	if !suite.Valid() {
		return nil, fmt.Errorf("%w: unknown suite", ErrKey)
	}
	seed, err := readSeed(rand, suite.SeedSize())
	if err != nil {
		return nil, err
	}
	defer wipe(seed)
	return NewPrivateKey(suite, seed)
}

// NewPrivateKey expands a seed of the suite's SeedSize, which it copies: FIPS 203 section
// 7.1 with (d || z), or X-Wing draft section 5.2.
func NewPrivateKey(suite Suite, seed []byte) (*PrivateKey, error) {
	if !suite.Valid() || len(seed) != suite.SeedSize() {
		return nil, fmt.Errorf("%w: unknown suite or wrong length of the seed", ErrKey)
	}
	pk, sk := suite.row().kem.DeriveKeyPair(seed)
	public, err := newPublicKey(suite, pk)
	if err != nil {
		return nil, err
	}
	return &PrivateKey{append(Secret(nil), seed...), sk, public}, nil
}

// Suite returns the suite the key belongs to.
func (k *PrivateKey) Suite() Suite { return k.public.suite }

// Public returns the public half.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// ServerCredential returns the pinned form of the public half, for devices.
func (k *PrivateKey) ServerCredential() *ServerCredential { return pinned(k.public) }

// String returns a name of the public half.
func (k PrivateKey) String() string {
	if k.public == nil {
		return "private key (none)"
	}
	return "private key " + hex.EncodeToString(k.public.digest[:4])
}

// Format writes what String returns, whatever the verb.
func (k PrivateKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalText returns what String returns: for JSON, XML and slog.
func (k PrivateKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalBinary fails. Use Append.
func (k PrivateKey) MarshalBinary() ([]byte, error) { return nil, errSecret }
