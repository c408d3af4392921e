package handshake

import (
	"bytes"
	"errors"
	"testing"
)

func TestKeyObjects(t *testing.T) {
	for _, suite := range allSuites {
		k := mustKey(t, suite, "server")
		b := k.Append([]byte("prefix"))
		l, err := ParsePrivateKey(b[len("prefix"):])
		if err != nil || !bytes.Equal(l.Public().Bytes(), k.Public().Bytes()) {
			t.Errorf("%v: error = %v, or another key", suite, err)
		}
		m := l.ServerCredential()
		if m.Fingerprint() != k.ServerCredential().Fingerprint() {
			t.Errorf("%v: another fingerprint", suite)
		}
	}
	p := mustPSK(t, "device")
	q, err := ParsePSK(p.Append(nil))
	if err != nil || *q != *p {
		t.Errorf("psk: error = %v, or another one", err)
	}
}

// TestKeyObjectBytes fixes the layout of docs/protocol.md section 3.
func TestKeyObjectBytes(t *testing.T) {
	k, err := NewPrivateKey(XWing, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte("\x84\x01\x63kem\x01\x58\x20"), bytes.Repeat([]byte{7}, 32)...)
	if got := k.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("kem-key is %x, want %x", got, want)
	}
	p := &PSK{ID: [16]byte{1}, Key: PSKKey{2}}
	want = append([]byte("\x84\x01\x63psk\x50\x01"), make([]byte, 15)...)
	want = append(want, 0x58, 0x20, 2)
	want = append(want, make([]byte, 31)...)
	if got := p.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("psk-key is %x, want %x", got, want)
	}
}

func TestParseKeyErrors(t *testing.T) {
	seed, id, key := make([]byte, 64), make([]byte, 16), bytes.Repeat([]byte{1}, 32)
	kem := func(elements ...any) error { _, err := ParsePrivateKey(encode(elements)); return err }
	psk := func(elements ...any) error { _, err := ParsePSK(encode(elements)); return err }
	for _, row := range []struct {
		name      string
		err, want error
	}{
		{"kem baseline", kem(1, "kem", 2, seed), nil},
		{"kem version", kem(2, "kem", 2, seed), ErrUnsupported},
		{"kem version type", kem("1", "kem", 2, seed), ErrMalformed},
		{"kem kind", kem(1, "psk", 2, seed), ErrMalformed},
		{"kem suite 0", kem(1, "kem", 0, seed), ErrUnsupported},
		{"kem suite 5", kem(1, "kem", 5, seed), ErrUnsupported},
		{"kem suite 258", kem(1, "kem", 258, seed), ErrMalformed},
		{"kem seed of X-Wing", kem(1, "kem", 2, seed[:32]), ErrKey},
		{"kem seed null", kem(1, "kem", 2, nil), ErrKey},
		{"kem seed text", kem(1, "kem", 2, string(seed)), ErrMalformed},
		{"kem short", kem(1, "kem", 2), ErrMalformed},
		{"kem long", kem(1, "kem", 2, seed, 0), ErrMalformed},
		{"psk baseline", psk(1, "psk", id, key), nil},
		{"psk version", psk(2, "psk", id, key), ErrUnsupported},
		{"psk kind", psk(1, "kem", id, key), ErrMalformed},
		{"psk id short", psk(1, "psk", id[:15], key), ErrMalformed},
		{"psk id null", psk(1, "psk", nil, key), ErrMalformed},
		{"psk key long", psk(1, "psk", id, append(key, 0)), ErrMalformed},
		{"psk key zero", psk(1, "psk", id, make([]byte, 32)), ErrKey},
		{"psk short", psk(1, "psk", id), ErrMalformed},
	} {
		if !errors.Is(row.err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, row.err, row.want)
		}
	}
}

func TestParseKeyTruncated(t *testing.T) {
	kem, psk := mustKey(t, MLKEM768, "x").Append(nil), mustPSK(t, "x").Append(nil)
	for n := range kem {
		if _, err := ParsePrivateKey(kem[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("kem-key of %d bytes: error = %v", n, err)
		}
	}
	for n := range psk {
		if _, err := ParsePSK(psk[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("psk-key of %d bytes: error = %v", n, err)
		}
	}
	if _, err := ParsePrivateKey(append(kem, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("trailing byte: error = %v", err)
	}
	if _, err := ParsePSK(append(psk, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("trailing byte: error = %v", err)
	}
}
