package cwt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
)

func TestAuthorityKey(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA44, MLDSA65} {
		k := mustAuthority(t, alg, "authority").Public()
		got, err := ParseAuthorityKey(k.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		sum, id := sha256.Sum256(k.Bytes()), k.ID()
		if got.Algorithm() != alg || got.ID() != id || !bytes.Equal(id[:], sum[:8]) || !bytes.Equal(got.Bytes(), k.Bytes()) {
			t.Errorf("%v: parsed to another key", alg)
		}
	}
}

func TestAuthorityKeyErrors(t *testing.T) {
	pk, err := mustAuthority(t, MLDSA44, "authority").public.public.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	good := encode(map[int]any{1: 7, 3: -48, -1: pk})
	for _, row := range []struct {
		name string
		b    []byte
		want error
	}{
		{"baseline", good, nil},
		{"type OKP", encode(map[int]any{1: 1, 3: -48, -1: pk}), ErrMalformed},
		{"no type", encode(map[int]any{3: -48, -1: pk}), ErrMalformed},
		{"ML-DSA-87", encode(map[int]any{1: 7, 3: -50, -1: pk}), ErrUnsupported},
		{"a KEM key", encode(map[int]any{1: 7, 3: -70701, -1: pk}), ErrUnsupported},
		{"no algorithm", encode(map[int]any{1: 7, -1: pk}), ErrMalformed},
		{"ML-DSA-65 with a key of 44", encode(map[int]any{1: 7, 3: -49, -1: pk}), ErrMalformed},
		{"short", encode(map[int]any{1: 7, 3: -48, -1: pk[1:]}), ErrMalformed},
		{"no key", encode(map[int]any{1: 7, 3: -48}), ErrMalformed},
		{"a private part", encode(map[int]any{1: 7, 3: -48, -1: pk, -2: pk[:32]}), ErrMalformed},
		{"trailing byte", append(bytes.Clone(good), 0), ErrMalformed},
		{"indefinite", append(append([]byte{0xbf}, good[1:]...), 0xff), ErrMalformed},
		{"nothing", nil, ErrMalformed},
	} {
		if k, err := ParseAuthorityKey(row.b); !errors.Is(err, row.want) || (k == nil) != (err != nil) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
	}
}
