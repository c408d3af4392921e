package coap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// baseline is CON POST /hs, message ID 0x1234, token 0xaabb, Block1 1/M/1024, payload "x".
const baseline = "42021234aabb" + "b26873" + "d1031e" + "ff78"

func TestParse(t *testing.T) {
	d := unhex(t, baseline)
	m, err := Parse(d)
	if err != nil {
		t.Fatal(err)
	}
	if m.Type != message.Confirmable || m.Code != codes.POST || m.MessageID != 0x1234 ||
		!bytes.Equal(m.Token, []byte{0xaa, 0xbb}) || string(m.Payload) != "x" || len(m.Options) != 2 {
		t.Errorf("parsed as %v", &m)
	}
	if b, found, err := optionBlock(m.Options, message.Block1); err != nil || !found || b != (Block{1, true, 6}) {
		t.Errorf("Block1 %v, %v, error %v", b, found, err)
	}
	again, err := Append(nil, &m)
	if err != nil || !bytes.Equal(again, d) {
		t.Errorf("appended again: %x, error %v", again, err)
	}
}

func TestParseRejects(t *testing.T) {
	long := bytes.Repeat([]byte{'a'}, 256)
	for _, test := range []struct {
		name, datagram string
		want           error
	}{
		{"baseline", baseline, nil},
		{"nothing", "", ErrFormat},
		{"version 0", "0201123400", ErrFormat},
		{"version 2", "82021234aabb", ErrFormat},
		{"token of 9 bytes", "49021234010203040506070809", ErrFormat},
		{"token length 15", "4f021234010203040506070809", ErrFormat},
		{"token truncated", "42021234aa", ErrFormat},
		{"class 1", "40201234", ErrFormat},
		{"class 3", "40601234", ErrFormat},
		{"class 6", "40c01234", ErrFormat},
		{"class 7", "40e21234", ErrFormat},
		{"ping", "40001234", nil},
		{"empty NON", "50001234", ErrFormat},
		{"empty with token", "42001234aabb", ErrFormat},
		{"empty with option", "40001234b26873", ErrFormat},
		{"empty with payload", "60001234ff78", ErrFormat},
		{"empty with a marker", "40001234ff", ErrFormat},
		{"request in ACK", "60021234", ErrFormat},
		{"request in RST", "70021234", ErrFormat},
		{"response in RST", "70441234", ErrFormat},
		{"response in ACK", "60441234", nil},
		{"response in CON", "40441234", nil},
		{"response in NON", "50441234", nil},
		{"marker without payload", "42021234aabbb26873ff", ErrFormat},
		{"option delta 15", "40021234f0", ErrFormat},
		{"option length 15", "400212340f", ErrFormat},
		{"delta truncated", "40021234d0", ErrFormat},
		{"long delta truncated", "40021234e001", ErrFormat},
		{"length truncated", "400212341d", ErrFormat},
		{"long length truncated", "400212341e01", ErrFormat},
		{"value truncated", "4002123412aa", ErrFormat},
		{"number above 65535", "40021234e0ffffe0ffff", ErrFormat},
		{"128 options", "40021234" + "b0" + repeat("00", 127), nil},
		{"129 options", "40021234" + "b0" + repeat("00", 128), ErrFormat},
		// Critical options that are not allowed.
		{"Block1 of 4 bytes", "40021234" + "d40e0000000e", ErrOption},
		{"Block2 of 4 bytes", "40021234" + "d40a0000000e", ErrOption},
		{"Block1 of 3 bytes", "40021234" + "d30e00000e", nil},
		{"Block1 twice", "40021234" + "d10e0e" + "010e", ErrOption},
		{"Uri-Host empty", "40021234" + "30", ErrOption},
		{"Uri-Host twice", "40021234" + "3161" + "0162", ErrOption},
		{"Uri-Port of 3 bytes", "40021234" + "73010203", ErrOption},
		{"Uri-Path of 255 bytes", "40021234" + "bd" + "f2" + hex.EncodeToString(long[:255]), nil},
		{"Uri-Path beyond 255 bytes", "40021234" + "bd" + "f3" + hex.EncodeToString(long), ErrOption},
		{"Uri-Path dot", "40021234" + "b12e", ErrOption},
		{"Uri-Path dots", "40021234" + "b22e2e", ErrOption},
		{"If-None-Match with value", "40021234" + "5101", ErrOption},
		{"If-Match of 9 bytes", "40021234" + "19010203040506070809", ErrOption},
		{"Accept of 3 bytes", "40021234" + "d304000000", ErrOption},
		{"Accept twice", "40021234" + "d1043c" + "013c", ErrOption},
		{"Proxy-Scheme empty", "40021234" + "d01a", ErrOption},
		{"OSCORE twice", "40021234" + "90" + "00", ErrOption},
		{"Q-Block1 of 4 bytes", "40021234" + "d40600000000", ErrOption},
		{"unknown critical", "40021234" + "d1f000", nil}, // its reader's to judge
	} {
		m, err := Parse(unhex(t, test.datagram))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
		switch {
		case errors.Is(err, ErrFormat) && (m.Code != 0 || m.MessageID != 0 || len(m.Options) > 0):
			t.Errorf("%s: parsed as %v", test.name, &m)
		case errors.Is(err, ErrOption) && (m.Code != codes.POST || m.MessageID != 0x1234 || m.Payload != nil || len(m.Options) > 0):
			t.Errorf("%s: parsed as %v", test.name, &m)
		}
	}
}

