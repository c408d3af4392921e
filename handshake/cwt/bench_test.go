package cwt

import (
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []Algorithm{MLDSA44, MLDSA65} {
		b.Run(alg.String(), func(b *testing.B) {
			f := newFixture(b, alg, handshake.XWing)
			key := f.authority.Public()
			for b.Loop() {
				if _, err := key.Verify(f.token, f.want); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkIssue(b *testing.B) {
	for _, alg := range []Algorithm{MLDSA44, MLDSA65} {
		b.Run(alg.String(), func(b *testing.B) {
			f := newFixture(b, alg, handshake.XWing)
			for b.Loop() {
				if _, err := f.authority.Issue(random("id"), f.claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
