package cwt

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func TestAuthorityFile(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA44, MLDSA65} {
		a := mustAuthority(t, alg, "authority")
		b := a.Append([]byte("before"))
		got, err := ParseAuthority(bytes.TrimPrefix(b, []byte("before")))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.seed, a.seed) || !bytes.Equal(got.Public().Bytes(), a.Public().Bytes()) {
			t.Errorf("%v: parsed to another authority", alg)
		}
	}
}

func TestAuthorityFileErrors(t *testing.T) {
	seed := make([]byte, 32)
	good := encode([]any{1, "authority", -48, seed})
	for _, row := range []struct {
		name string
		b    []byte
		want error
	}{
		{"baseline", good, nil},
		{"version 2", encode([]any{2, "authority", -48, seed}), ErrUnsupported},
		{"another kind", encode([]any{1, "kem", -48, seed}), ErrMalformed},
		{"ML-DSA-87", encode([]any{1, "authority", -50, seed}), ErrUnsupported},
		{"short seed", encode([]any{1, "authority", -48, seed[1:]}), ErrMalformed},
		{"no seed", encode([]any{1, "authority", -48, nil}), ErrMalformed},
		{"three elements", encode([]any{1, "authority", -48}), ErrMalformed},
		{"trailing byte", append(bytes.Clone(good), 0), ErrMalformed},
		{"nothing", nil, ErrMalformed},
	} {
		if a, err := ParseAuthority(row.b); !errors.Is(err, row.want) || (a == nil) != (err != nil) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
	}
}

func TestGenerateAuthority(t *testing.T) {
	if _, err := GenerateAuthority(random("x"), -50); !errors.Is(err, ErrUnsupported) {
		t.Errorf("ML-DSA-87: error = %v, want %v", err, ErrUnsupported)
	}
	if _, err := GenerateAuthority(bytes.NewReader(make([]byte, 31)), MLDSA44); err == nil {
		t.Error("31 random bytes were enough")
	}
}

// TestAuthorityIsNotPrinted tries every way by which a value gets into a log or a file.
func TestAuthorityIsNotPrinted(t *testing.T) {
	a := mustAuthority(t, MLDSA65, "authority")
	seed := a.seed[:8]
	type holder struct {
		A *Authority
		B Authority
	}
	h := holder{a, *a}
	var out bytes.Buffer
	for _, v := range []any{a, *a, h, &h, []Authority{*a}, map[string]*Authority{"a": a}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		if b, err := xml.Marshal(v); err == nil {
			out.Write(b)
		}
		if err := gob.NewEncoder(&out).Encode(v); err == nil {
			t.Errorf("gob takes %T", v)
		}
		if b, err := cbor.Marshal(v); err == nil {
			t.Errorf("CBOR takes %T", v)
			out.Write(b)
		}
	}
	text := out.String()
	decimal := strings.Trim(fmt.Sprint([]byte(seed)), "[]")
	for _, secret := range []string{string(seed), hex.EncodeToString(seed), strings.ToUpper(hex.EncodeToString(seed)), decimal} {
		if strings.Contains(text, secret) {
			t.Errorf("the seed is in what was printed")
		}
	}
	if !strings.Contains(text, "authority "+a.Public().String()) {
		t.Error("nothing was printed at all")
	}
}
