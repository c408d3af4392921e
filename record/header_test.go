package record

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Every form of the header, as RFC 9147 section 4 draws it.
func TestHeaderForms(t *testing.T) {
	const seq, length = 0x1234, 0x0020
	for _, id := range connectionIDs {
		for _, tc := range []struct {
			bits byte
			tail string // what follows the connection ID
		}{
			{0, "34"},
			{bitS, "1234"},
			{bitL, "340020"},
			{bitS | bitL, "12340020"},
		} {
			for epoch := range byte(4) {
				first := fixedBits | tc.bits | epoch
				if id != "" {
					first |= bitC
				}
				checkForm(t, first, testID(t, id), unhex(t, fmt.Sprintf("%02x%s%s", first, id, tc.tail)), seq, length)
			}
		}
	}
}

func checkForm(t *testing.T, first byte, id ConnectionID, want []byte, seq uint64, length int) {
	t.Helper()
	h := newHeader(first, id.Len())
	got := make([]byte, h.size)
	h.put(got, &id, seq, length)
	if !bytes.Equal(got, want) {
		t.Fatalf("header %x, want %x", got, want)
	}
	record := append(got, make([]byte, length)...)
	parsed, end, err := parseHeader(record, &id)
	if err != nil || parsed != h || end != len(record) {
		t.Errorf("%x: %+v, end %d, error %v", want, parsed, end, err)
	}
	low, bits := parsed.low(record)
	if low != seq&(1<<bits-1) || (bits == 16) != (first&bitS != 0) {
		t.Errorf("%x: number %#x of %d bits", want, low, bits)
	}
	for n := range want {
		if _, _, err := parseHeader(want[:n], &id); !errors.Is(err, errHeader) {
			t.Errorf("%x, %d-byte prefix: error = %v, want %v", want, n, err, errHeader)
		}
	}
}

func TestHeaderRejected(t *testing.T) {
	none, id := ConnectionID{}, testID(t, "4102")
	for _, tc := range []struct {
		name string
		id   ConnectionID
		in   string
		want error
	}{
		{"empty", none, "", errHeader},
		{"CoAP", none, "4001000000000000", errHeader},
		{"DTLSPlaintext", none, "16fefd0000000000", errHeader},
		{"another fixed bit", none, "a300000000000000", errHeader},
		{"C without an ID agreed on", none, "334102000000", errConnection},
		{"no C with an ID agreed on", id, "230000000000", errConnection},
		{"another ID", id, "334103000000", errConnection},
		{"an ID of another size", id, "3301000000", errConnection},
		{"length one too large", none, "270000020a", errHeader},
		{"length far too large", none, "2700ffff0a0b", errHeader},
	} {
		if _, _, err := parseHeader(unhex(t, tc.in), &tc.id); !errors.Is(err, tc.want) {
			t.Errorf("%s: error = %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestHeaderMask(t *testing.T) {
	for _, tc := range []struct {
		first    byte
		in, want string
	}{
		{0x23, "230111223344", "23fe11223344"},
		{0x2b, "2b0111223344", "2bfeee223344"},
		{0x27, "270111223344", "27fe11223344"},
	} {
		h, record := newHeader(tc.first, 0), unhex(t, tc.in)
		h.xor(record, []byte{0xff, 0xff, 0xff})
		if !bytes.Equal(record, unhex(t, tc.want)) {
			t.Errorf("%s masked: %x, want %s", tc.in, record, tc.want)
		}
	}
}

func TestReconstruct(t *testing.T) {
	for _, tc := range []struct {
		next, low uint64
		bits      uint
		want      uint64
	}{
		{0, 0, 8, 0},
		{0, 255, 8, 255}, // nothing lies below 0
		{1, 0, 8, 0},
		{128, 0, 8, 256}, // equally close: the higher
		{127, 0, 8, 0},
		{256, 128, 8, 384},
		{256, 129, 8, 129},
		{300, 44, 8, 300},
		{300, 43, 8, 299},
		{0x10000, 0xffff, 16, 0xffff},
		{0x10000, 0x7fff, 16, 0x17fff},
		{0x10000, 0x8000, 16, 0x18000},
		{0x10000, 0x8001, 16, 0x8001},
		{1 << 47, 0xffff, 16, 1<<47 - 1},
	} {
		if got := reconstruct(tc.next, tc.low, tc.bits); got != tc.want {
			t.Errorf("next %#x, low %#x of %d bits: %#x, want %#x", tc.next, tc.low, tc.bits, got, tc.want)
		}
	}
}

// The model walks away from next in both directions and takes the first match.
func TestReconstructModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.SampledFrom([]uint{8, 16}).Draw(t, "bits")
		low := rapid.Uint64Range(0, 1<<bits-1).Draw(t, "low")
		next := rapid.OneOf(rapid.Uint64Range(0, 1<<17), rapid.Uint64Range(0, 1<<48)).Draw(t, "next")
		matches := func(seq uint64) bool { return seq&(1<<bits-1) == low }
		var want uint64
		for d := uint64(0); ; d++ {
			if matches(next + d) {
				want = next + d
				break
			}
			if d <= next && matches(next-d) {
				want = next - d
				break
			}
		}
		if got := reconstruct(next, low, bits); got != want {
			t.Fatalf("got %#x, want %#x", got, want)
		}
	})
}

func FuzzHeader(f *testing.F) {
	for _, s := range connectionIDs {
		f.Add(unhex(f, s), unhex(f, "33"+s+"0102000003"))
		f.Add(unhex(f, s), unhex(f, "2f0102000003"))
	}
	f.Fuzz(func(t *testing.T, idBytes, datagram []byte) {
		id, _, _ := ParseConnectionID(idBytes) // what is no ID makes a session without one
		h, end, err := parseHeader(datagram, &id)
		if err != nil {
			if !errors.Is(err, ErrRejected) {
				t.Errorf("error %v", err)
			}
			return
		}
		low, _ := h.low(datagram)
		again := make([]byte, h.size)
		h.put(again, &id, low, end-h.size)
		if !bytes.Equal(again, datagram[:h.size]) {
			t.Errorf("%x became %x", datagram[:h.size], again)
		}
	})
}
