package record

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

var testToken = ResetToken{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// A reset is smaller than what caused it, looks like a record to a device, is told by its token,
// and does not open.
func TestReset(t *testing.T) {
	random := rand.NewChaCha8([32]byte{9})
	sizes, firsts := map[int]bool{}, map[byte]bool{}
	for trigger := range 200 {
		b, ok, err := AppendReset([]byte("before"), random, testToken, trigger)
		if err != nil || !bytes.HasPrefix(b, []byte("before")) {
			t.Fatal(err)
		}
		if b = b[len("before"):]; ok != (trigger > minReset) || !ok && len(b) > 0 {
			t.Fatalf("%d bytes caused %d, ok %v", trigger, len(b), ok)
		}
		if !ok {
			continue
		}
		if len(b) >= trigger || len(b) < minReset || len(b) > minReset+resetSpread {
			t.Errorf("%d bytes caused %d", trigger, len(b))
		}
		sizes[len(b)], firsts[b[0]] = true, true
		if b[0]&(fixedMask|bitC|bitL) != fixedBits {
			t.Errorf("first byte %08b is not that of a record to a device", b[0])
		}
		device, _ := testPair(t, AES128GCMSHA256, testID(t, "07"))
		if _, _, err := device.Open(b); !errors.Is(err, ErrRejected) || !IsReset(b, testToken) {
			t.Errorf("error = %v, reset %v after Open", err, IsReset(b, testToken))
		}
	}
	if len(sizes) < resetSpread || len(firsts) != 8 {
		t.Errorf("%d sizes and %d first bytes: a reset stands out", len(sizes), len(firsts))
	}
}

// An empty CoAP message, to a server with the shortest ID, is large enough to be answered.
func TestResetForPing(t *testing.T) {
	device, server := testPair(t, AES128GCMSHA256, testID(t, "07"))
	ping := mustSeal(t, device, "ping")
	b, ok, err := AppendReset(nil, zeros{}, testToken, len(ping))
	if answer := mustSeal(t, server, "pong"); err != nil || !ok || len(b) != len(answer) {
		t.Errorf("%d bytes, %v, %v, want as many as the answer has, %d", len(b), ok, err, len(answer))
	}
}

func TestIsReset(t *testing.T) {
	b, _, err := AppendReset(nil, zeros{}, testToken, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(b) {
		changed := bytes.Clone(b)
		changed[i/8] ^= 1 << (i % 8)
		if want := i/8 < len(b)-ResetTokenSize; IsReset(changed, testToken) != want {
			t.Errorf("bit %d: %v, want %v", i, !want, want)
		}
	}
	for n := range minReset {
		if IsReset(b[len(b)-n:], testToken) {
			t.Errorf("%d bytes are a reset", n)
		}
	}
	if IsReset(append(b, 0), testToken) || IsReset(nil, ResetToken{}) {
		t.Error("a token elsewhere is a reset")
	}
}

func TestResetWithoutRandomness(t *testing.T) {
	if b, ok, err := AppendReset(nil, bytes.NewReader(nil), testToken, 100); err == nil || ok || b != nil {
		t.Errorf("%x, %v, %v", b, ok, err)
	}
}
