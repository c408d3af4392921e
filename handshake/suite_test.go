package handshake

import (
	"crypto"
	"testing"
)

// TestSuites compares the table of docs/protocol.md section 2.
func TestSuites(t *testing.T) {
	for _, row := range []struct {
		suite        Suite
		name         string
		pk, ct, seed int
		key          int
		hash         crypto.Hash
		record       uint16
	}{
		{1, "X-Wing", 1216, 1120, 32, 32, crypto.SHA384, 0x1302},
		{2, "ML-KEM-768", 1184, 1088, 64, 32, crypto.SHA384, 0x1302},
		{3, "ML-KEM-512", 800, 768, 64, 16, crypto.SHA256, 0x1301},
		{4, "ML-KEM-1024", 1568, 1568, 64, 32, crypto.SHA384, 0x1302},
	} {
		s := row.suite
		if !s.Valid() || s.String() != row.name || s.PublicKeySize() != row.pk ||
			s.CiphertextSize() != row.ct || s.SeedSize() != row.seed || s.KeySize() != row.key ||
			s.Hash() != row.hash || s.RecordSuite() != row.record || s.row().kem.SharedKeySize() != 32 {
			t.Errorf("suite %d is not as documented", uint8(s))
		}
	}
}

func TestInvalidSuite(t *testing.T) {
	if len(Suites()) != 4 {
		t.Errorf("there are %d suites", len(Suites()))
	}
	for _, s := range []Suite{0, 5, 255} {
		if s.Valid() {
			t.Errorf("suite %d is valid", uint8(s))
		}
		if s.String() == "" {
			t.Errorf("suite %d has no name", uint8(s))
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a size of an invalid suite")
		}
	}()
	Suite(0).CiphertextSize()
}

func TestModeString(t *testing.T) {
	for m, want := range map[Mode]string{0: "none", 1: "kem", 2: "psk", 9: "mode 9"} {
		if m.String() != want {
			t.Errorf("mode %d is %q, want %q", uint8(m), m, want)
		}
	}
}
