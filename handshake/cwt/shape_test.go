package cwt

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
)

// parts are what a token is built of.
type parts struct {
	tag         []byte
	protected   any
	unprotected any
	claims      map[any]any
	payload     []byte // instead of the claims
	sign        func([]byte) []byte
}

// build signs a token of changed parts: the authority itself has made it.
func (f *fixture) build(change func(p *parts)) []byte {
	f.t.Helper()
	id := f.authority.Public().ID()
	p := &parts{
		tag:       []byte{tagSign1},
		protected: protected{int64(f.authority.public.alg)}, unprotected: unprotected{id[:]},
		claims: map[any]any{}, sign: f.authority.sign,
	}
	c := f.claims
	c.ID = [16]byte{1}
	if err := cbor.Unmarshal(c.encode(), &p.claims); err != nil {
		f.t.Fatal(err)
	}
	change(p)
	if p.payload == nil {
		p.payload = encode(p.claims)
	}
	header, isBytes := p.protected.([]byte)
	if !isBytes {
		header = encode(p.protected)
	}
	o := []any{header, p.unprotected, p.payload, p.sign(toBeSigned(header, p.payload))}
	return append(p.tag, encode(o)...)
}

// TestTokenShape: each is signed by the authority, and is refused all the same.
func TestTokenShape(t *testing.T) {
	f := newFixture(t, MLDSA44, handshake.MLKEM512)
	id := f.authority.Public().ID()
	alg := int64(MLDSA44)
	header := encode(map[int]any{1: alg})
	for _, row := range []struct {
		name   string
		change func(p *parts)
		err    error
	}{
		{"baseline", func(*parts) {}, nil},
		{"no tag", func(p *parts) { p.tag = nil }, ErrMalformed},
		{"the tag of a CWT", func(p *parts) { p.tag = []byte{0xd8, 61, tagSign1} }, ErrMalformed},
		{"the tag of a COSE_Mac0", func(p *parts) { p.tag = []byte{0xd1} }, ErrMalformed},
		{"the tag in two bytes", func(p *parts) { p.tag = []byte{0xd8, 18} }, ErrMalformed},
		{"two tags", func(p *parts) { p.tag = []byte{tagSign1, tagSign1} }, ErrMalformed},
		{"an unknown crit", func(p *parts) { p.protected = map[int]any{1: alg, 2: []int{99}, 99: 1} }, ErrMalformed},
		{"a crit of nothing unknown", func(p *parts) { p.protected = map[int]any{1: alg, 2: []int{1}} }, ErrMalformed},
		{"an unknown parameter", func(p *parts) { p.protected = map[int]any{1: alg, 99: 1} }, ErrMalformed},
		{"no algorithm", func(p *parts) { p.protected = map[int]any{} }, ErrMalformed},
		{"an empty header", func(p *parts) { p.protected = []byte{} }, ErrMalformed},
		{"the algorithm as text", func(p *parts) { p.protected = map[int]any{1: "ML-DSA-44"} }, ErrMalformed},
		{"the algorithm of EdDSA", func(p *parts) { p.protected = map[int]any{1: -8} }, ErrSignature},
		{"the algorithm twice", func(p *parts) {
			p.protected = slices.Concat([]byte{0xa2}, header[1:], header[1:])
		}, ErrMalformed},
		{"a byte behind the header", func(p *parts) { p.protected = append(bytes.Clone(header), 0) }, ErrMalformed},
		{"an indefinite header", func(p *parts) { p.protected = append(append([]byte{0xbf}, header[1:]...), 0xff) }, ErrMalformed},
		{"no kid", func(p *parts) { p.unprotected = map[int]any{} }, ErrMalformed},
		{"a short kid", func(p *parts) { p.unprotected = unprotected{id[:7]} }, ErrSignature},
		{"more beside the kid", func(p *parts) { p.unprotected = map[int]any{4: id[:], 5: []byte{1}} }, ErrMalformed},
		{"the algorithm not protected", func(p *parts) { p.unprotected = map[int]any{1: alg, 4: id[:]} }, ErrMalformed},
		{"no payload", func(p *parts) { p.payload = []byte{} }, ErrMalformed},
		{"no signature", func(p *parts) { p.sign = func([]byte) []byte { return []byte{} } }, ErrSignature},
		{"a longer signature", func(p *parts) {
			sign := p.sign
			p.sign = func(b []byte) []byte { return append(sign(b), 0) }
		}, ErrSignature},
		{"a payload that is no map", func(p *parts) { p.payload = encode([]any{1}) }, ErrMalformed},
		{"a byte behind the payload", func(p *parts) { p.payload = append(encode(p.claims), 0) }, ErrMalformed},
		{"an indefinite payload", func(p *parts) {
			b := encode(p.claims)
			p.payload = append(append([]byte{0xbf}, b[1:]...), 0xff)
		}, ErrMalformed},
		{"a claim twice", func(p *parts) {
			b := encode(p.claims)
			p.payload = slices.Concat([]byte{b[0] + 1}, b[1:], encode(1), encode("x"))
		}, ErrMalformed},
		{"claims not sorted", func(p *parts) {
			delete(p.claims, uint64(1))
			b := encode(p.claims)
			p.payload = slices.Concat([]byte{b[0] + 1}, b[1:], encode(1), encode(f.claims.Issuer))
		}, ErrMalformed},
		{"tagged claims", func(p *parts) { p.payload = append([]byte{0xc1}, encode(p.claims)...) }, ErrMalformed},
	} {
		_, err := f.authority.Public().Verify(f.build(row.change), f.want)
		if !errors.Is(err, row.err) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "a tag": {tagSign1}, "a trailing byte": append(bytes.Clone(f.token), 0),
		"an indefinite array": append(append([]byte{tagSign1, 0x9f}, f.token[2:]...), 0xff),
		"three elements":      append([]byte{tagSign1}, encode([]any{header, map[int]any{4: id[:]}, []byte{1}})...),
		"a detached payload":  append([]byte{tagSign1}, encode([]any{header, map[int]any{4: id[:]}, nil, []byte{1}})...),
	} {
		if _, err := f.authority.Public().Verify(b, f.want); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

// TestClaimShape: one row a claim, as the authority would never make it.
func TestClaimShape(t *testing.T) {
	f := newFixture(t, MLDSA44, handshake.MLKEM768)
	unreduced := f.claims.Key.Bytes()
	unreduced[0], unreduced[1] = 0xff, 0xff
	key := func(o map[int]any) any { return map[int]any{1: o} }
	pk := f.claims.Key.Bytes()
	for _, row := range []struct {
		name  string
		claim int64
		value any // nil: missing
		err   error
	}{
		{"no issuer", 1, nil, ErrMalformed},
		{"issuer empty", 1, "", ErrMalformed},
		{"issuer as bytes", 1, []byte("fleet.example"), ErrMalformed},
		{"issuer too long", 1, strings.Repeat("x", 65), ErrMalformed},
		{"no subject", 2, nil, ErrMalformed},
		{"subject as a number", 2, 1, ErrMalformed},
		{"an audience", 3, "somebody", ErrMalformed},
		{"no expiry", 4, nil, ErrMalformed},
		{"expiry as a float", 4, 1.9e9, ErrMalformed},
		{"expiry as text", 4, "never", ErrMalformed},
		{"expiry negative", 4, -1, ErrMalformed},
		{"expiry after the year 9999", 4, int64(maxTime) + 1, ErrMalformed},
		{"expiry of all bits", 4, ^uint64(0), ErrMalformed},
		{"expiry before its begin", 4, f.claims.NotBefore.Unix(), ErrMalformed},
		{"no begin", 5, nil, ErrMalformed},
		{"begin as a float", 5, 0.5, ErrMalformed},
		{"no time of issue", 6, nil, ErrMalformed},
		{"issue negative", 6, -1, ErrMalformed},
		{"no ID", 7, nil, ErrMalformed},
		{"ID short", 7, make([]byte, 15), ErrMalformed},
		{"ID long", 7, make([]byte, 17), ErrMalformed},
		{"no usage", kemAlgorithm, nil, ErrMalformed},
		{"a third usage", kemAlgorithm, 3, ErrMalformed},
		{"usage 257", kemAlgorithm, 257, ErrMalformed},
		{"usage as text", kemAlgorithm, "server", ErrMalformed},
		{"no key", 8, nil, ErrMalformed},
		{"key as bytes", 8, pk, ErrMalformed},
		{"key by its kid", 8, map[int]any{3: []byte("12345678")}, ErrMalformed},
		{"key and a kid", 8, map[int]any{1: map[int]any{1: 7, 3: -70702, -1: pk}, 3: []byte("12345678")}, ErrMalformed},
		{"key of type OKP", 8, key(map[int]any{1: 1, 3: -70702, -1: pk}), ErrMalformed},
		{"key without type", 8, key(map[int]any{3: -70702, -1: pk}), ErrMalformed},
		{"key of ML-DSA", 8, key(map[int]any{1: 7, 3: -48, -1: pk}), ErrMalformed},
		{"key without algorithm", 8, key(map[int]any{1: 7, -1: pk}), ErrMalformed},
		{"key of suite 0", 8, key(map[int]any{1: 7, 3: -70700, -1: pk}), ErrMalformed},
		{"key of suite 5", 8, key(map[int]any{1: 7, 3: -70705, -1: pk}), ErrMalformed},
		{"key of suite 258", 8, key(map[int]any{1: 7, 3: -70700 - 258, -1: pk}), ErrMalformed},
		{"key of another suite", 8, key(map[int]any{1: 7, 3: -70704, -1: pk}), handshake.ErrKey},
		{"key short", 8, key(map[int]any{1: 7, 3: -70702, -1: pk[1:]}), handshake.ErrKey},
		{"key empty", 8, key(map[int]any{1: 7, 3: -70702, -1: []byte{}}), handshake.ErrKey},
		{"key not reduced", 8, key(map[int]any{1: 7, 3: -70702, -1: unreduced}), handshake.ErrKey},
		{"a private part in the key", 8, key(map[int]any{1: 7, 3: -70702, -1: pk, -2: pk[:32]}), ErrMalformed},
		{"a claim that nobody knows", 70001, map[string]any{"x": []any{1, "y"}}, nil},
		{"baseline of the key", 8, key(map[int]any{1: 7, 3: -70702, -1: pk}), nil},
	} {
		token := f.build(func(p *parts) {
			var name any = uint64(row.claim)
			if row.claim < 0 {
				name = row.claim
			}
			delete(p.claims, name)
			if row.value != nil {
				p.claims[name] = row.value
			}
		})
		_, err := f.authority.Public().Verify(token, f.want)
		if !errors.Is(err, row.err) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.err)
		}
	}
}

