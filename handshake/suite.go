package handshake

import (
	"crypto"
	_ "crypto/sha256" // Hash of suite 3
	_ "crypto/sha512" // Hash of suites 1, 2 and 4
	"fmt"

	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/cloudflare/circl/kem/xwing"
)

// A Suite names a KEM, a hash and an AEAD (docs/protocol.md section 2).
type Suite uint8

const (
	XWing     Suite = 1 // ML-KEM-768 with X25519, the default
	MLKEM768  Suite = 2
	MLKEM512  Suite = 3
	MLKEM1024 Suite = 4
)

// suiteParameters is one row of the table in docs/protocol.md section 2.
type suiteParameters struct {
	name   string
	kem    kem.Scheme // sizes: FIPS 203 table 3, X-Wing draft section 5
	hash   crypto.Hash
	aead   int    // key length of the AEAD
	record uint16 // cipher suite of the records, RFC 8446 appendix B.4
}

var suites = [...]suiteParameters{
	XWing:     {"X-Wing", xwing.Scheme(), crypto.SHA384, 32, 0x1302},
	MLKEM768:  {"ML-KEM-768", mlkem768.Scheme(), crypto.SHA384, 32, 0x1302},
	MLKEM512:  {"ML-KEM-512", mlkem512.Scheme(), crypto.SHA256, 16, 0x1301},
	MLKEM1024: {"ML-KEM-1024", mlkem1024.Scheme(), crypto.SHA384, 32, 0x1302},
}

// Valid reports whether s is a suite of this version. The other methods of an invalid
// suite panic, String apart.
func (s Suite) Valid() bool { return s >= XWing && int(s) < len(suites) }

// String returns the name of the KEM.
func (s Suite) String() string {
	if !s.Valid() {
		return fmt.Sprintf("suite %d", uint8(s))
	}
	return suites[s].name
}

func (s Suite) row() *suiteParameters {
	if !s.Valid() {
		panic("handshake: invalid suite")
	}
	return &suites[s]
}

// Hash returns the hash of the transcript and of HKDF.
func (s Suite) Hash() crypto.Hash { return s.row().hash }

// KeySize returns the length of the AEAD keys of the handshake and of the records.
func (s Suite) KeySize() int { return s.row().aead }

// RecordSuite returns the cipher suite of the records: 0x1301 or 0x1302.
func (s Suite) RecordSuite() uint16 { return s.row().record }

// PublicKeySize returns the length of an encapsulation key.
func (s Suite) PublicKeySize() int { return s.row().kem.PublicKeySize() }

// CiphertextSize returns the length of a KEM ciphertext.
func (s Suite) CiphertextSize() int { return s.row().kem.CiphertextSize() }

// SeedSize returns the length of the seed that a private key is kept as.
func (s Suite) SeedSize() int { return s.row().kem.SeedSize() }

// A Mode is how the device authenticates itself (docs/protocol.md section 4).
type Mode uint8

const (
	ModeNone Mode = 0 // anonymous
	ModeKEM  Mode = 1 // by its KEM key
	ModePSK  Mode = 2 // by a pre-shared key
)

// String returns the name of the mode in docs/protocol.md.
func (m Mode) String() string {
	switch m {
	case ModeNone:
		return "none"
	case ModeKEM:
		return "kem"
	case ModePSK:
		return "psk"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// Suites returns all suites, in the order of their numbers.
func Suites() []Suite { return []Suite{XWing, MLKEM768, MLKEM512, MLKEM1024} }
