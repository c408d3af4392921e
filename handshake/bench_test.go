package handshake

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkHandshake times both sides of a handshake without I/O, and in the same run what it
// is made of (docs/decisions.md 33): kem-ns are the bare KEM operations of its mode, key
// generation, and encapsulation and decapsulation with keys that are parsed already; check-ns
// is the check of pk_e (FIPS 203 section 7.2), which the server cannot have done before;
// hash-ns are the hashes of the transcripts and of HKDF. ratio is the handshake by its KEM
// operations, floor what the ratio would be were there nothing but these three. All times are
// first deciles, which other work on the machine moves least.
func BenchmarkHandshake(b *testing.B) {
	for _, suite := range allSuites {
		for _, mode := range []Mode{ModeKEM, ModePSK, ModeNone} {
			b.Run(fmt.Sprintf("%v/%v", suite, mode), func(b *testing.B) {
				p := newPair(b, suite, mode)
				var whole, bare, check, hash stopwatch
				b.ReportAllocs()
				for b.Loop() {
					whole.time(func() { oneHandshake(b, p) })
					bare.time(func() { bareKEM(b, p) })
					check.time(func() { bareCheck(b, p) })
					hash.time(func() { bareHash(p) })
				}
				b.ReportMetric(whole.ns(), "handshake-ns")
				b.ReportMetric(bare.ns(), "kem-ns")
				b.ReportMetric(check.ns(), "check-ns")
				b.ReportMetric(hash.ns(), "hash-ns")
				b.ReportMetric(whole.ns()/bare.ns(), "ratio")
				b.ReportMetric((bare.ns()+check.ns()+hash.ns())/bare.ns(), "floor")
			})
		}
	}
}

// A stopwatch holds the times that the same work has taken.
type stopwatch []time.Duration

func (s *stopwatch) time(f func()) {
	start := time.Now()
	f()
	*s = append(*s, time.Since(start))
}

// ns returns the first decile in nanoseconds.
func (s stopwatch) ns() float64 {
	slices.Sort(s)
	return float64(s[len(s)/10].Nanoseconds())
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

func bareCheck(b *testing.B, p *pair) {
	if _, err := p.suite.parseKEMKey(p.serverKey.public.bytes); err != nil {
		b.Fatal(err)
	}
}

// bareHash is what both sides hash: th0 to th3, and three extractions and nine expansions.
func bareHash(p *pair) {
	pk, ct := p.serverKey.public.bytes, make([]byte, p.suite.CiphertextSize())
	th, small := make([]byte, p.suite.Hash().Size()), make([]byte, 70) // of an HkdfLabel, and of plaintext_1
	plaintext2 := small
	if p.mode == ModeKEM {
		plaintext2 = make([]byte, len(ct)+40)
	}
	for range 2 {
		p.suite.transcript(small, pk, ct)
		p.suite.transcript(th, small)
		p.suite.transcript(th, ct)
		p.suite.transcript(th, plaintext2, th)
		for range 12 {
			p.suite.hmac(th, small)
		}
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
