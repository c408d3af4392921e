package authority

import (
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const day = 24 * time.Hour

// issuers are two authorities that share nothing but their kind.
var issuers = sync.OnceValue(func() (list [2]*Issuer) {
	for n, name := range []string{"fleet", "other"} {
		key, err := cwt.GenerateAuthority(rand.Reader, cwt.MLDSA44)
		if err == nil {
			list[n], err = NewIssuer(key, name)
		}
		if err != nil {
			panic(err)
		}
	}
	return list
})

var deviceKey = sync.OnceValue(func() *handshake.PublicKey { return newKey(handshake.MLKEM512) })

func newKey(suite handshake.Suite) *handshake.PublicKey {
	key, err := handshake.GenerateKey(rand.Reader, suite)
	if err != nil {
		panic(err)
	}
	return key.Public()
}

func issue(t *testing.T, i *Issuer, at time.Time, usage cwt.Usage, key *handshake.PublicKey) []byte {
	t.Helper()
	token, _, err := i.Issue(rand.Reader, at, usage, "a", key, day)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestVerify(t *testing.T) {
	ours, other := issuers()[0], issuers()[1]
	renamed := &Trust{"fleet-2", ours.Trust().Key}
	token := issue(t, ours, start, cwt.UsageDevice, deviceKey())
	for name, test := range map[string]struct {
		trusts []*Trust
		token  []byte
		after  time.Duration
		suite  handshake.Suite
		want   error
	}{
		"good":                    {nil, token, 0, handshake.MLKEM512, nil},
		"the second authority's":  {[]*Trust{other.Trust(), ours.Trust()}, token, 0, handshake.MLKEM512, nil},
		"clocks that differ":      {nil, token, -Skew, handshake.MLKEM512, nil},
		"not yet valid":           {nil, token, -Skew - time.Second, handshake.MLKEM512, cwt.ErrNotYet},
		"a moment ago":            {nil, token, day + Skew - time.Second, handshake.MLKEM512, nil},
		"expired":                 {nil, token, day + Skew, handshake.MLKEM512, cwt.ErrExpired},
		"another authority's":     {[]*Trust{other.Trust()}, token, 0, handshake.MLKEM512, ErrUntrusted},
		"nobody trusted":          {[]*Trust{}, token, 0, handshake.MLKEM512, ErrUntrusted},
		"by another name":         {[]*Trust{renamed}, token, 0, handshake.MLKEM512, cwt.ErrIssuer},
		"a server's":              {nil, issue(t, ours, start, cwt.UsageServer, deviceKey()), 0, handshake.MLKEM512, cwt.ErrUsage},
		"another suite":           {nil, token, 0, handshake.MLKEM768, cwt.ErrSuite},
		"nothing":                 {nil, nil, 0, handshake.MLKEM512, cwt.ErrMalformed},
		"a byte more":             {nil, append(append([]byte(nil), token...), 0), 0, handshake.MLKEM512, cwt.ErrMalformed},
		"another's under our kid": {[]*Trust{{"fleet", other.Trust().Key}}, token, 0, handshake.MLKEM512, ErrUntrusted},
	} {
		trusts := test.trusts
		if trusts == nil {
			trusts = []*Trust{ours.Trust()}
		}
		set := NewSet(trusts...)
		for range 2 { // before and after the token is remembered, where it can be
			claims, trust, err := set.Verify(start.Add(test.after), test.token, test.suite)
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("%s: %v, want %v", name, err, test.want)
			}
			if (claims == nil || trust == nil) != (err != nil) || err == nil && (claims.Subject != "a" || trust.Issuer != "fleet") {
				t.Errorf("%s: %v of %v", name, claims, trust)
			}
			set.Verify(start, token, handshake.MLKEM512)
		}
	}
}

// A device's token is no server's, whether it is remembered or not.
func TestVerifyServer(t *testing.T) {
	ours := issuers()[0]
	set := NewSet(ours.Trust())
	device, server := issue(t, ours, start, cwt.UsageDevice, deviceKey()), issue(t, ours, start, cwt.UsageServer, deviceKey())
	for range 2 {
		if _, _, err := set.VerifyServer(start, device, handshake.MLKEM512); !errors.Is(err, cwt.ErrUsage) {
			t.Errorf("a device as a server: %v", err)
		}
		if _, _, err := set.Verify(start, server, handshake.MLKEM512); !errors.Is(err, cwt.ErrUsage) {
			t.Errorf("a server as a device: %v", err)
		}
		set.Verify(start, device, handshake.MLKEM512)
		set.VerifyServer(start, server, handshake.MLKEM512)
	}
	if len(set.verified) != 2 {
		t.Errorf("%d tokens remembered", len(set.verified))
	}
}

func TestRememberBounded(t *testing.T) {
	set := NewSet()
	for i := range maxVerified + 10 {
		set.remember([32]byte{byte(i), byte(i >> 8)}, &verified{})
	}
	if len(set.verified) != maxVerified {
		t.Errorf("%d tokens remembered", len(set.verified))
	}
}