func repeat(s string, n int) string { return string(bytes.Repeat([]byte(s), n)) }

// TestParseElective: an elective option that is not allowed where it stands is ignored.
func TestParseElective(t *testing.T) {
	for _, test := range []struct {
		name, options string
		left          int
	}{
		{"Content-Format of 3 bytes", "c3000001", 0},
		{"Content-Format twice", "c13c" + "012a", 1},
		{"ETag empty", "40", 0},
		{"ETag of 9 bytes", "49010203040506070809", 0},
		{"ETag twice", "4101" + "0102", 2},
		{"Observe of 4 bytes", "6400000000", 0},
		{"Max-Age of 5 bytes", "d5010000000000", 0},
		{"Hop-Limit empty", "d003", 0},
		{"Size1 of 5 bytes", "d52f0000000000", 0},
		{"Echo empty", "d0ef", 0},
		{"Echo of 40 bytes", "dd" + "ef" + "1b" + repeat("00", 40), 1},
		{"Echo of 41 bytes", "dd" + "ef" + "1c" + repeat("00", 41), 0},
		{"Request-Tag of 8 bytes", "e80017" + repeat("00", 8), 1},
		{"Request-Tag of 9 bytes", "e90017" + repeat("00", 9), 0},
		{"Request-Tag empty", "e00017", 1},
		{"No-Response of 2 bytes", "d2f50000", 0},
		{"unknown", "d12d00", 1},
	} {
		m, err := Parse(unhex(t, "40021234"+test.options))
		if err != nil || len(m.Options) != test.left {
			t.Errorf("%s: %d options left of %x, want %d; error %v", test.name, len(m.Options), test.options, test.left, err)
		}
	}
}

// TestParsePrefixes: no proper prefix of a message with one-byte payload is the message.
func TestParsePrefixes(t *testing.T) {
	d := unhex(t, baseline)
	whole := map[int]bool{6: true, 9: true, 12: true} // ends of the token and of an option
	for n := range d {
		if _, err := Parse(d[:n]); whole[n] != (err == nil) {
			t.Errorf("%d bytes: error %v", n, err)
		}
	}
}

// TestParseFlips: with any bit changed, what is parsed says exactly what the datagram does.
func TestParseFlips(t *testing.T) {
	valid := unhex(t, baseline)
	for i := range 8 * len(valid) {
		d := bytes.Clone(valid)
		d[i/8] ^= 1 << (i % 8)
		checkParse(t, d)
	}
}

// checkParse parses d and writes it again, which gives d, but for what has two forms or
// is left out.
func checkParse(t *testing.T, d []byte) {
	t.Helper()
	m, err := Parse(d)
	if err != nil {
		if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrOption) {
			t.Errorf("%x: error %v", d, err)
		}
		return
	}
	again, err := Append(nil, &m)
	if err != nil || len(again) > len(d) {
		t.Fatalf("%x: appended as %x, error %v", d, again, err)
	}
	m2, err := Parse(again)
	if err != nil || m2.String() != m.String() || !bytes.Equal(m2.Payload, m.Payload) || len(m2.Options) != len(m.Options) {
		t.Errorf("%x: %v, again %v, error %v", d, &m, &m2, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex(f, baseline))
	f.Add(unhex(f, "40021234d40e0000000e"))
	f.Add(unhex(f, "40021234c13c012a"))
	f.Add(unhex(f, "60001234"))
	f.Fuzz(func(t *testing.T, d []byte) { checkParse(t, d) })
}

func TestAppendRejects(t *testing.T) {
	options := func(o ...message.Option) message.Options { return o }
	for _, test := range []struct {
		name string
		m    Message
	}{
		{"unset type", Message{Type: message.Unset, Code: codes.GET}},
		{"type 4", Message{Type: 4, Code: codes.GET}},
		{"message ID -1", Message{Code: codes.GET, MessageID: -1}},
		{"message ID 65536", Message{Code: codes.GET, MessageID: 1 << 16}},
		{"code above 255", Message{Code: 1 << 8}},
		{"token of 9 bytes", Message{Code: codes.GET, Token: make([]byte, 9)}},
		{"request in ACK", Message{Type: message.Acknowledgement, Code: codes.GET}},
		{"empty NON", Message{Type: message.NonConfirmable}},
		{"empty with payload", Message{Payload: []byte{1}}},
		{"options out of order", Message{Code: codes.GET, Options: options(
			message.Option{ID: message.URIPath}, message.Option{ID: message.ETag, Value: []byte{1}})}},
		{"Block1 of 4 bytes", Message{Code: codes.POST, Options: options(message.Option{ID: message.Block1, Value: make([]byte, 4)})}},
		{"Block1 twice", Message{Code: codes.POST, Options: options(message.Option{ID: message.Block1}, message.Option{ID: message.Block1})}},
		{"129 options", Message{Code: codes.GET, Options: make(message.Options, 129)}},
	} {
		b, err := Append([]byte("kept"), &test.m)
		if !errors.Is(err, ErrFormat) || string(b) != "kept" {
			t.Errorf("%s: %q, error %v", test.name, b, err)
		}
	}
}

func TestCodecAllocations(t *testing.T) {
	d := unhex(t, baseline)
	var m Message
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		if parse(d, &m) != nil {
			t.Error("not parsed")
		}
	}); n > 0 {
		t.Errorf("parse: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { Append(buf, &m) }); n > 0 {
		t.Errorf("Append: %v allocations", n)
	}
}
