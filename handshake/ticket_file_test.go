package handshake

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

func twoKeys(t testing.TB) *TicketKeys {
	t.Helper()
	k, err := NewTicketKeys(random("first"), epoch)
	if err != nil {
		t.Fatal(err)
	}
	if k, err = k.Rotate(random("second"), epoch, epoch.Add(time.Hour), time.Hour); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTicketKeysObject(t *testing.T) {
	for _, k := range []*TicketKeys{{}, twoKeys(t)} {
		b := k.Append([]byte("prefix"))[len("prefix"):]
		l, err := ParseTicketKeys(b)
		if err != nil || !slices.Equal(l.keys, k.keys) {
			t.Errorf("%d keys: error = %v, or other keys", len(k.keys), err)
		}
		for n := range b {
			if _, err := ParseTicketKeys(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%d-byte prefix: error = %v", n, err)
			}
		}
		if _, err := ParseTicketKeys(append(b, 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("trailing byte: error = %v", err)
		}
	}
}

// TestTicketKeysObjectBytes fixes the layout of docs/protocol.md section 16.6.
func TestTicketKeysObjectBytes(t *testing.T) {
	k := &TicketKeys{keys: []ticketKey{{[2]byte{1, 2}, 60, [32]byte{3}}}}
	want := append([]byte("\x83\x01\x67tickets\x81\x83\x42\x01\x02\x18\x3c\x58\x20\x03"), make([]byte, 31)...)
	if got := k.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("object is %x, want %x", got, want)
	}
}

func TestParseTicketKeysErrors(t *testing.T) {
	id, other, key := []byte{1, 2}, []byte{1, 3}, bytes.Repeat([]byte{1}, 32)
	parse := func(elements ...any) error { _, err := ParseTicketKeys(encode(elements)); return err }
	of := func(elements ...any) error { return parse(1, "tickets", []any{elements}) }
	two := func(id []byte, from any) error {
		return parse(1, "tickets", []any{[]any{[]byte{1, 2}, 60, key}, []any{id, from, key}})
	}
	many := make([]any, 17)
	for n := range many {
		many[n] = []any{[]byte{9, byte(n)}, 60, key}
	}
	for _, row := range []struct {
		name      string
		err, want error
	}{
		{"baseline", of(id, 60, key), nil},
		{"none", parse(1, "tickets", []any{}), nil},
		{"two", two(other, 60), nil},
		{"sixteen", parse(1, "tickets", many[:16]), nil},
		{"seventeen", parse(1, "tickets", many), ErrMalformed},
		{"version", parse(2, "tickets", []any{}), ErrUnsupported},
		{"kind", parse(1, "kem", []any{}), ErrMalformed},
		{"keys null", parse(1, "tickets", nil), ErrMalformed},
		{"id short", of(id[1:], 60, key), ErrMalformed},
		{"id null", of(nil, 60, key), ErrMalformed},
		{"time negative", of(id, -1, key), ErrMalformed},
		{"time over 32 bits", of(id, uint64(1)<<32, key), ErrMalformed},
		{"key short", of(id, 60, key[1:]), ErrMalformed},
		{"key long", of(id, 60, append(key[:32:32], 0)), ErrMalformed},
		{"key text", of(id, 60, string(key)), ErrMalformed},
		{"two elements", of(id, 60), ErrMalformed},
		{"same id twice", two(id, 60), ErrMalformed},
		{"times decrease", two(other, 59), ErrMalformed},
	} {
		if !errors.Is(row.err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, row.err, row.want)
		}
	}
}
