package handshake

import (
	"errors"
	"runtime"
	"testing"
)

// TestNotDeterministic: one row for each way to write [1, h'0203'] otherwise.
func TestNotDeterministic(t *testing.T) {
	type object struct {
		_ struct{} `cbor:",toarray"`
		N uint64
		B []byte
	}
	for _, row := range []struct {
		name, hex string
		want      error
	}{
		{"baseline", "8201420203", nil},
		{"number in two bytes", "821801420203", ErrMalformed},
		{"number in nine bytes", "821b0000000000000001420203", ErrMalformed},
		{"number as null", "82f6420203", ErrMalformed},
		{"number as float", "82f93c00420203", ErrMalformed},
		{"number as simple value", "82e1420203", ErrMalformed},
		{"length in two bytes", "820158020203", ErrMalformed},
		{"length in five bytes", "82015a000000020203", ErrMalformed},
		{"indefinite bytes", "82015f420203ff", ErrMalformed},
		{"bytes as array of numbers", "8201820203", ErrMalformed},
		{"bytes as text", "8201620203", ErrMalformed},
		{"array length in two bytes", "980201420203", ErrMalformed},
		{"indefinite array", "9f01420203ff", ErrMalformed},
		{"array as map", "a101420203", ErrMalformed},
		{"tag", "d84d8201420203", ErrMalformed},
		{"tag inside", "8201d84d420203", ErrMalformed},
		{"bignum", "82c24101420203", ErrMalformed},
		{"short array", "8101", ErrMalformed},
		{"long array", "830142020300", ErrMalformed},
		{"trailing byte", "820142020300", ErrMalformed},
		{"trailing break", "8201420203ff", ErrMalformed},
	} {
		var o object
		if err := decode(unhex(t, row.hex), &o); !errors.Is(err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
	}
}

// TestStatedLengths: what a length says is not allocated before it is there.
func TestStatedLengths(t *testing.T) {
	for _, in := range []string{
		"82 5a 7fffffff",             // m2 with 2 GiB of ct_e
		"85 01 48 00 5b 7fffffff",    // cut head
		"85 01 5b 000000007fffffff",  // m1 with a kid_S of 2 GiB
		"9a 7fffffff",                // array of 2^31 elements
		"bb 000000007fffffff",        // map of 2^31 pairs
		"82 f6 ba 7fffffff",          // parameters of 2^31 pairs
		"82 9b 000000007fffffff",     // credential of 2^31 elements
		"84 01 7b 00000000 7fffffff", // key object with a kind of 2 GiB
	} {
		b := unhex(t, removeSpaces(in))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err1 := ParseM1(b)
		_, err2 := parseAnswer(XWing, b)
		_, err3 := parsePlaintext1(b)
		_, err4 := parsePlaintext2(XWing, ModeKEM, b)
		_, err5 := ParsePrivateKey(b)
		_, err6 := parseRefusal(b)
		runtime.ReadMemStats(&after)
		for n, err := range []error{err1, err2, err3, err4, err5, err6} {
			if err == nil {
				t.Errorf("%s: parser %d took it", in, n)
			}
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: allocated %d bytes", in, used)
		}
	}
}

func removeSpaces(s string) (out string) {
	for _, c := range s {
		if c != ' ' {
			out += string(c)
		}
	}
	return out
}
