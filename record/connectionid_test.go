package record

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

var connectionIDs = []string{"", "00", "3f", "4000", "7fff", "80000000", "bfffffff", "c000000000000000", "ffffffffffffffff"}

func TestConnectionID(t *testing.T) {
	for _, s := range connectionIDs[1:] {
		b := unhex(t, s)
		id, n, err := ParseConnectionID(append(bytes.Clone(b), 0xAA, 0xBB))
		if err != nil || n != len(b) || id.Len() != n || id.String() != s || !bytes.Equal(id.Bytes(), b) {
			t.Errorf("%s: ID %v, n %d, error %v", s, id, n, err)
		}
		if again, err := NewConnectionID(b); err != nil || again != id {
			t.Errorf("%s: NewConnectionID = %v, %v", s, again, err)
		}
		if _, err := NewConnectionID(append(bytes.Clone(b), 0)); !errors.Is(err, ErrConnectionID) {
			t.Errorf("%s and a trailing byte: error = %v, want %v", s, err, ErrConnectionID)
		}
		for n := range b {
			if _, _, err := ParseConnectionID(b[:n]); !errors.Is(err, ErrConnectionID) {
				t.Errorf("%s, %d-byte prefix: error = %v, want %v", s, n, err, ErrConnectionID)
			}
		}
	}
}

func TestNoConnectionID(t *testing.T) {
	var none ConnectionID
	if none.Len() != 0 || none.String() != "" || none.Bytes() != nil {
		t.Errorf("zero value: %d bytes, %q, %v", none.Len(), none, none.Bytes())
	}
}

func TestRandomConnectionID(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{1, 2, 4, 8} {
		seen := map[ConnectionID]bool{}
		for range 32 {
			id, err := RandomConnectionID(random, size)
			if err != nil || id.Len() != size {
				t.Fatalf("size %d: %v, %v", size, id, err)
			}
			seen[id] = true
		}
		if len(seen) < 16 {
			t.Errorf("size %d: only %d different of 32", size, len(seen))
		}
	}
	for _, size := range []int{-1, 0, 3, 5, 6, 7, 9, 16} {
		if _, err := RandomConnectionID(random, size); !errors.Is(err, ErrConnectionID) {
			t.Errorf("size %d: error = %v, want %v", size, err, ErrConnectionID)
		}
	}
	if _, err := RandomConnectionID(bytes.NewReader([]byte{1}), 2); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short randomness: error = %v", err)
	}
}

func TestPeekConnectionID(t *testing.T) {
	id := testID(t, "8001beef")
	device, _ := testPair(t, AES128GCMSHA256, id)
	if got, ok := PeekConnectionID(mustSeal(t, device, "x")); !ok || got != id {
		t.Errorf("%v, %v, want %v", got, ok, id)
	}
	for _, s := range []string{"", "2f00", "30", "3080", "308001be", "4000", "7001", "1000", "ff00"} {
		if got, ok := PeekConnectionID(unhex(t, s)); ok {
			t.Errorf("%q: found %v", s, got)
		}
	}
}

func FuzzParseConnectionID(f *testing.F) {
	for _, s := range connectionIDs {
		f.Add(unhex(f, s))
	}
	f.Add(unhex(f, "3080010203"))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, n, err := ParseConnectionID(b)
		if err != nil {
			if id != (ConnectionID{}) || n != 0 {
				t.Errorf("rejected, but %v, %d", id, n)
			}
			return
		}
		if !bytes.Equal(id.Append(nil), b[:n]) {
			t.Errorf("%x parsed as %v", b, id)
		}
		peeked, ok := PeekConnectionID(append([]byte{fixedBits | bitC}, b...))
		if !ok || peeked != id {
			t.Errorf("peeked %v, %v, want %v", peeked, ok, id)
		}
	})
}
