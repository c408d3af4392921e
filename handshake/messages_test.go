package handshake

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// elements decodes a message for a test that changes one of its elements.
func elements(t testing.TB, message []byte) []any {
	t.Helper()
	var o []any
	if err := cbor.Unmarshal(message, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// with returns the message with element n replaced.
func with(t testing.TB, message []byte, n int, value any) []byte {
	t.Helper()
	o := elements(t, message)
	o[n] = value
	return encode(o)
}

func TestM1Fields(t *testing.T) {
	for _, suite := range allSuites {
		m1 := newPair(t, suite, ModeKEM).initiator().M1()
		o := elements(t, m1)
		kid, pk, ct, sealed := o[1].([]byte), o[2].([]byte), o[3].([]byte), o[4].([]byte)
		longer := func(b []byte) []byte { return append(bytes.Clone(b), 0) }
		for _, row := range []struct {
			name string
			b    []byte
			want error
		}{
			{"baseline", m1, nil},
			{"suite 0", with(t, m1, 0, 0), ErrMalformed},
			{"suite 5", with(t, m1, 0, 5), ErrMalformed},
			{"suite 256 too many", with(t, m1, 0, 256+int(suite)), ErrMalformed},
			{"suite negative", with(t, m1, 0, -1), ErrMalformed},
			{"suite null", with(t, m1, 0, nil), ErrMalformed},
			{"suite as bytes", with(t, m1, 0, []byte{byte(suite)}), ErrMalformed},
			{"kid short", with(t, m1, 1, kid[1:]), ErrMalformed},
			{"kid long", with(t, m1, 1, longer(kid)), ErrMalformed},
			{"kid null", with(t, m1, 1, nil), ErrMalformed},
			{"pk_e null", with(t, m1, 2, nil), ErrMalformed},
			{"pk_e empty", with(t, m1, 2, []byte{}), ErrMalformed},
			{"pk_e short", with(t, m1, 2, pk[1:]), ErrMalformed},
			{"pk_e long", with(t, m1, 2, longer(pk)), ErrMalformed},
			{"ct_S null", with(t, m1, 3, nil), ErrMalformed},
			{"ct_S short", with(t, m1, 3, ct[1:]), ErrMalformed},
			{"ct_S long", with(t, m1, 3, longer(ct)), ErrMalformed},
			{"sealed_1 null", with(t, m1, 4, nil), ErrMalformed},
			{"sealed_1 no more than a tag", with(t, m1, 4, sealed[:16]), ErrMalformed},
			{"sealed_1 text", with(t, m1, 4, "sealed"), ErrMalformed},
			{"sealed_1 of 5888", with(t, m1, 4, make([]byte, 5888)), nil},
			{"sealed_1 of 5889", with(t, m1, 4, make([]byte, 5889)), ErrMalformed},
			{"four elements", encode(o[:4]), ErrMalformed},
			{"six elements", encode(append(slices.Clone(o), nil)), ErrMalformed},
			{"trailing byte", longer(m1), ErrMalformed},
			{"longer than 9216", with(t, m1, 4, make([]byte, 9216)), ErrMalformed},
			{"suite in two bytes", append([]byte{0x85, 0x18, byte(suite)}, m1[2:]...), ErrMalformed},
			{"indefinite array", append(append([]byte{0x9f}, m1[1:]...), 0xff), ErrMalformed},
			{"tagged", append([]byte{0xc1}, m1...), ErrMalformed},
		} {
			m, err := ParseM1(row.b)
			if !errors.Is(err, row.want) || (m == nil) != (err != nil) {
				t.Errorf("%v: %s: error = %v, want %v", suite, row.name, err, row.want)
			}
		}
	}
}

func TestM1Truncated(t *testing.T) {
	m1 := newPair(t, XWing, ModeKEM).initiator().M1()
	for n := range m1 {
		if _, err := ParseM1(m1[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d-byte prefix: error = %v", n, err)
		}
	}
}

func TestM1RoundTripDoesNotAlias(t *testing.T) {
	m1 := newPair(t, XWing, ModeKEM).initiator().M1()
	b := bytes.Clone(m1)
	m, err := ParseM1(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !bytes.Equal(m.encode(), m1) {
		t.Error("m1 changed on its way")
	}
}

// TestM1Layout compares m1 and m2 with docs/protocol.md section 4, the heads by hand.
func TestM1Layout(t *testing.T) {
	p := newPair(t, MLKEM768, ModeKEM)
	i := p.initiator()
	kid := p.cfg.Server.KeyID()
	head := append([]byte{0x85, 2, 0x48}, kid[:]...)
	head = append(head, 0x59, 1184>>8, 1184&0xff)
	if !bytes.HasPrefix(i.M1(), head) {
		t.Errorf("m1 begins with %x, want %x", i.M1()[:len(head)], head)
	}
	plain := p.accept(i.M1())
	id := p.cfg.Key.Public().DeviceID()
	want := append([]byte{0x82, 0x82, 1, 0x50}, id[:]...)
	want = append(want, unhex(t, "a2011904d002190e10")...)
	if got := (&plaintext1{plain.Credential, plain.Parameters}).encode(); !bytes.Equal(got, want) {
		t.Errorf("plaintext_1 is %x, want %x", got, want)
	}
	m2, _ := p.respond(i.M1())
	if head := []byte{0x82, 0x59, 1088 >> 8, 1088 & 0xff}; !bytes.HasPrefix(m2, head) {
		t.Errorf("m2 begins with %x, want %x", m2[:4], head)
	}
}

func TestPlaintext1Fields(t *testing.T) {
	id := make([]byte, 16)
	empty := map[uint64]any{}
	for _, row := range []struct {
		name string
		o    any
		want error
	}{
		{"baseline none", []any{nil, empty}, nil},
		{"baseline kem", []any{[]any{1, id}, empty}, nil},
		{"baseline psk", []any{[]any{2, id}, empty}, nil},
		{"CWT", []any{[]any{3, []byte("cwt")}, empty}, nil},
		{"CWT of the largest size", []any{[]any{3, make([]byte, MaxToken)}, empty}, nil},
		{"CWT empty", []any{[]any{3, []byte{}}, empty}, ErrMalformed},
		{"CWT too long", []any{[]any{3, make([]byte, MaxToken+1)}, empty}, ErrMalformed},
		{"CWT not bytes", []any{[]any{3, "cwt"}, empty}, ErrMalformed},
		{"form 0", []any{[]any{0, id}, empty}, ErrMalformed},
		{"form 4", []any{[]any{4, id}, empty}, ErrMalformed},
		{"form text", []any{[]any{"1", id}, empty}, ErrMalformed},
		{"form negative", []any{[]any{-1, id}, empty}, ErrMalformed},
		{"kem id short", []any{[]any{1, id[1:]}, empty}, ErrMalformed},
		{"psk id long", []any{[]any{2, append(id, 0)}, empty}, ErrMalformed},
		{"id null", []any{[]any{1, nil}, empty}, ErrMalformed},
		{"id text", []any{[]any{1, string(id)}, empty}, ErrMalformed},
		{"credential empty", []any{[]any{}, empty}, ErrMalformed},
		{"credential of one", []any{[]any{1}, empty}, ErrMalformed},
		{"credential of three", []any{[]any{1, id, id}, empty}, ErrMalformed},
		{"credential bytes", []any{id, empty}, ErrMalformed},
		{"parameters null", []any{nil, nil}, ErrMalformed},
		{"echo", []any{nil, map[uint64]any{3: id[:8]}}, ErrMalformed},
		{"successor", []any{nil, map[uint64]any{4: []byte("12345678")}}, ErrMalformed},
		{"unknown parameter", []any{nil, map[uint64]any{77: id}}, nil},
		{"one element", []any{nil}, ErrMalformed},
		{"three elements", []any{nil, empty, nil}, ErrMalformed},
		{"null", nil, ErrMalformed},
	} {
		if _, err := parsePlaintext1(encode(row.o)); !errors.Is(err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
	}
}

func TestPlaintext2Fields(t *testing.T) {
	const suite = MLKEM768
	ct, cid, token := make([]byte, suite.CiphertextSize()), []byte{1}, make([]byte, 16)
	empty := map[uint64]any{}
	for _, row := range []struct {
		name string
		mode Mode
		o    []any
		want error
	}{
		{"baseline", ModeKEM, []any{ct, cid, token, empty}, nil},
		{"baseline none", ModeNone, []any{nil, cid, token, empty}, nil},
		{"baseline psk", ModePSK, []any{nil, cid, token, empty}, nil},
		{"form of none in kem", ModeKEM, []any{nil, cid, token, empty}, ErrMalformed},
		{"form of kem in none", ModeNone, []any{ct, cid, token, empty}, ErrMalformed},
		{"form of kem in psk", ModePSK, []any{ct, cid, token, empty}, ErrMalformed},
		{"ct_C empty in kem", ModeKEM, []any{[]byte{}, cid, token, empty}, ErrMalformed},
		{"ct_C empty in none", ModeNone, []any{[]byte{}, cid, token, empty}, ErrMalformed},
		{"ct_C empty in psk", ModePSK, []any{[]byte{}, cid, token, empty}, ErrMalformed},
		{"ct_C short", ModeKEM, []any{ct[1:], cid, token, empty}, ErrMalformed},
		{"ct_C long", ModeKEM, []any{append(ct, 0), cid, token, empty}, ErrMalformed},
		{"cid empty", ModeNone, []any{nil, []byte{}, token, empty}, ErrMalformed},
		{"cid null", ModeNone, []any{nil, nil, token, empty}, ErrMalformed},
		{"cid of 8", ModeNone, []any{nil, token[:8], token, empty}, nil},
		{"cid of 9", ModeNone, []any{nil, token[:9], token, empty}, ErrMalformed},
		{"token short", ModeNone, []any{nil, cid, token[1:], empty}, ErrMalformed},
		{"token long", ModeNone, []any{nil, cid, append(token, 0), empty}, ErrMalformed},
		{"token null", ModeNone, []any{nil, cid, nil, empty}, ErrMalformed},
		{"parameters null", ModeNone, []any{nil, cid, token, nil}, ErrMalformed},
		{"unknown parameter", ModeNone, []any{nil, cid, token, map[uint64]any{9: true}}, nil},
		{"three elements", ModeNone, []any{nil, cid, token}, ErrMalformed},
		{"five elements", ModeNone, []any{nil, cid, token, empty, nil}, ErrMalformed},
	} {
		if _, err := parsePlaintext2(suite, row.mode, encode(row.o)); !errors.Is(err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
	}
}

// TestResponseSize: the size that a device expects is that of the largest m2, and no m2 is
// more than 30 bytes smaller.
func TestResponseSize(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		want := p.initiator().ResponseSize()
		p.grant.Parameters = Parameters{}
		p.grant.ConnectionID = []byte{1}
		if m2, _ := p.respond(p.initiator().M1()); len(m2) > want || len(m2) < want-30 {
			t.Errorf("smallest m2 is %d bytes, expected %d", len(m2), want)
		}
		p.grant.Parameters = Parameters{65527, seconds(maxSeconds), []byte("12345678"), [8]byte{}}
		p.grant.ConnectionID = make([]byte, 8)
		if m2, _ := p.respond(p.initiator().M1()); len(m2) != want {
			t.Errorf("largest m2 is %d bytes, expected %d", len(m2), want)
		}
	})
}

// TestLargestM1: the largest token fits into an m1 that a server takes, in every suite.
func TestLargestM1(t *testing.T) {
	for _, suite := range allSuites {
		p := newPair(t, suite, ModeKEM)
		p.cfg.Parameters = Parameters{MaxUDPPayload: 65527, IdleTimeout: seconds(maxSeconds)}
		p.cfg.Token = token(p.cfg.Key.Public(), "")
		p.cfg.Token = append(p.cfg.Token, make([]byte, MaxToken-len(p.cfg.Token))...)
		m1 := p.initiator().M1()
		if a := p.accept(m1); len(m1) > MaxM1 || a.Credential.Token != string(p.cfg.Token) {
			t.Errorf("%v: m1 of %d bytes", suite, len(m1))
		}
	}
}

// TestMessageSizes holds what the byte budget of a handshake is made from.
func TestMessageSizes(t *testing.T) {
	for _, row := range []struct {
		suite  Suite
		mode   Mode
		m1, m2 int
	}{
		{XWing, ModeKEM, 2400, 2298},
		{XWing, ModeNone, 2382, 1175},
	} {
		p := newPair(t, row.suite, row.mode)
		i := p.initiator()
		m2, _ := p.respond(i.M1())
		if got := fmt.Sprint(len(i.M1()), len(m2)); got != fmt.Sprint(row.m1, row.m2) {
			t.Errorf("%v, %v: sizes of m1 and m2 are %s, want %d %d", row.suite, row.mode, got, row.m1, row.m2)
		}
	}
}
