package reference

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCBOR has examples of RFC 8949 appendix A.
func TestCBOR(t *testing.T) {
	for _, row := range []struct {
		got  []byte
		want string
	}{
		{Uint(0), "00"}, {Uint(23), "17"}, {Uint(24), "1818"}, {Uint(100), "1864"}, {Uint(1000), "1903e8"},
		{Uint(1000000), "1a000f4240"}, {Uint(1000000000000), "1b000000e8d4a51000"},
		{Uint(18446744073709551615), "1bffffffffffffffff"},
		{Bytes(nil), "40"}, {Bytes([]byte{1, 2, 3, 4}), "4401020304"},
		{Text("IETF"), "6449455446"}, {Text("ü"), "62c3bc"}, {Null(), "f6"},
		{Array(), "80"}, {Array(Uint(1), Array(Uint(2), Uint(3))), "8201820203"},
		{Map(), "a0"}, {Map(Uint(1), Uint(2), Uint(3), Uint(4)), "a201020304"},
		{[]byte{0xf5}, "f5"}, {[]byte{0xf9, 0x3c, 0}, "f93c00"}, {[]byte{0x38, 0x63}, "3863"},
	} {
		if want := unhex(t, row.want); !bytes.Equal(row.got, want) {
			t.Errorf("encoded %x, want %x", row.got, want)
		}
		r := reader{rest: row.got}
		r.skip(maxNesting)
		if err := r.end(); err != nil {
			t.Errorf("%x: error = %v", row.got, err)
		}
	}
}

func TestCBORRejects(t *testing.T) {
	for _, in := range []string{
		"", "18", "1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "19ff", "1c", "1f", // heads
		"41", "5f4100ff", "7f6100ff", "820f", "9f00ff", "bf00ff", "a100", // lengths
		"c000", "81818100", "91" + strings.Repeat("00", 17), "0000", // tags, limits, trailing bytes
		"a201000100", "a202000100", "61ff", "f7", "f820", "f93c", // keys, UTF-8, simple values
	} {
		r := reader{rest: unhex(t, in)}
		r.skip(maxNesting)
		if err := r.end(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error = %v", in, err)
		}
	}
}

func TestReader(t *testing.T) {
	r := reader{rest: Array(Null(), Uint(500), Bytes([]byte("b")), Text("t"))}
	r.array(4)
	if null, n, b, s := r.null(), r.uint(), r.bytes(), r.text(); !null || n != 500 || string(b) != "b" || s != "t" || r.end() != nil {
		t.Errorf("read %t, %d, %q, %q, error = %v", null, n, b, s, r.end())
	}
	for name, wrong := range map[string]func(r *reader){
		"array of another size": func(r *reader) { r.array(3) },
		"another type":          func(r *reader) { r.bytes() },
		"something left":        func(r *reader) { r.array(4) },
	} {
		r := reader{rest: Array(Null(), Null(), Null(), Null())}
		if wrong(&r); r.end() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
