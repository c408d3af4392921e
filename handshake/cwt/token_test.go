package cwt

import (
	"testing"
)

func TestVerify(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA44, MLDSA65} {
		for _, suite := range handshakeSuites {
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
		}
	}
}
