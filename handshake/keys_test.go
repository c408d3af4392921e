package handshake

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
)

func TestPrivateKey(t *testing.T) {
	for _, suite := range allSuites {
		seed := make([]byte, suite.SeedSize())
		random("seed").Read(seed)
		k, err := NewPrivateKey(suite, seed)
		if err != nil {
			t.Fatal(err)
		}
		l, err := GenerateKey(bytes.NewReader(seed), suite)
		if err != nil {
			t.Fatal(err)
		}
		clear(seed) // the keys have copies
		if !bytes.Equal(k.Append(nil), l.Append(nil)) || k.Suite() != suite {
			t.Errorf("%v: NewPrivateKey and GenerateKey differ", suite)
		}
		if !bytes.Equal(k.Public().Bytes(), l.Public().Bytes()) || k.Public().Suite() != suite {
			t.Errorf("%v: the public keys differ", suite)
		}
	}
}

func TestPrivateKeyErrors(t *testing.T) {
	for _, suite := range allSuites {
		for _, n := range []int{0, suite.SeedSize() - 1, suite.SeedSize() + 1} {
			if _, err := NewPrivateKey(suite, make([]byte, n)); !errors.Is(err, ErrKey) {
				t.Errorf("%v: seed of %d bytes: error = %v", suite, n, err)
			}
		}
		if _, err := GenerateKey(bytes.NewReader(nil), suite); err == nil {
			t.Errorf("%v: a key without randomness", suite)
		}
	}
	for _, suite := range []Suite{0, 5} {
		if _, err := NewPrivateKey(suite, make([]byte, 64)); !errors.Is(err, ErrKey) {
			t.Errorf("suite %d: error = %v", suite, err)
		}
		if _, err := GenerateKey(random("x"), suite); !errors.Is(err, ErrKey) {
			t.Errorf("suite %d: error = %v", suite, err)
		}
		if _, err := ParsePublicKey(suite, make([]byte, 1184)); !errors.Is(err, ErrKey) {
			t.Errorf("suite %d: error = %v", suite, err)
		}
	}
}

// TestDeviceID: the first 16 bytes of SHA-256(CBOR [suite, pk_C]), with the CBOR by hand.
func TestDeviceID(t *testing.T) {
	k := mustKey(t, MLKEM512, "device").Public()
	object := append([]byte{0x82, 3, 0x59, 800 >> 8, 800 & 0xff}, k.Bytes()...)
	sum := sha256.Sum256(object)
	if id := k.DeviceID(); !bytes.Equal(id[:], sum[:16]) {
		t.Errorf("device ID is %v, want %x", id, sum[:16])
	}
	if len(k.DeviceID().String()) != 32 {
		t.Error("the device ID does not print in hexadecimal")
	}
}

func TestPublicKeyBytesIsCopy(t *testing.T) {
	k := mustKey(t, MLKEM768, "device").Public()
	k.Bytes()[0] ^= 1
	if again, err := ParsePublicKey(MLKEM768, k.Bytes()); err != nil || again.DeviceID() != k.DeviceID() {
		t.Error("a caller changed the key")
	}
}
