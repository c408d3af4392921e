package reference

import (
	"bytes"
	"testing"
)

// TestKEM: sizes are those of docs/protocol.md section 2, and both ends have one secret.
func TestKEM(t *testing.T) {
	for _, s := range []Suite{XWing, MLKEM768, MLKEM1024} {
		seed, random := bytes.Repeat([]byte{1}, s.KEM.SeedSize()), bytes.Repeat([]byte{2}, s.KEM.RandomSize())
		pk, err := s.KEM.PublicKey(seed)
		if err != nil {
			t.Fatal(err)
		}
		ct, ss, err := s.KEM.Encapsulate(pk, random)
		if err != nil || len(pk) != s.PublicSize || len(ct) != s.CipherSize || len(ss) != 32 {
			t.Errorf("suite %d: sizes %d, %d, %d, error = %v", s.Number, len(pk), len(ct), len(ss), err)
		}
		again, err := s.KEM.Decapsulate(seed, ct)
		if err != nil || !bytes.Equal(again, ss) {
			t.Errorf("suite %d: secrets differ, error = %v", s.Number, err)
		}
		ct[0] ^= 1
		if other, err := s.KEM.Decapsulate(seed, ct); err != nil || bytes.Equal(other, ss) {
			t.Errorf("suite %d: a changed ciphertext gives the same secret, or error %v", s.Number, err)
		}
		for name, err := range map[string]error{
			"key a byte short":        second(s.KEM.Encapsulate(pk[1:], random)),
			"randomness a byte short": second(s.KEM.Encapsulate(pk, random[1:])),
			"ciphertext a byte short": first(s.KEM.Decapsulate(seed, ct[1:])),
		} {
			if err == nil {
				t.Errorf("suite %d: %s: no error", s.Number, name)
			}
		}
	}
}

func first(_ []byte, err error) error     { return err }
func second(_, _ []byte, err error) error { return err }
