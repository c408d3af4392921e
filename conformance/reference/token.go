package reference

import (
	"bytes"
	"errors"
)

// Why a token of section 17 is not taken.
var (
	ErrSignature = errors.New("reference: not signed by the authority")
	ErrIssuer    = errors.New("reference: another issuer")
	ErrUsage     = errors.New("reference: another usage")
	ErrSubject   = errors.New("reference: another subject")
	ErrSuite     = errors.New("reference: another suite")
	ErrExpired   = errors.New("reference: expired")
	ErrNotYet    = errors.New("reference: not yet valid")
)

// A Signer is ML-DSA of one size, with the empty context and deterministic. Go's standard
// library has none yet: it has to be brought along.
type Signer interface {
	Algorithm() int64 // -48 or -49
	PublicKey(seed []byte) []byte
	Sign(seed, message []byte) []byte
	Verify(pk, message, signature []byte) bool
}

// Claims are those of section 17. Times are seconds since 1970.
type Claims struct {
	Issuer    string `json:"issuer"`
	Subject   string `json:"subject"`
	Usage     uint64 `json:"usage"`
	NotBefore uint64 `json:"not_before"`
	Expires   uint64 `json:"expires"`
	Issued    uint64 `json:"issued"`
	ID        Hex    `json:"id"`
	Suite     byte   `json:"suite"`
	Pk        Hex    `json:"pk"`
}

// A Want is what a token has to be. Now 0 is no clock.
type Want struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject,omitempty"`
	Usage   uint64 `json:"usage"`
	Suite   byte   `json:"suite"`
	Now     uint64 `json:"now,omitempty"`
	Skew    uint64 `json:"skew,omitempty"`
	Past    uint64 `json:"past,omitempty"`
}

// Numbers of section 17.
const (
	usageClaim = 70700 // negative
	kemBase    = 70700 // negative, before the number of the suite
	maxToken   = 5632
	maxName    = 64
	maxTime    = 253402300799
)

// AKP returns the COSE_Key of a public key. alg is negative.
func AKP(alg int64, pk []byte) []byte {
	return Map(Uint(1), Uint(7), Uint(3), Negative(alg), Negative(-1), Bytes(pk))
}

// KEMAlgorithm is that of the suite's keys.
func (s Suite) KEMAlgorithm() int64 { return -kemBase - int64(s.Number) }

// CBOR returns the claims as the payload of a token.
func (c *Claims) CBOR() []byte {
	key := AKP(-kemBase-int64(c.Suite), c.Pk)
	return Map(Uint(1), Text(c.Issuer), Uint(2), Text(c.Subject), Uint(4), Uint(c.Expires), Uint(5), Uint(c.NotBefore),
		Uint(6), Uint(c.Issued), Uint(7), Bytes(c.ID), Uint(8), Map(Uint(1), key), Negative(-usageClaim), Uint(c.Usage))
}

// Protected is the header that is signed.
func Protected(alg int64) []byte { return Map(Uint(1), Negative(alg)) }

// AuthorityID names the key of an authority.
func AuthorityID(s Signer, pk []byte) []byte { return digest(AKP(s.Algorithm(), pk))[:8] }

// ToBeSigned is the Sig_structure of RFC 9052 section 4.4.
func ToBeSigned(protected, payload []byte) []byte {
	return Array(Text("Signature1"), Bytes(protected), Bytes(nil), Bytes(payload))
}

// SignToken signs a payload under a protected header.
func SignToken(s Signer, seed, protected, payload []byte) []byte {
	return EncodeToken(protected, AuthorityID(s, s.PublicKey(seed)), payload, s.Sign(seed, ToBeSigned(protected, payload)))
}

// EncodeToken puts a token together.
func EncodeToken(protected, kid, payload, signature []byte) []byte {
	return append([]byte{0xd2}, Array(Bytes(protected), Map(Uint(4), Bytes(kid)), Bytes(payload), Bytes(signature))...)
}

