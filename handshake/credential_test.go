package handshake

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
)

func TestServerCredential(t *testing.T) {
	for _, suite := range allSuites {
		k := mustKey(t, suite, "server")
		c, err := ParseServerCredential(k.ServerCredential().Bytes())
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(c.Bytes())
		kid := c.KeyID()
		if c.Suite() != suite || c.Fingerprint() != sum || !bytes.Equal(kid[:], sum[:8]) ||
			!bytes.Equal(c.PublicKey().Bytes(), k.Public().Bytes()) {
			t.Errorf("%v: parsed to another credential", suite)
		}
	}
}

func TestServerCredentialErrors(t *testing.T) {
	pk := mustKey(t, MLKEM768, "server").Public().Bytes()
	parse := func(elements ...any) error { _, err := ParseServerCredential(encode(elements)); return err }
	good := encode([]any{2, pk})
	raw := func(b []byte) error { _, err := ParseServerCredential(b); return err }
	for _, row := range []struct {
		name      string
		err, want error
	}{
		{"baseline", parse(2, pk), nil},
		{"suite 0", parse(0, pk), ErrUnsupported},
		{"suite 5", parse(5, pk), ErrUnsupported},
		{"suite of another size", parse(3, pk), ErrKey},
		{"no key", parse(2, nil), ErrKey},
		{"short key", parse(2, pk[1:]), ErrKey},
		{"key as text", parse(2, "pk"), ErrMalformed},
		{"one element", parse(2), ErrMalformed},
		{"three elements", parse(2, pk, pk), ErrMalformed},
		{"trailing byte", raw(append(bytes.Clone(good), 0)), ErrMalformed},
		{"suite in two bytes", raw(append([]byte{0x82, 0x18, 2}, good[2:]...)), ErrMalformed},
		{"indefinite array", raw(append(append([]byte{0x9f}, good[1:]...), 0xff)), ErrMalformed},
		{"tagged", raw(append([]byte{0xc1}, good...)), ErrMalformed},
		{"empty", raw(nil), ErrMalformed},
		{"null", raw([]byte{0xf6}), ErrMalformed},
	} {
		if !errors.Is(row.err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, row.err, row.want)
		}
	}
}
