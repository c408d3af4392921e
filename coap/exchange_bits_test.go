package coap

import "testing"

func TestBits(t *testing.T) {
	var b bits
	for _, n := range []uint32{0, 5, 63, 64, 200, 5} {
		b.add(n)
	}
	b.remove(5)
	b.remove(6)
	for n, want := range map[uint32]bool{0: true, 5: false, 6: false, 63: true, 64: true, 65: false, 200: true, 1 << 20: false} {
		if b.has(n) != want {
			t.Errorf("has(%d) = %v", n, !want)
		}
	}
	if b.size != 4 {
		t.Errorf("size %d", b.size)
	}
}