// VerifyToken checks a token by the key of an authority.
func VerifyToken(s Signer, pk, token []byte, w Want, suites []Suite) (*Claims, error) {
	if len(token) == 0 || len(token) > maxToken || token[0] != 0xd2 {
		return nil, ErrMalformed
	}
	r := reader{rest: token[1:]}
	r.array(4)
	protected := r.bytes()
	r.bad = r.head(majorMap) != 1 || r.uint() != 4 || r.bad
	kid, payload, signature := r.bytes(), r.bytes(), r.bytes()
	if r.end() != nil {
		return nil, ErrMalformed
	}
	h := reader{rest: protected}
	h.bad = h.head(majorMap) != 1 || h.uint() != 1 || h.bad
	alg := h.negative()
	if h.end() != nil {
		return nil, ErrMalformed
	}
	if alg != s.Algorithm() || !bytes.Equal(kid, AuthorityID(s, pk)) || !s.Verify(pk, ToBeSigned(protected, payload), signature) {
		return nil, ErrSignature
	}
	c, err := parseClaims(payload, suites)
	if err != nil {
		return nil, err
	}
	return c, c.check(w)
}

func (c *Claims) check(w Want) error {
	switch {
	case c.Issuer != w.Issuer:
		return ErrIssuer
	case c.Usage != w.Usage:
		return ErrUsage
	case w.Subject != "" && c.Subject != w.Subject:
		return ErrSubject
	case c.Suite != w.Suite:
		return ErrSuite
	case c.Expires <= w.Past:
		return ErrExpired
	case w.Now == 0:
		return nil
	case w.Now >= c.Expires+w.Skew:
		return ErrExpired
	case w.Now+w.Skew < c.NotBefore:
		return ErrNotYet
	}
	return nil
}

// parseClaims reads a payload. Deterministic encoding sorts the keys: the unsigned ones come
// first, then the negative ones, then text.
func parseClaims(b []byte, suites []Suite) (*Claims, error) {
	r, c := reader{rest: b}, &Claims{}
	var last []byte
	n := r.head(majorMap)
	r.bad = r.bad || n > maxEntries
	for i := uint64(0); i < n && !r.bad; i++ {
		before := r.rest
		r.skip(0)
		key := before[:len(before)-len(r.rest)]
		r.bad = r.bad || bytes.Compare(last, key) >= 0
		last = key
		r.claim(c, key, suites)
	}
	switch {
	case r.end() != nil, !validName(c.Issuer), !validName(c.Subject), c.Usage < 1, c.Usage > 2, len(c.ID) != 16,
		c.NotBefore == 0, c.Issued == 0, c.Issued > maxTime, c.Expires > maxTime, c.Expires <= c.NotBefore, c.Pk == nil:
		return nil, ErrMalformed
	}
	return c, nil
}

func validName(s string) bool { return len(s) > 0 && len(s) <= maxName }

// claim reads the value of one claim.
func (r *reader) claim(c *Claims, key []byte, suites []Suite) {
	switch {
	case bytes.Equal(key, Uint(1)):
		c.Issuer = r.text()
	case bytes.Equal(key, Uint(2)):
		c.Subject = r.text()
	case bytes.Equal(key, Uint(3)):
		r.bad = true
	case bytes.Equal(key, Uint(4)):
		c.Expires = r.uint()
	case bytes.Equal(key, Uint(5)):
		c.NotBefore = r.uint()
	case bytes.Equal(key, Uint(6)):
		c.Issued = r.uint()
	case bytes.Equal(key, Uint(7)):
		c.ID = r.bytes()
	case bytes.Equal(key, Uint(8)):
		r.bad = r.head(majorMap) != 1 || r.uint() != 1 || r.bad
		c.Suite, c.Pk = r.kemKey(suites)
	case bytes.Equal(key, Negative(-usageClaim)):
		c.Usage = r.uint()
	default:
		r.skip(maxClaimNesting)
	}
}

// maxClaimNesting is how deep the value of an unknown claim goes.
const maxClaimNesting = 6

// kemKey reads the COSE_Key of a KEM key, and tries it.
func (r *reader) kemKey(suites []Suite) (suite byte, pk []byte) {
	r.bad = r.head(majorMap) != 3 || r.uint() != 1 || r.uint() != 7 || r.uint() != 3 || r.bad
	n := -r.negative() - kemBase
	r.bad = r.negative() != -1 || r.bad
	pk = r.bytes()
	for _, s := range suites {
		if int64(s.Number) == n && len(pk) == s.PublicSize && !r.bad {
			_, _, err := s.KEM.Encapsulate(pk, make([]byte, s.KEM.RandomSize()))
			r.bad = err != nil
			return s.Number, pk
		}
	}
	r.bad = true
	return 0, nil
}
