package vectors

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// mldsa is ML-DSA, which the standard library does not have.
type mldsa struct {
	algorithm int64
	scheme    sign.Scheme
}

func (m mldsa) Algorithm() int64 { return m.algorithm }

func (m mldsa) PublicKey(seed []byte) []byte {
	pk, _ := m.scheme.DeriveKey(seed)
	return must1(pk.MarshalBinary())
}

func (m mldsa) Sign(seed, message []byte) []byte {
	_, sk := m.scheme.DeriveKey(seed)
	return m.scheme.Sign(sk, message, nil)
}

func (m mldsa) Verify(pk, message, signature []byte) bool {
	return m.scheme.Verify(must1(m.scheme.UnmarshalBinaryPublicKey(pk)), message, signature, nil)
}

var signers = []mldsa{{-48, mldsa44.Scheme()}, {-49, mldsa65.Scheme()}}

// authority is the seed of the one of each algorithm.
func (m mldsa) authority() Hex {
	return random(m.scheme.SeedSize(), "authority, algorithm %d", m.algorithm)
}

const tokenTime = 1_800_000_000

// claimsOf are those of the server or device of a suite.
func claimsOf(suite reference.Suite, usage uint64) reference.Claims {
	subject, key := "server.example", "sk_S"
	if usage == 2 {
		subject, key = "device-1", "sk_C"
	}
	return reference.Claims{
		Issuer: "fleet.example", Subject: subject, Usage: usage,
		NotBefore: tokenTime - 3600, Expires: tokenTime + 86400, Issued: tokenTime - 3600,
		ID:    random(16, "token, suite %d, usage %d", suite.Number, usage),
		Suite: suite.Number, Pk: must1(suite.KEM.PublicKey(longTerm(key, suite))),
	}
}

func tokenOf(m mldsa, c reference.Claims) Hex {
	return reference.SignToken(m, m.authority(), reference.Protected(m.algorithm), c.CBOR())
}

// wantOf is what a token of claimsOf is.
func wantOf(c reference.Claims) reference.Want {
	return reference.Want{Issuer: c.Issuer, Subject: c.Subject, Usage: c.Usage, Suite: c.Suite, Now: tokenTime, Skew: 60}
}

// Outcomes of tokens, beside ok and malformed.
var tokenOutcomes = []struct {
	err error
	is  Outcome
}{
	{reference.ErrMalformed, Malformed}, {reference.ErrSignature, "signature"}, {reference.ErrIssuer, "issuer"},
	{reference.ErrSubject, "subject"}, {reference.ErrUsage, "usage"}, {reference.ErrSuite, "suite"},
	{reference.ErrExpired, "expired"}, {reference.ErrNotYet, "not-yet"},
}

// tokenScenario has the reference verify the token, and say what comes of it.
func tokenScenario(m mldsa, name, about string, expect Outcome, token Hex, w reference.Want) *Token {
	pk := m.PublicKey(m.authority())
	c, err := reference.VerifyToken(m, pk, token, w, suites)
	got := OK
	for _, o := range tokenOutcomes {
		if errors.Is(err, o.err) {
			got = o.is
		}
	}
	if got != expect {
		panic(fmt.Sprintf("vectors: token-%s: the reference says %v", name, err))
	}
	v := &Token{
		Header:    Header{"token-" + name, "Section 17: " + about, KindToken, expect},
		Authority: reference.AKP(m.algorithm, pk), Token: token, Want: w,
	}
	if err == nil {
		v.Claims = c
	}
	return v
}

// tokens are those that are verified, and each way of being wrong.
func tokens() (all []Scenario) {
	for _, m := range signers {
		for _, suite := range suites {
			for i, name := range []string{"server", "device"} {
				c := claimsOf(suite, uint64(i+1))
				all = append(all, tokenScenario(m, fmt.Sprintf("%d%d-%s", suite.Number, m.algorithm, name),
					"a token of a "+name+".", OK, tokenOf(m, c), wantOf(c)))
			}
		}
	}
	return slices.Concat(all, tokenWants(), tokenShapes(), tokenClaims())
}

