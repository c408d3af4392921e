package cwt

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// random is a deterministic source named by a string.
func random(name string) io.Reader { return rand.NewChaCha8(sha256.Sum256([]byte(name))) }

var now = time.Unix(1_800_000_000, 0)

// A fixture is a token of an authority, and what it is verified against.
type fixture struct {
	t         testing.TB
	authority *Authority
	claims    Claims
	token     []byte
	want      Want
}

func newFixture(t testing.TB, alg Algorithm, suite handshake.Suite) *fixture {
	t.Helper()
	f := &fixture{t: t, authority: mustAuthority(t, alg, "authority")}
	f.claims = Claims{
		Issuer: "fleet.example", Subject: "server-1", Usage: UsageServer,
		NotBefore: now.Add(-time.Hour), Expires: now.Add(24 * time.Hour), Issued: now.Add(-time.Hour),
		Key: mustKey(t, suite, "server").Public(),
	}
	f.want = Want{Issuer: "fleet.example", Subject: "server-1", Usage: UsageServer, Suite: suite, Now: now, Skew: time.Minute}
	f.token = f.issue(f.claims)
	return f
}

func (f *fixture) issue(c Claims) []byte {
	f.t.Helper()
	token, err := f.authority.Issue(random("id"), c)
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

func mustAuthority(t testing.TB, alg Algorithm, name string) *Authority {
	t.Helper()
	a, err := GenerateAuthority(random("authority "+name), alg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustKey(t testing.TB, suite handshake.Suite, name string) *handshake.PrivateKey {
	t.Helper()
	k, err := handshake.GenerateKey(random("key of "+name), suite)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
