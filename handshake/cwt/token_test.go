package cwt

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestVerify(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA44, MLDSA65} {
		for _, suite := range handshake.Suites() {
			f := newFixture(t, alg, suite)
			got, err := f.authority.Public().Verify(f.token, f.want)
			if err != nil {
				t.Fatalf("%v, %v: %v", alg, suite, err)
			}
			if got.Issuer != f.claims.Issuer || got.Subject != f.claims.Subject || got.Usage != f.claims.Usage ||
				!got.NotBefore.Equal(f.claims.NotBefore) || !got.Expires.Equal(f.claims.Expires) ||
				!got.Issued.Equal(f.claims.Issued) || got.ID == [16]byte{} ||
				got.Key.DeviceID() != f.claims.Key.DeviceID() || got.Key.Suite() != suite {
				t.Errorf("%v, %v: %+v became %+v", alg, suite, f.claims, got)
			}
			if _, err := handshake.NewCertifiedCredential(got.Key, f.token); err != nil {
				t.Errorf("%v, %v: no cred_S: %v", alg, suite, err)
			}
		}
	}
}

// TestVerifyWant: one row for each thing that the token has to be, and each edge of its time.
func TestVerifyWant(t *testing.T) {
	f := newFixture(t, MLDSA44, handshake.MLKEM768)
	from, until := f.claims.NotBefore, f.claims.Expires
	for _, row := range []struct {
		name   string
		change func(w *Want)
		err    error
	}{
		{"baseline", func(*Want) {}, nil},
		{"another issuer", func(w *Want) { w.Issuer = "fleet.example.org" }, ErrIssuer},
		{"no issuer", func(w *Want) { w.Issuer = "" }, ErrIssuer},
		{"another subject", func(w *Want) { w.Subject = "server-2" }, ErrSubject},
		{"any subject", func(w *Want) { w.Subject = "" }, nil},
		{"usage of a device", func(w *Want) { w.Usage = UsageDevice }, ErrUsage},
		{"no usage", func(w *Want) { w.Usage = 0 }, ErrUsage},
		{"another suite", func(w *Want) { w.Suite = handshake.XWing }, ErrSuite},
		{"no suite", func(w *Want) { w.Suite = 0 }, ErrSuite},
		{"a second before it expires", func(w *Want) { w.Now, w.Skew = until.Add(-time.Second), 0 }, nil},
		{"when it expires", func(w *Want) { w.Now, w.Skew = until, 0 }, ErrExpired},
		{"within the skew", func(w *Want) { w.Now, w.Skew = until.Add(59*time.Second), time.Minute }, nil},
		{"at the end of the skew", func(w *Want) { w.Now, w.Skew = until.Add(time.Minute), time.Minute }, ErrExpired},
		{"when it begins", func(w *Want) { w.Now, w.Skew = from, 0 }, nil},
		{"a second before it begins", func(w *Want) { w.Now, w.Skew = from.Add(-time.Second), 0 }, ErrNotYet},
		{"before it begins, within the skew", func(w *Want) { w.Now, w.Skew = from.Add(-time.Minute), time.Minute }, nil},
		{"before the skew", func(w *Want) { w.Now, w.Skew = from.Add(-61*time.Second), time.Minute }, ErrNotYet},
		{"no clock", func(w *Want) { w.Now = time.Time{} }, nil},
		{"no clock, other skew", func(w *Want) { w.Now, w.Skew = time.Time{}, 0 }, nil},
		{"no clock, but it has expired for certain", func(w *Want) { w.Now, w.Past = time.Time{}, until }, ErrExpired},
		{"no clock, and a time before it expires", func(w *Want) { w.Now, w.Past = time.Time{}, until.Add(-time.Second) }, nil},
		{"a clock that is behind what has passed", func(w *Want) { w.Past = until }, ErrExpired},
	} {
		w := f.want
		row.change(&w)
		c, err := f.authority.Public().Verify(f.token, w)
		if !errors.Is(err, row.err) || (c == nil) != (err != nil) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.err)
		}
	}
}

// TestVerifyOtherAuthority: another key, also one that claims the name of the first; and the
// same seed under the other algorithm.
func TestVerifyOtherAuthority(t *testing.T) {
	f := newFixture(t, MLDSA44, handshake.MLKEM512)
	other := mustAuthority(t, MLDSA44, "another")
	if _, err := other.Public().Verify(f.token, f.want); !errors.Is(err, ErrSignature) {
		t.Errorf("another authority: error = %v, want %v", err, ErrSignature)
	}
	id := f.authority.Public().ID()
	forged := f.build(func(p *parts) {
		p.unprotected = unprotected{id[:]}
		p.sign = other.sign
	})
	if _, err := f.authority.Public().Verify(forged, f.want); !errors.Is(err, ErrSignature) {
		t.Errorf("another authority under the name: error = %v, want %v", err, ErrSignature)
	}
	same := mustAuthority(t, MLDSA65, "authority")
	if _, err := same.Public().Verify(f.token, f.want); !errors.Is(err, ErrSignature) {
		t.Errorf("the seed under another algorithm: error = %v, want %v", err, ErrSignature)
	}
}