// small is what the tokens that are wrong are made with.
var small = suites[2]

// tokenWants are good tokens of something else than what is wanted.
func tokenWants() (all []Scenario) {
	m, c := signers[0], claimsOf(small, 1)
	for _, row := range []struct {
		name, about string
		expect      Outcome
		change      func(w *reference.Want)
	}{
		{"issuer", "another issuer is wanted.", "issuer", func(w *reference.Want) { w.Issuer = "fleet.example.org" }},
		{"subject", "another subject is wanted.", "subject", func(w *reference.Want) { w.Subject = "other.example" }},
		{"any-subject", "any subject is wanted.", OK, func(w *reference.Want) { w.Subject = "" }},
		{"usage", "a device's is wanted.", "usage", func(w *reference.Want) { w.Usage = 2 }},
		{"suite", "another suite is wanted.", "suite", func(w *reference.Want) { w.Suite = 1 }},
		{"expired", "the skew after it expired.", "expired", func(w *reference.Want) { w.Now = c.Expires + 60 }},
		{"expired-within-skew", "the last second of the skew.", OK, func(w *reference.Want) { w.Now = c.Expires + 59 }},
		{"not-yet", "a second more than the skew before it is valid.", "not-yet", func(w *reference.Want) { w.Now = c.NotBefore - 61 }},
		{"not-yet-within-skew", "the skew before it is valid.", OK, func(w *reference.Want) { w.Now = c.NotBefore - 60 }},
		{"no-clock", "a device without a clock.", OK, func(w *reference.Want) { w.Now = 0 }},
		{"no-clock-past", "a device without a clock that knows a time after it expired.", "expired",
			func(w *reference.Want) { w.Now, w.Past = 0, c.Expires }},
	} {
		w := wantOf(c)
		row.change(&w)
		all = append(all, tokenScenario(m, row.name, row.about, row.expect, tokenOf(m, c), w))
	}
	return all
}

// tokenShapes are not what RFC 9052 and section 17 have, or not signed as they say.
func tokenShapes() (all []Scenario) {
	m, other, c := signers[0], signers[1], claimsOf(small, 1)
	good, seed, payload := tokenOf(m, c), m.authority(), c.CBOR()
	kid := reference.AuthorityID(m, m.PublicKey(seed))
	header := reference.Protected(m.algorithm)
	crit := reference.Map(reference.Uint(1), reference.Negative(m.algorithm), reference.Uint(2), reference.Array(reference.Uint(99)),
		reference.Uint(99), reference.Null())
	of := func(name, about string, expect Outcome, token []byte) {
		all = append(all, tokenScenario(m, name, about, expect, token, wantOf(c)))
	}
	of("empty", "nothing.", Malformed, Hex{})
	of("trailing-byte", "one byte behind it.", Malformed, append(slices.Clone(good), 0))
	of("no-tag", "without the tag of COSE_Sign1.", Malformed, good[1:])
	of("cwt-tag", "with the tag of a CWT before it.", Malformed, append([]byte{0xd8, 61}, good...))
	of("indefinite-array", "an array of indefinite length.", Malformed, append(append([]byte{0xd2, 0x9f}, good[2:]...), 0xff))
	of("crit", "a header that is critical and unknown.", Malformed, reference.SignToken(m, seed, crit, payload))
	of("header-twice", "the algorithm stands in the header twice.", Malformed,
		reference.SignToken(m, seed, slices.Concat([]byte{0xa2}, header[1:], header[1:]), payload))
	of("no-algorithm", "an empty header.", Malformed, reference.SignToken(m, seed, reference.Map(), payload))
	of("flipped-payload", "one bit of the claims is changed.", "signature", flip(good, 60))
	of("flipped-signature", "one bit of the signature is changed.", "signature", flip(good, len(good)-1))
	of("kid", "the name of another authority.", "signature",
		reference.EncodeToken(header, flip(kid, 0), payload, good[len(good)-m.scheme.SignatureSize():]))
	of("algorithm", "the algorithm of the other size, and its signature.", "signature",
		reference.EncodeToken(reference.Protected(other.algorithm), kid, payload,
			other.Sign(other.authority(), reference.ToBeSigned(reference.Protected(other.algorithm), payload))))
	of("algorithm-renamed", "the algorithm of the other size, and a signature of its own.", "signature",
		reference.EncodeToken(reference.Protected(other.algorithm), kid, payload,
			m.Sign(seed, reference.ToBeSigned(reference.Protected(other.algorithm), payload))))
	return all
}

