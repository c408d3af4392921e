package record

import (
	"bytes"
	"errors"
	"testing"
)

var validPathMessages = []struct {
	hex  string
	want PathMessage
}{
	{"000102030405060708", PathMessage{PathChallenge, Cookie{1, 2, 3, 4, 5, 6, 7, 8}}},
	{"010102030405060708", PathMessage{PathResponse, Cookie{1, 2, 3, 4, 5, 6, 7, 8}}},
	{"02ffffffffffffffff", PathMessage{PathDrop, Cookie{255, 255, 255, 255, 255, 255, 255, 255}}},
}

func TestPathMessage(t *testing.T) {
	for _, v := range validPathMessages {
		m, err := ParsePathMessage(unhex(t, v.hex))
		if err != nil || m != v.want {
			t.Errorf("%s: %+v, error %v", v.hex, m, err)
		}
		if got := v.want.Append(nil); !bytes.Equal(got, unhex(t, v.hex)) || len(got) != PathMessageSize {
			t.Errorf("%+v is %x, want %s", v.want, got, v.hex)
		}
	}
	// RFC 9853 section 4: unknown types are parsed and ignored, whatever follows.
	for _, s := range []string{"03", "ff01", "030102030405060708"} {
		if m, err := ParsePathMessage(unhex(t, s)); err != nil || m.Type <= PathDrop {
			t.Errorf("%s: %+v, error %v", s, m, err)
		}
	}
}

func TestPathMessageRefused(t *testing.T) {
	for _, v := range validPathMessages {
		b := unhex(t, v.hex)
		for n := range b {
			if _, err := ParsePathMessage(b[:n]); !errors.Is(err, ErrMessage) {
				t.Errorf("%s, %d-byte prefix: error = %v", v.hex, n, err)
			}
		}
		if _, err := ParsePathMessage(append(b, 0)); !errors.Is(err, ErrMessage) {
			t.Errorf("%s and a trailing byte: error = %v", v.hex, err)
		}
		for i := range 8 * len(b) {
			b[i/8] ^= 1 << (i % 8)
			if m, err := ParsePathMessage(b); err == nil && m == v.want {
				t.Errorf("%s, bit %d: the same message", v.hex, i)
			}
			b[i/8] ^= 1 << (i % 8)
		}
	}
}

func TestAnswer(t *testing.T) {
	m := validPathMessages[0].want
	if got := m.Answer(true); got != (PathMessage{PathResponse, m.Cookie}) {
		t.Errorf("on the preferred path: %+v", got)
	}
	if got := m.Answer(false); got != (PathMessage{PathDrop, m.Cookie}) {
		t.Errorf("on another path: %+v", got)
	}
}

func FuzzParsePathMessage(f *testing.F) {
	for _, v := range validPathMessages {
		f.Add(unhex(f, v.hex))
	}
	f.Add([]byte{7})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParsePathMessage(b)
		if err == nil && m.Type <= PathDrop && !bytes.Equal(m.Append(nil), b) {
			t.Errorf("%x parsed as %+v", b, m)
		} else if err != nil && !errors.Is(err, ErrMessage) {
			t.Errorf("error %v is not %v", err, ErrMessage)
		}
	})
}
