package vectors

import (
	"crypto/sha3"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/pqcoap/pqcoap/conformance/reference"
)

// kem512 is ML-KEM-512, which the standard library does not have.
type kem512 struct{}

func (kem512) SeedSize() int   { return mlkem512.KeySeedSize }
func (kem512) RandomSize() int { return mlkem512.EncapsulationSeedSize }

func (kem512) PublicKey(seed []byte) ([]byte, error) {
	pk, _ := mlkem512.NewKeyFromSeed(seed)
	return pk.MarshalBinary()
}

func (kem512) Encapsulate(pk, random []byte) (ct, ss []byte, err error) {
	key, err := mlkem512.Scheme().UnmarshalBinaryPublicKey(pk)
	if err != nil {
		return nil, nil, err
	}
	return mlkem512.Scheme().EncapsulateDeterministically(key, random)
}

func (kem512) Decapsulate(seed, ct []byte) ([]byte, error) {
	_, sk := mlkem512.NewKeyFromSeed(seed)
	return mlkem512.Scheme().Decapsulate(sk, ct)
}

var (
	suites = []reference.Suite{reference.XWing, reference.MLKEM768, reference.MLKEM512(kem512{}), reference.MLKEM1024}
	modes  = map[reference.Mode]string{reference.ModeNone: "none", reference.ModeKEM: "kem", reference.ModePSK: "psk"}

	// plain is the suite of the scenarios that need only one.
	plain = reference.MLKEM768
)

// must is for what fails only when this package is wrong.
func must(err error) {
	if err != nil {
		panic("vectors: " + err.Error())
	}
}

func must1[T any](v T, err error) T {
	must(err)
	return v
}

// random returns n bytes that the label names.
func random(n int, format string, args ...any) Hex {
	return sha3.SumSHAKE256(fmt.Appendf([]byte("pqcoap test vector: "), format, args...), n)
}

// longTerm is the seed of a key that all scenarios of the suite share.
func longTerm(name string, suite reference.Suite) Hex {
	return random(suite.KEM.SeedSize(), "%s, suite %d", name, suite.Number)
}

// A pair is a device and a server that fit together.
type pair struct {
	device *reference.Device
	server *reference.Server
}

// newPair returns a pair whose inputs depend on nothing but suite and mode.
func newPair(suite reference.Suite, mode reference.Mode) pair {
	once := func(n int, what string) Hex { return random(n, "%s, suite %d, mode %d", what, suite.Number, mode) }
	d := &reference.Device{
		Suite: suite, Mode: mode,
		PkS:        must1(suite.KEM.PublicKey(longTerm("sk_S", suite))),
		Parameters: reference.Parameters{MaxUDPPayload: 1232, IdleTime: 86400},
		SeedE:      once(suite.KEM.SeedSize(), "sk_e"),
		RandomS:    once(suite.KEM.RandomSize(), "encapsulation to pk_S"),
	}
	d.CredS = suite.PublicObject(d.PkS)
	s := &reference.Server{
		Suite: suite, Seed: longTerm("sk_S", suite),
		ConnectionID: Hex{0x40 | 0x2a, suite.Number<<4 | byte(mode)},
		ResetToken:   once(16, "reset token"),
		Parameters:   reference.Parameters{MaxUDPPayload: 1232, IdleTime: 3600, Echo: once(8, "Echo")},
		RandomE:      once(suite.KEM.RandomSize(), "encapsulation to pk_e"),
	}
	switch mode {
	case reference.ModeKEM:
		d.Seed = longTerm("sk_C", suite)
		s.PkC = must1(suite.KEM.PublicKey(d.Seed))
		s.RandomC = once(suite.KEM.RandomSize(), "encapsulation to pk_C")
	case reference.ModePSK:
		d.PSKID, d.PSK = once(16, "PSK identifier"), once(32, "PSK")
		s.PSKID, s.PSK = d.PSKID, d.PSK
	}
	return pair{d, s}
}

// open makes m1 and takes it.
func (p pair) open() pair {
	must(p.device.Start())
	must(p.server.Open(p.device.Trace.M1))
	return p
}

func (p pair) deviceSide() DeviceSide {
	d := p.device
	return DeviceSide{d.Seed, d.Token, d.PSKID, d.PSK, d.Parameters, d.SeedE, d.RandomS}
}

func (p pair) serverSide() ServerSide {
	s := p.server
	return ServerSide{s.Seed, s.ConnectionID, s.ResetToken, s.Parameters, s.RandomE, s.RandomC}
}

// outcome is the class of an error of the reference device.
func outcome(err error) Outcome {
	var refused *reference.Refusal
	switch {
	case err == nil:
		return OK
	case errors.As(err, &refused):
		return Refused
	}
	return Rejected
}

// flip returns b with one bit changed.
func flip(b []byte, at int) Hex {
	b = append(Hex(nil), b...)
	b[at] ^= 0x10
	return b
}
