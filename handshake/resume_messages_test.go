package handshake

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestM1RFields(t *testing.T) {
	for _, suite := range allSuites {
		c := newChain(t, suite, ModeKEM)
		m1r, eph := c.resumer(false).M1R(), c.resumer(true).M1R()
		o := elements(t, m1r)
		pk, sealed := elements(t, eph)[3].([]byte), o[4].([]byte)
		longer := func(b []byte) []byte { return append(bytes.Clone(b), 0) }
		for _, row := range []struct {
			name string
			b    []byte
			want error
		}{
			{"baseline small", m1r, nil},
			{"baseline with a key", eph, nil},
			{"suite 0", with(t, m1r, 0, 0), ErrMalformed},
			{"suite 5", with(t, m1r, 0, 5), ErrMalformed},
			{"suite 256 too many", with(t, m1r, 0, 256+int(suite)), ErrMalformed},
			{"suite as bytes", with(t, m1r, 0, []byte{byte(suite)}), ErrMalformed},
			{"ticket null", with(t, m1r, 1, nil), ErrMalformed},
			{"ticket as long as a kid_S", with(t, m1r, 1, make([]byte, 8)), ErrMalformed},
			{"ticket of 15", with(t, m1r, 1, make([]byte, 15)), ErrMalformed},
			{"ticket of 16", with(t, m1r, 1, make([]byte, 16)), nil},
			{"ticket of 512", with(t, m1r, 1, make([]byte, 512)), nil},
			{"ticket of 513", with(t, m1r, 1, make([]byte, 513)), ErrMalformed},
			{"ticket text", with(t, m1r, 1, "a ticket that is a text"), ErrMalformed},
			{"nonce_C null", with(t, m1r, 2, nil), ErrMalformed},
			{"nonce_C short", with(t, m1r, 2, make([]byte, 15)), ErrMalformed},
			{"nonce_C long", with(t, m1r, 2, make([]byte, 17)), ErrMalformed},
			{"pk_e empty", with(t, m1r, 3, []byte{}), ErrMalformed},
			{"pk_e short", with(t, m1r, 3, pk[1:]), ErrMalformed},
			{"pk_e long", with(t, m1r, 3, longer(pk)), ErrMalformed},
			{"pk_e false", with(t, m1r, 3, false), ErrMalformed},
			{"sealed_1r null", with(t, m1r, 4, nil), ErrMalformed},
			{"sealed_1r no more than a tag", with(t, m1r, 4, sealed[:16]), ErrMalformed},
			{"sealed_1r of 1024", with(t, m1r, 4, make([]byte, 1024)), nil},
			{"sealed_1r of 1025", with(t, m1r, 4, make([]byte, 1025)), ErrMalformed},
			{"four elements", encode(o[:4]), ErrMalformed},
			{"six elements", encode(append(slices.Clone(o), nil)), ErrMalformed},
			{"trailing byte", longer(m1r), ErrMalformed},
			{"longer than 8192", with(t, m1r, 4, make([]byte, 8192)), ErrMalformed},
			{"suite in two bytes", append([]byte{0x85, 0x18, byte(suite)}, m1r[2:]...), ErrMalformed},
			{"indefinite array", append(append([]byte{0x9f}, m1r[1:]...), 0xff), ErrMalformed},
			{"tagged", append([]byte{0xc1}, m1r...), ErrMalformed},
		} {
			m, err := ParseM1R(row.b)
			if !errors.Is(err, row.want) || (m == nil) != (err != nil) {
				t.Errorf("%v: %s: error = %v, want %v", suite, row.name, err, row.want)
			}
			if _, err := ParseM1(row.b); err == nil {
				t.Errorf("%v: %s: is an m1, too", suite, row.name)
			}
		}
	}
}

// TestM1IsNoM1R: the other way round.
func TestM1IsNoM1R(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		if _, err := ParseM1R(p.initiator().M1()); !errors.Is(err, ErrMalformed) {
			t.Errorf("error = %v, want %v", err, ErrMalformed)
		}
	})
}