// TestAlgorithmConfusion: the header names another algorithm than the key is of, and the
// signature is of either.
func TestAlgorithmConfusion(t *testing.T) {
	for _, algs := range [][2]Algorithm{{MLDSA44, MLDSA65}, {MLDSA65, MLDSA44}} {
		f := newFixture(t, algs[0], handshake.MLKEM512)
		other := mustAuthority(t, algs[1], "authority")
		for name, sign := range map[string]func([]byte) []byte{"its own": f.authority.sign, "the other": other.sign} {
			token := f.build(func(p *parts) {
				p.protected = protected{int64(algs[1])}
				p.sign = sign
			})
			if _, err := f.authority.Public().Verify(token, f.want); !errors.Is(err, ErrSignature) {
				t.Errorf("%v under the name of %v, signature of %s: error = %v", algs[0], algs[1], name, err)
			}
		}
		swapped := f.build(func(p *parts) { p.sign = other.sign })
		if _, err := f.authority.Public().Verify(swapped, f.want); !errors.Is(err, ErrSignature) {
			t.Errorf("signature of %v under the name of %v: error = %v", algs[1], algs[0], err)
		}
	}
}

// TestVerifyChanged flips every byte and takes away every end: nothing is verified, and
// nothing fails in another way than by its class.
func TestVerifyChanged(t *testing.T) {
	f := newFixture(t, MLDSA44, handshake.MLKEM512)
	key := f.authority.Public()
	for n := range f.token {
		changed := bytes.Clone(f.token)
		changed[n] ^= 1
		if _, err := key.Verify(changed, f.want); !errors.Is(err, ErrSignature) && !errors.Is(err, ErrMalformed) {
			t.Fatalf("byte %d changed: error = %v", n, err)
		}
		if _, err := key.Verify(f.token[:n], f.want); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d bytes: error = %v", n, err)
		}
	}
}

func TestIssue(t *testing.T) {
	f := newFixture(t, MLDSA65, handshake.XWing)
	if again := f.issue(f.claims); !bytes.Equal(again, f.token) {
		t.Error("the same randomness gave another token")
	}
	other, err := f.authority.Issue(random("another"), f.claims)
	if err != nil || bytes.Equal(other, f.token) {
		t.Errorf("other randomness gave the same token, error = %v", err)
	}
	f.claims.ID = [16]byte{1}
	token, err := f.authority.Issue(strings.NewReader(""), f.claims)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := f.authority.Public().Verify(token, f.want); err != nil || c.ID != f.claims.ID {
		t.Errorf("ID %x, error = %v", c.ID, err)
	}
	f.claims.ID = [16]byte{}
	if _, err := f.authority.Issue(bytes.NewReader(make([]byte, 15)), f.claims); err == nil {
		t.Error("15 random bytes were enough")
	}
}

func TestIssueMisuse(t *testing.T) {
	f := newFixture(t, MLDSA44, handshake.MLKEM512)
	for _, row := range []struct {
		name   string
		change func(c *Claims)
	}{
		{"no issuer", func(c *Claims) { c.Issuer = "" }},
		{"issuer too long", func(c *Claims) { c.Issuer = strings.Repeat("x", 65) }},
		{"issuer not UTF-8", func(c *Claims) { c.Issuer = "\xff" }},
		{"no subject", func(c *Claims) { c.Subject = "" }},
		{"subject too long", func(c *Claims) { c.Subject = strings.Repeat("x", 65) }},
		{"no usage", func(c *Claims) { c.Usage = 0 }},
		{"a third usage", func(c *Claims) { c.Usage = 3 }},
		{"never valid", func(c *Claims) { c.Expires = c.NotBefore }},
		{"no begin", func(c *Claims) { c.NotBefore = time.Time{} }},
		{"no end", func(c *Claims) { c.Expires = time.Time{} }},
		{"the year 10000", func(c *Claims) { c.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"no time of issue", func(c *Claims) { c.Issued = time.Time{} }},
		{"no key", func(c *Claims) { c.Key = nil }},
	} {
		c := f.claims
		row.change(&c)
		if token, err := f.authority.Issue(random("id"), c); token != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: error = %v, want %v", row.name, err, ErrMisuse)
		}
	}
}

// TestTokenSize: the largest token there is can be sent.
func TestTokenSize(t *testing.T) {
	f := newFixture(t, MLDSA65, handshake.MLKEM1024)
	f.claims.Issuer, f.claims.Subject = strings.Repeat("i", 64), strings.Repeat("s", 64)
	f.claims.Expires = time.Unix(maxTime, 0)
	token := f.issue(f.claims)
	f.want.Issuer, f.want.Subject = f.claims.Issuer, f.claims.Subject
	if _, err := f.authority.Public().Verify(token, f.want); err != nil || len(token) > handshake.MaxToken {
		t.Errorf("%d bytes, error = %v", len(token), err)
	}
	long := f.build(func(p *parts) { p.claims[int64(99)] = make([]byte, handshake.MaxToken) })
	if _, err := f.authority.Public().Verify(long, f.want); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d bytes: error = %v, want %v", len(long), err, ErrMalformed)
	}
}
