package cwt

import (
	"errors"
	"fmt"
	"io"

	"github.com/pqcoap/pqcoap/handshake"
)

// An Authority is the private key that tokens are signed with. Whoever has it can be any
// server and any device to all who trust it.
type Authority struct {
	seed   handshake.Secret // xi of FIPS 204 section 5.1, 32 bytes
	public *AuthorityKey
}

// GenerateAuthority makes an authority from the 32 bytes it reads. ErrUnsupported for an
// algorithm that is not known.
func GenerateAuthority(rand io.Reader, alg Algorithm) (*Authority, error) {
	scheme := alg.scheme()
	if scheme == nil {
		return nil, ErrUnsupported
	}
	seed := make([]byte, scheme.SeedSize())
	defer clear(seed)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("cwt: reading randomness: %w", err)
	}
	return newAuthority(alg, seed)
}

// newAuthority copies the seed, whose length is right.
func newAuthority(alg Algorithm, seed []byte) (*Authority, error) {
	pk, _ := alg.scheme().DeriveKey(seed)
	public, err := newAuthorityKey(alg, pk)
	if err != nil {
		return nil, err
	}
	return &Authority{append(handshake.Secret(nil), seed...), public}, nil
}

// Public returns the public half.
func (a *Authority) Public() *AuthorityKey { return a.public }

// authorityObject is the authority in a file (docs/protocol.md section 3).
type authorityObject struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Kind      string
	Algorithm int64
	Seed      []byte
}

const (
	authorityVersion = 1
	kindAuthority    = "authority"
)

// Append appends the key object [1, "authority", algorithm, seed] to b. This is the secret
// itself.
func (a *Authority) Append(b []byte) []byte {
	object := encode(authorityObject{
		Version: authorityVersion, Kind: kindAuthority, Algorithm: int64(a.public.alg), Seed: a.seed,
	})
	defer clear(object)
	return append(b, object...)
}

// ParseAuthority decodes what Append made. It fails with ErrMalformed, or ErrUnsupported for
// a version or algorithm that it does not know.
func ParseAuthority(b []byte) (*Authority, error) {
	var o authorityObject
	err := decode(b, &o)
	defer clear(o.Seed)
	if err != nil || o.Kind != kindAuthority {
		return nil, ErrMalformed
	}
	scheme := Algorithm(o.Algorithm).scheme()
	switch {
	case o.Version != authorityVersion || scheme == nil:
		return nil, ErrUnsupported
	case len(o.Seed) != scheme.SeedSize():
		return nil, ErrMalformed
	}
	return newAuthority(Algorithm(o.Algorithm), o.Seed)
}

// sign is ML-DSA.Sign of FIPS 204 section 5.2 in its deterministic form (section 3.4): the key
// is expanded for each token, so that the seed is all that lasts.
func (a *Authority) sign(message []byte) []byte {
	scheme := a.public.alg.scheme()
	_, sk := scheme.DeriveKey(a.seed)
	return scheme.Sign(sk, message, nil)
}

// String returns a name of the public half.
func (a Authority) String() string {
	if a.public == nil {
		return "authority (none)"
	}
	return "authority " + a.public.String()
}

// Format writes what String returns, whatever the verb.
func (a Authority) Format(f fmt.State, _ rune) { io.WriteString(f, a.String()) }

// MarshalText returns what String returns: for JSON, XML and slog.
func (a Authority) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// MarshalBinary fails. Use Append.
func (a Authority) MarshalBinary() ([]byte, error) { return nil, errSecret }

var errSecret = errors.New("cwt: a secret is not encoded this way")