// tokenClaims are signed by the authority, and are nothing that it may sign.
func tokenClaims() (all []Scenario) {
	m := signers[0]
	for _, row := range []struct {
		name, about string
		change      func(c *reference.Claims)
	}{
		{"claims-no-issuer", "an empty issuer.", func(c *reference.Claims) { c.Issuer = "" }},
		{"claims-long-subject", "a subject of 65 bytes.", func(c *reference.Claims) { c.Subject = strings.Repeat("s", 65) }},
		{"claims-usage-3", "a usage that does not exist.", func(c *reference.Claims) { c.Usage = 3 }},
		{"claims-id-short", "an identifier of 15 bytes.", func(c *reference.Claims) { c.ID = c.ID[1:] }},
		{"claims-never-valid", "it expires when it becomes valid.", func(c *reference.Claims) { c.Expires = c.NotBefore }},
		{"claims-year-10000", "it expires after the year 9999.", func(c *reference.Claims) { c.Expires = 253402300800 }},
		{"claims-key-short", "a key that is a byte short.", func(c *reference.Claims) { c.Pk = c.Pk[1:] }},
		{"claims-key-of-another-suite", "a key with the algorithm of another suite.", func(c *reference.Claims) { c.Suite = 4 }},
		{"claims-suite-5", "an algorithm of no suite.", func(c *reference.Claims) { c.Suite = 5 }},
		{"claims-key-unreduced", "the first coefficient of the key is 3329 (FIPS 203 section 7.2).",
			func(c *reference.Claims) { c.Pk = unreduced(c.Pk) }},
	} {
		c := claimsOf(small, 1)
		w := wantOf(c)
		row.change(&c)
		all = append(all, tokenScenario(m, row.name, row.about, Malformed, tokenOf(m, c), w))
	}
	c := claimsOf(small, 1)
	payload := c.CBOR()
	signed := func(payload []byte) Hex {
		return reference.SignToken(m, m.authority(), reference.Protected(m.algorithm), payload)
	}
	more := func(claim ...[]byte) Hex {
		return signed(slices.Concat([]byte{payload[0] + 1}, payload[1:], slices.Concat(claim...)))
	}
	of := func(name, about string, expect Outcome, token Hex) {
		all = append(all, tokenScenario(m, name, about, expect, token, wantOf(c)))
	}
	of("claims-unknown", "a claim that nobody knows is ignored.", OK, more(reference.Text("x"), reference.Array(reference.Uint(1))))
	of("claims-unsorted", "an unknown claim in the wrong place: not deterministic.", Malformed, more(reference.Uint(9), reference.Uint(1)))
	of("claims-twice", "the issuer stands there twice.", Malformed, more(reference.Uint(1), reference.Text("fleet.example")))
	of("claims-trailing-byte", "a byte behind the claims.", Malformed, signed(append(slices.Clone(payload), 0)))
	of("claims-audience", "an audience.", Malformed, signed(slices.Concat([]byte{payload[0] + 1}, payload[1:1+1+14+1+15],
		reference.Uint(3), reference.Text("x"), payload[1+1+14+1+15:])))
	return all
}
