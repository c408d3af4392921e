package handshake

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/cloudflare/circl/kem"
)

// BenchmarkResumption times both sides of a resumption, the new ticket included, in both forms, and
// in the same run the KEM operations of the forward secret one; the small one has none. First deciles.
func BenchmarkResumption(b *testing.B) {
	for _, suite := range allSuites {
		for _, ephemeral := range []bool{false, true} {
			form := map[bool]string{false: "small", true: "ephemeral"}[ephemeral]
			b.Run(fmt.Sprintf("%v/%s", suite, form), func(b *testing.B) {
				c := newChain(b, suite, ModeKEM)
				c.limits.Small = 255
				scheme := suite.row().kem
				var whole, bare stopwatch
				b.ReportAllocs()
				for b.Loop() {
					whole.time(func() { oneResumption(b, c, ephemeral) })
					bare.time(func() { bareEphemeral(b, scheme) })
				}
				b.ReportMetric(whole.ns(), "resumption-ns")
				b.ReportMetric(bare.ns(), "kem-ns")
				if ephemeral {
					b.ReportMetric(whole.ns()/bare.ns(), "ratio")
				}
			})
		}
	}
}

// bareEphemeral is a key, an encapsulation and a decapsulation.
func bareEphemeral(b *testing.B, scheme kem.Scheme) {
	pk, sk, err := scheme.GenerateKeyPair()
	if err != nil {
		b.Fatal(err)
	}
	ct, _, err := scheme.Encapsulate(pk)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := scheme.Decapsulate(sk, ct); err != nil {
		b.Fatal(err)
	}
}

func oneResumption(b *testing.B, c *chain, ephemeral bool) {
	r, err := NewResumer(rand.Reader, c.again(), c.config(ephemeral))
	if err != nil {
		b.Fatal(err)
	}
	a, err := c.open(r.M1R())
	if err != nil {
		b.Fatal(err)
	}
	m2r, res, err := a.Respond(rand.Reader, c.grant)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.keys.Issue(rand.Reader, c.now, res, c.limits); err != nil {
		b.Fatal(err)
	}
	if _, err := r.Finish(m2r); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOpenResumptionReject is what an m1r costs whose ticket does not open.
func BenchmarkOpenResumptionReject(b *testing.B) {
	c := newChain(b, XWing, ModeKEM)
	m, err := ParseM1R(c.resumer(false).M1R())
	if err != nil {
		b.Fatal(err)
	}
	m.ticket[len(m.ticket)-1] ^= 1
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.responder.OpenResumption(c.now, m, c.keys, c.limits); err == nil {
			b.Fatal("opened")
		}
	}
}
