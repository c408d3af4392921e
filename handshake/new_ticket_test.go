package handshake

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestNewTicket(t *testing.T) {
	want := NewTicket{Ticket: bytes.Repeat([]byte{5}, 98), Lifetime: time.Hour, Small: time.Minute}
	b := want.Append([]byte("x"))[1:]
	if head := []byte{0x83, 0x58, 98, 5}; !bytes.HasPrefix(b, head) || !bytes.HasSuffix(b, []byte{5, 0x19, 0x0e, 0x10, 0x18, 60}) {
		t.Errorf("NewTicket is %x", b)
	}
	got, err := ParseNewTicket(b)
	if err != nil || !bytes.Equal(got.Ticket, want.Ticket) || got.Lifetime != want.Lifetime || got.Small != want.Small {
		t.Errorf("%+v became %+v, error = %v", want, got, err)
	}
	for n := range b {
		if _, err := ParseNewTicket(b[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d-byte prefix: error = %v", n, err)
		}
	}
	if clear(b); got.Ticket[0] != 5 {
		t.Error("the ticket aliases the message")
	}
}

func TestNewTicketFields(t *testing.T) {
	ticket := make([]byte, 98)
	for _, row := range []struct {
		name string
		o    any
		want error
	}{
		{"baseline", []any{ticket, 3600, 60}, nil},
		{"long times", []any{ticket, uint64(1) << 40, uint64(1) << 63}, nil},
		{"ticket of 16", []any{ticket[:16], 0, 0}, nil},
		{"ticket of 15", []any{ticket[:15], 3600, 60}, ErrMalformed},
		{"ticket of 512", []any{make([]byte, 512), 3600, 60}, nil},
		{"ticket of 513", []any{make([]byte, 513), 3600, 60}, ErrMalformed},
		{"ticket null", []any{nil, 3600, 60}, ErrMalformed},
		{"ticket text", []any{string(ticket), 3600, 60}, ErrMalformed},
		{"lifetime negative", []any{ticket, -1, 60}, ErrMalformed},
		{"lifetime null", []any{ticket, nil, 60}, ErrMalformed},
		{"small text", []any{ticket, 3600, "60"}, ErrMalformed},
		{"two elements", []any{ticket, 3600}, ErrMalformed},
		{"four elements", []any{ticket, 3600, 60, nil}, ErrMalformed},
	} {
		got, err := ParseNewTicket(encode(row.o))
		if !errors.Is(err, row.want) || (got == nil) != (err != nil) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
		if got != nil && (got.Lifetime > seconds(maxSeconds) || got.Small > seconds(maxSeconds)) {
			t.Errorf("%s: %+v", row.name, got)
		}
	}
}
