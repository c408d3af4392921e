package record

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

const (
	number37 = "00000000000000030000000000000007"
	number38 = "00000000000000030000000000000008"
	number40 = "00000000000000040000000000000000"
)

var validACKs = []struct {
	hex  string
	want Acknowledgement
}{
	{"0000", Acknowledgement{}},
	{"0010" + number37, Acknowledgement{{3, 7}}},
	{"0030" + number37 + number38 + number40, Acknowledgement{{3, 7}, {3, 8}, {4, 0}}},
	{"0010ffffffffffffffffffffffffffffffff", Acknowledgement{{1<<64 - 1, 1<<64 - 1}}},
}

func TestAcknowledgement(t *testing.T) {
	for _, v := range validACKs {
		a, err := ParseAcknowledgement(nil, unhex(t, v.hex))
		if err != nil || !slices.Equal(a, v.want) {
			t.Errorf("%s: %v, error %v", v.hex, a, err)
		}
		if got := v.want.Append(nil); !bytes.Equal(got, unhex(t, v.hex)) {
			t.Errorf("%v is %x, want %s", v.want, got, v.hex)
		}
	}
	a, err := ParseAcknowledgement(Acknowledgement{{9, 9}}, unhex(t, validACKs[1].hex))
	if err != nil || !slices.Equal(a, Acknowledgement{{9, 9}, {3, 7}}) {
		t.Errorf("appended: %v, %v", a, err)
	}
}

func TestAcknowledgementRefused(t *testing.T) {
	for name, s := range map[string]string{
		"length too small":    "0000" + number37,
		"length too large":    "0020" + number37,
		"not whole numbers":   "0008" + number37[:16],
		"the same twice":      "0020" + number37 + number37,
		"decreasing":          "0020" + number38 + number37,
		"decreasing in epoch": "0020" + number40 + number37,
		"trailing byte":       "0010" + number37 + "00",
		"one byte":            "00",
		"nothing":             "",
	} {
		if a, err := ParseAcknowledgement(nil, unhex(t, s)); !errors.Is(err, ErrMessage) || a != nil {
			t.Errorf("%s: %v, error = %v, want %v", name, a, err, ErrMessage)
		}
	}
	for _, v := range validACKs {
		b := unhex(t, v.hex)
		for n := range b {
			if _, err := ParseAcknowledgement(nil, b[:n]); !errors.Is(err, ErrMessage) {
				t.Errorf("%s, %d-byte prefix: error = %v", v.hex, n, err)
			}
		}
		for i := range 8 * len(b) {
			b[i/8] ^= 1 << (i % 8)
			if a, err := ParseAcknowledgement(nil, b); err == nil && (i < 16 || !bytes.Equal(a.Append(nil), b)) {
				t.Errorf("%s, bit %d: %v", v.hex, i, a)
			}
			b[i/8] ^= 1 << (i % 8)
		}
	}
}

func FuzzParseAcknowledgement(f *testing.F) {
	for _, v := range validACKs {
		f.Add(unhex(f, v.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := ParseAcknowledgement(nil, b); err == nil && !bytes.Equal(a.Append(nil), b) {
			t.Errorf("%x parsed as %v", b, a)
		} else if err != nil && !errors.Is(err, ErrMessage) {
			t.Errorf("error %v is not %v", err, ErrMessage)
		}
	})
}