func TestM1RTruncated(t *testing.T) {
	c := newChain(t, MLKEM512, ModeKEM)
	for _, ephemeral := range []bool{false, true} {
		m1r := c.resumer(ephemeral).M1R()
		for n := range m1r {
			if _, err := ParseM1R(m1r[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%d-byte prefix: error = %v", n, err)
			}
		}
		b := bytes.Clone(m1r)
		m, err := ParseM1R(b)
		if err != nil {
			t.Fatal(err)
		}
		clear(b)
		if !bytes.Equal(m.encode(), m1r) || m.Small() == ephemeral {
			t.Error("m1r changed on its way")
		}
	}
}

func TestM2RFields(t *testing.T) {
	const suite = MLKEM768
	nonce, ct, sealed := make([]byte, 16), make([]byte, suite.CiphertextSize()), make([]byte, 40)
	for _, row := range []struct {
		name  string
		small bool
		o     []any
		want  error
	}{
		{"baseline small", true, []any{nonce, nil, sealed}, nil},
		{"baseline", false, []any{nonce, ct, sealed}, nil},
		{"ct_e in the small form", true, []any{nonce, ct, sealed}, ErrMalformed},
		{"no ct_e", false, []any{nonce, nil, sealed}, ErrMalformed},
		{"ct_e empty in the small form", true, []any{nonce, []byte{}, sealed}, ErrMalformed},
		{"ct_e empty", false, []any{nonce, []byte{}, sealed}, ErrMalformed},
		{"ct_e short", false, []any{nonce, ct[1:], sealed}, ErrMalformed},
		{"nonce_S short", true, []any{nonce[1:], nil, sealed}, ErrMalformed},
		{"nonce_S null", true, []any{nil, nil, sealed}, ErrMalformed},
		{"sealed_2r text", true, []any{nonce, nil, "sealed"}, ErrMalformed},
		{"two elements", true, []any{nonce, sealed}, ErrMalformed},
		{"four elements", true, []any{nonce, nil, sealed, nil}, ErrMalformed},
		{"too long", true, []any{nonce, nil, make([]byte, 4096)}, ErrMalformed},
	} {
		if _, err := parseM2R(suite, row.small, encode(row.o)); !errors.Is(err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
	}
}

// TestResumptionSizes holds what the byte budget of a resumption is made from: ticket, m1r
// and m2r, with a connection ID of 2 bytes, without parameters and with all but the Echo, and
// the content of NewTicket.
func TestResumptionSizes(t *testing.T) {
	for _, row := range []struct {
		suite                     Suite
		mode                      Mode
		ephemeral, parameters     bool
		ticket, m1r, m2r, message int
	}{
		{XWing, ModeKEM, false, false, 98, 138, 59, 111},
		{XWing, ModeKEM, false, true, 98, 149, 69, 111},
		{XWing, ModeNone, false, false, 82, 122, 59, 95},
		{XWing, ModePSK, false, false, 106, 146, 59, 119},
		{XWing, ModeKEM, true, false, 98, 1356, 1181, 111},
		{MLKEM512, ModeKEM, false, false, 98, 138, 59, 111},
	} {
		c := newChain(t, row.suite, row.mode)
		c.cfg.Parameters, c.grant.Parameters = Parameters{}, Parameters{}
		if row.parameters {
			c.cfg.Parameters = Parameters{MaxUDPPayload: 1232, IdleTimeout: seconds(86400)}
			c.grant.Parameters = c.cfg.Parameters
		}
		r := c.resumer(row.ephemeral)
		m2r, res := c.answer(r.M1R(), "responder")
		issued, err := c.keys.Issue(random("ticket"), c.now, res, c.limits)
		if err != nil {
			t.Fatal(err)
		}
		got := [4]int{len(issued.Ticket), len(r.M1R()), len(m2r), len(issued.Append(nil))}
		if want := [4]int{row.ticket, row.m1r, row.m2r, row.message}; got != want {
			t.Errorf("%v, %v, ephemeral %v: ticket, m1r, m2r, NewTicket are %v, want %v", row.suite, row.mode, row.ephemeral, got, want)
		}
	}
}
