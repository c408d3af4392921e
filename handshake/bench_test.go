package handshake

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkHandshake times both sides of a handshake, and in the same run the bare KEM
// operations of its mode: key generation, and encapsulation and decapsulation with keys
// that are parsed already. check-ns is the check of pk_e (FIPS 203 section 7.2), which the
// server cannot have done before; ratio leaves it out, ratio-with-check counts it with the
// KEM. All figures are medians, which other work on the machine moves little.
func BenchmarkHandshake(b *testing.B) {
	for _, suite := range allSuites {
		for _, mode := range []Mode{ModeKEM, ModeNone} {
			b.Run(fmt.Sprintf("%v/%v", suite, mode), func(b *testing.B) {
				p := newPair(b, suite, mode)
				var whole, bare, check []time.Duration
				pkE := p.serverKey.Public().bytes
				b.ReportAllocs()
				for b.Loop() {
					start := time.Now()
					oneHandshake(b, p)
					middle := time.Now()
					bareKEM(b, p)
					end := time.Now()
					if _, err := suite.parseKEMKey(pkE); err != nil {
						b.Fatal(err)
					}
					check = append(check, time.Since(end))
					bare = append(bare, end.Sub(middle))
					whole = append(whole, middle.Sub(start))
				}
				b.ReportMetric(median(whole), "handshake-ns")
				b.ReportMetric(median(bare), "kem-ns")
				b.ReportMetric(median(check), "check-ns")
				b.ReportMetric(median(whole)/median(bare), "ratio")
				b.ReportMetric(median(whole)/(median(bare)+median(check)), "ratio-with-check")
			})
		}
	}
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Nanoseconds())
}

func oneHandshake(b *testing.B, p *pair) {
	i, err := NewInitiator(rand.Reader, p.cfg)
	if err != nil {
		b.Fatal(err)
	}
	m, err := ParseM1(i.M1())
	if err != nil {
		b.Fatal(err)
	}
	a, err := p.responder.Open(m)
	if err != nil {
		b.Fatal(err)
	}
	m2, _, err := a.Respond(rand.Reader, p.grant)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := i.Finish(m2); err != nil {
		b.Fatal(err)
	}
}

func bareKEM(b *testing.B, p *pair) {
	scheme := p.suite.row().kem
	pkE, skE, err := scheme.GenerateKeyPair()
	if err != nil {
		b.Fatal(err)
	}
	roundTrip := func(k *PrivateKey) {
		ct, _, err := scheme.Encapsulate(k.public.kem)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := scheme.Decapsulate(k.kem, ct); err != nil {
			b.Fatal(err)
		}
	}
	roundTrip(p.serverKey)
	roundTrip(&PrivateKey{kem: skE, public: &PublicKey{kem: pkE}})
	if p.mode == ModeKEM {
		roundTrip(p.cfg.Key)
	}
}

// BenchmarkOpenReject is what an m1 costs that does not open.
func BenchmarkOpenReject(b *testing.B) {
	for _, suite := range allSuites {
		b.Run(suite.String(), func(b *testing.B) {
			p := newPair(b, suite, ModeKEM)
			m, err := ParseM1(p.initiator().M1())
			if err != nil {
				b.Fatal(err)
			}
			m.ctS[0] ^= 1
			for b.Loop() {
				if _, err := p.responder.Open(m); err == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}
