package record

import (
	"errors"
	"strings"
	"testing"
)

func testSealer(t *testing.T, id ConnectionID) *sealer {
	t.Helper()
	s, err := newSealer(AES128GCMSHA256, testSecret(AES128GCMSHA256, 1), firstEpoch, id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealOne(t *testing.T, s *sealer) (first byte) {
	t.Helper()
	b, err := s.seal(nil, ApplicationData, []byte("x"), true)
	if err != nil {
		t.Fatal(err)
	}
	return b[0]
}

// Numbers have 8 bits while fewer than 64 records are out since the last one
// that is known to be received.
func TestShortNumbers(t *testing.T) {
	s := testSealer(t, ConnectionID{})
	check := func(from, to uint64, short bool) {
		t.Helper()
		for n := from; n < to; n++ {
			s.next = n
			if got := sealOne(t, s)&bitS == 0; got != short {
				t.Fatalf("record %d, known %d: short = %v, want %v", n, s.known, got, short)
			}
		}
	}
	check(0, 64, true)
	check(64, 200, false)
	s.confirm(199) // none is out
	check(200, 264, true)
	check(264, 300, false)
	s.confirm(250)
	check(300, 305, true)
	s.confirm(100) // an older one changes nothing
	check(305, 315, true)
	check(315, 330, false)
	s.confirm(330) // never sent
	check(330, 340, false)
}

func TestSealLimit(t *testing.T) {
	s := testSealer(t, ConnectionID{})
	s.next = sealLimit - 1
	sealOne(t, s)
	dst := []byte("dst")
	got, err := s.seal(dst, ApplicationData, []byte("x"), true)
	if !errors.Is(err, ErrLimit) || string(got) != "dst" || s.next != sealLimit {
		t.Errorf("dst %q, error %v, next %d", got, err, s.next)
	}
}

func TestSealSize(t *testing.T) {
	s := testSealer(t, ConnectionID{})
	largest := make([]byte, MaxContent)
	if _, err := s.seal(nil, ApplicationData, largest, true); err != nil {
		t.Errorf("%d bytes: error %v", len(largest), err)
	}
	got, err := s.seal([]byte("dst"), ApplicationData, append(largest, 0), true)
	if !errors.Is(err, ErrTooLarge) || string(got) != "dst" || s.next != 1 {
		t.Errorf("one more: %d bytes, error %v, next %d", len(got), err, s.next)
	}
}

func TestSealContentType(t *testing.T) {
	s := testSealer(t, ConnectionID{})
	for _, bad := range []ContentType{0, 20, 24, 255} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("type %v was sealed", bad)
				}
			}()
			_, _ = s.seal(nil, bad, nil, true)
		}()
	}
	if s.next != 0 {
		t.Errorf("next = %d after nothing was sealed", s.next)
	}
}

// A message may be written into the buffer it is then sealed into, wherever it
// lies: before, in and behind the place of the header.
func TestSealInPlace(t *testing.T) {
	const message = "a message that lies in the buffer"
	for offset := range 40 {
		device, server := testPair(t, AES256GCMSHA384, testID(t, "c001020304050607"))
		buffer := make([]byte, 5, 128)
		content := buffer[5+offset : 5+offset+len(message)]
		copy(content, message)
		datagram, err := device.Seal(buffer, ApplicationData, content, true)
		if err != nil {
			t.Fatal(err)
		}
		if &datagram[0] != &buffer[0] || string(datagram[:5]) != strings.Repeat("\x00", 5) {
			t.Errorf("offset %d: not in place, or %x before it", offset, datagram[:5])
		}
		r, _, err := server.Open(datagram[5:])
		if err != nil || string(r.Content) != message {
			t.Errorf("offset %d: %q, error %v", offset, r.Content, err)
		}
	}
}