// FuzzToken gives the parsers what an authority might sign, and Verify what anybody might
// send: only the true token is verified.
func FuzzToken(f *testing.F) {
	x := newFixture(f, MLDSA44, handshake.MLKEM512)
	key := x.authority.Public()
	c := x.claims
	c.ID = [16]byte{1}
	f.Add(x.token)
	f.Add(c.encode())
	f.Add(key.Bytes())
	f.Add(x.authority.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := key.Verify(b, x.want); err == nil && !bytes.Equal(b, x.token) {
			t.Fatal("verified another token")
		}
		if c, err := parseClaims(b); err == nil {
			if c.check() != nil {
				t.Fatalf("claims that no token has: %+v", c)
			}
			if again, err := parseClaims(c.encode()); err != nil || again.Key.DeviceID() != c.Key.DeviceID() ||
				again.Subject != c.Subject || !again.Expires.Equal(c.Expires) {
				t.Fatalf("%+v became %+v, error = %v", c, again, err)
			}
		}
		if k, err := ParseAuthorityKey(b); err == nil && !bytes.Equal(k.Bytes(), b) {
			t.Fatal("another key")
		}
		if a, err := ParseAuthority(b); err == nil && !bytes.Equal(a.Append(nil), b) {
			t.Fatal("another authority")
		}
	})
}
