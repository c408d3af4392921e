package handshake

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
)

func TestParameters(t *testing.T) {
	for _, p := range []Parameters{
		{},
		{MaxUDPPayload: 64},
		{MaxUDPPayload: 65527},
		{IdleTimeout: time.Second},
		{IdleTimeout: math.MaxUint32 * time.Second},
		{Echo: []byte("12345678")},
		{Successor: [8]byte{1}},
		{1232, 24 * time.Hour, []byte("12345678"), [8]byte{7: 1}},
	} {
		if err := p.check(); err != nil {
			t.Errorf("%+v: check: %v", p, err)
		}
		var o map[uint64]any
		if err := decode(encode(p.object()), &o); err != nil {
			t.Fatal(err)
		}
		if got, err := parseParameters(o); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%+v became %+v, error = %v", p, got, err)
		}
	}
}

func TestParametersMisuse(t *testing.T) {
	for _, p := range []Parameters{
		{MaxUDPPayload: 63}, {MaxUDPPayload: 65528},
		{IdleTimeout: -time.Second}, {IdleTimeout: time.Millisecond},
		{IdleTimeout: (math.MaxUint32 + 1) * time.Second},
		{Echo: []byte{}}, {Echo: []byte("1234567")}, {Echo: []byte("123456789")},
	} {
		if err := p.check(); !errors.Is(err, ErrMisuse) {
			t.Errorf("%+v: error = %v, want %v", p, err, ErrMisuse)
		}
	}
}

// TestParameterFields: one row a field, inside a plaintext_2, where all keys are allowed.
func TestParameterFields(t *testing.T) {
	for _, row := range []struct {
		name, hex string
		want      error
	}{
		{"baseline empty", "a0", nil},
		{"baseline full", "a30119 04d0 0219 0e10 0348 0102030405060708", nil},
		{"successor", "a10448 0102030405060708", nil},
		{"successor of 7 bytes", "a10447 01020304050607", ErrMalformed},
		{"successor of zeros", "a10448 0000000000000000", ErrMalformed},
		{"successor as a number", "a10401", ErrMalformed},
		{"null", "f6", ErrMalformed},
		{"array", "80", ErrMalformed},
		{"payload 63", "a101183f", ErrMalformed},
		{"payload 64", "a1011840", nil},
		{"payload 0", "a10100", ErrMalformed},
		{"payload 65527", "a10119fff7", nil},
		{"payload 65528", "a10119fff8", ErrMalformed},
		{"payload 65536+1232", "a1011a000104d0", ErrMalformed},
		{"payload as bytes", "a1014204d0", ErrMalformed},
		{"payload negative", "a10120", ErrMalformed},
		{"idle as text", "a1026161", ErrMalformed},
		{"idle null", "a102f6", ErrMalformed},
		{"idle larger than time.Duration", "a1021bffffffffffffffff", nil},
		{"echo of 7", "a10347 01020304050607", ErrMalformed},
		{"echo of 9", "a10349 010203040506070809", ErrMalformed},
		{"echo as number", "a10301", ErrMalformed},
		{"unknown key, number", "a10500", nil},
		{"unknown key, large", "a11bffffffffffffffff00", nil},
		{"unknown key, bytes", "a11864 43010203", nil},
		{"unknown key, text", "a105 6161", nil},
		{"unknown key, array", "a105 820102", nil},
		{"unknown key, map", "a105 a10102", nil},
		{"unknown key, map with bytes as key", "a105 a1410100", nil},
		{"unknown key, map with a duplicate", "a105 a201000100", ErrMalformed},
		{"unknown key, NaN", "a105 f97e00", nil},
		{"unknown key, null", "a105 f6", nil},
		{"unknown key, bytes not shortest", "a105 580101", ErrMalformed},
		{"unknown key, true", "a105 f5", nil},
		{"unknown key, float", "a105 f93c00", nil},
		{"unknown key, negative", "a105 20", nil},
		{"unknown key, most negative", "a105 3bffffffffffffffff", nil},
		{"unknown key, value not shortest", "a105 1801", ErrMalformed},
		{"unknown key, float not shortest", "a105 fa3f800000", ErrMalformed},
		{"unknown key, map not sorted", "a105 a202000100", ErrMalformed},
		{"unknown key, tag", "a105 c100", ErrMalformed},
		{"unknown key, too deep", "a105 8181818100", ErrMalformed},
		{"text key", "a1 6161 00", ErrMalformed},
		{"negative key", "a12000", ErrMalformed},
		{"duplicate key", "a2011904d0011904d0", ErrMalformed},
		{"duplicate unknown key", "a204000400", ErrMalformed},
		{"not sorted", "a2021864011904d0", ErrMalformed},
		{"key not shortest", "a118011904d0", ErrMalformed},
		{"indefinite", "bf011904d0ff", ErrMalformed},
	} {
		b := append(unhex(t, "84f6414050"), make([]byte, 16)...)
		b = append(b, unhex(t, removeSpaces(row.hex))...)
		p, err := parsePlaintext2(MLKEM768, ModeNone, b)
		if !errors.Is(err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
		if row.name == "baseline full" &&
			(p.parameters.MaxUDPPayload != 1232 || p.parameters.IdleTimeout != time.Hour ||
				!bytes.Equal(p.parameters.Echo, []byte{1, 2, 3, 4, 5, 6, 7, 8})) {
			t.Errorf("%s: %+v", row.name, p.parameters)
		}
		if p.parameters.IdleTimeout < 0 {
			t.Errorf("%s: negative time", row.name)
		}
	}
}
