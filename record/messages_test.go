package record

import (
	"bytes"
	"errors"
	"testing"
)

var validMessages = []struct {
	hex  string
	want Message
}{
	{"180000010007000000000001" + "00", Message{KeyUpdate, 7, []byte{0}}},
	{"18000001ffff000000000001" + "01", Message{KeyUpdate, 65535, []byte{1}}},
	{"040000030000000000000003" + "aabbcc", Message{NewSessionTicket, 0, []byte{0xaa, 0xbb, 0xcc}}},
	{"040000000001000000000000", Message{NewSessionTicket, 1, []byte{}}},
}

func TestMessage(t *testing.T) {
	for _, v := range validMessages {
		m, err := ParseMessage(unhex(t, v.hex))
		if err != nil || m.Type != v.want.Type || m.Sequence != v.want.Sequence || !bytes.Equal(m.Body, v.want.Body) {
			t.Errorf("%s: %+v, error %v", v.hex, m, err)
		}
		if got := v.want.Append([]byte("x")); !bytes.Equal(got, append([]byte("x"), unhex(t, v.hex)...)) {
			t.Errorf("%+v is %x, want %s", v.want, got, v.hex)
		}
	}
}

func TestMessageRefused(t *testing.T) {
	for name, s := range map[string]string{
		"unknown type":            "140000010007000000000001" + "00",
		"type 0":                  "000000010007000000000001" + "00",
		"length too small":        "180000000007000000000000" + "00",
		"length too large":        "180000020007000000000002" + "00",
		"length in its top byte":  "180100010007000000010001" + "00",
		"a fragment":              "180000020007000000000001" + "00",
		"a later fragment":        "180000010007000001000001" + "00",
		"offset in its top byte":  "180000010007010000000001" + "00",
		"no request_update":       "180000000007000000000000",
		"two of them":             "180000020007000000000002" + "0000",
		"request_update 2":        "180000010007000000000001" + "02",
		"request_update 255":      "180000010007000000000001" + "ff",
		"trailing byte":           "180000010007000000000001" + "0000",
		"trailing byte, a ticket": "040000030000000000000003" + "aabbccdd",
		"nothing":                 "",
	} {
		if m, err := ParseMessage(unhex(t, s)); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %+v, error = %v, want %v", name, m, err, ErrMessage)
		}
	}
	for _, v := range validMessages {
		b := unhex(t, v.hex)
		for n := range b {
			if _, err := ParseMessage(b[:n]); !errors.Is(err, ErrMessage) {
				t.Errorf("%s, %d-byte prefix: error = %v", v.hex, n, err)
			}
		}
	}
}

// A flipped bit is refused, or is another message_seq, request or body: all that the record below
// vouches for.
func TestMessageFlipped(t *testing.T) {
	for _, v := range validMessages {
		for i := range 8 * len(v.hex) / 2 {
			b := unhex(t, v.hex)
			b[i/8] ^= 1 << (i % 8)
			m, err := ParseMessage(b)
			free := i/8 == 4 || i/8 == 5 || i/8 >= messageHeader
			if err == nil && (!free || !bytes.Equal(m.Append(nil), b)) {
				t.Errorf("%s, bit %d: %+v", v.hex, i, m)
			}
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, v := range validMessages {
		f.Add(unhex(f, v.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := ParseMessage(b); err == nil && !bytes.Equal(m.Append(nil), b) {
			t.Errorf("%x parsed as %+v", b, m)
		} else if err != nil && !errors.Is(err, ErrMessage) {
			t.Errorf("error %v is not %v", err, ErrMessage)
		}
	})
}
