package coap

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// blocksOf cuts a body into blocks.
func blocksOf(body []byte, szx uint8) (blocks []Block, payloads [][]byte) {
	r := newRepresentation(body, nil)
	for n := uint32(0); ; n++ {
		payload, more, _ := r.block(n, szx)
		blocks, payloads = append(blocks, Block{n, more, szx}), append(payloads, payload)
		if !more {
			return blocks, payloads
		}
	}
}

func TestAssembly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{1, 15, 16, 17, 64, 100, 1000} {
		body := testBody(size, 3)
		blocks, payloads := blocksOf(body, 0)
		for range 20 {
			a := newAssembly(size)
			for i, k := range rng.Perm(len(blocks)) {
				if a.complete() || a.body() != nil {
					t.Fatalf("size %d: complete after %d blocks", size, i)
				}
				if s := a.accept(blocks[k], payloads[k]); s != blockStored {
					t.Fatalf("size %d block %d: status %d", size, k, s)
				}
				if s := a.accept(blocks[k], payloads[k]); s != blockDuplicate {
					t.Fatalf("size %d block %d again: status %d", size, k, s)
				}
				if s := a.accept(blocks[k], changed(payloads[k])); s != blockConflict {
					t.Fatalf("size %d block %d with other bytes: status %d", size, k, s)
				}
			}
			if !a.complete() || !bytes.Equal(a.body(), body) || a.size() != size || a.lastWithGaps() {
				t.Fatalf("size %d: %x", size, a.body())
			}
			for k := range blocks {
				if s := a.accept(blocks[k], payloads[k]); s != blockDuplicate {
					t.Fatalf("size %d block %d when complete: status %d", size, k, s)
				}
				if s := a.accept(blocks[k], changed(payloads[k])); s != blockConflict {
					t.Fatalf("size %d block %d with other bytes when complete: status %d", size, k, s)
				}
			}
			if s := a.accept(Block{uint32(len(blocks)), false, 0}, nil); s != blockConflict && s != blockTooLarge {
				t.Fatalf("size %d: a block after the last: status %d", size, s)
			}
		}
	}
}

func changed(b []byte) []byte {
	c := bytes.Clone(b)
	c[len(c)-1] ^= 1
	return c
}

func TestAssemblyRejects(t *testing.T) {
	full, half := make([]byte, 16), make([]byte, 8)
	for _, test := range []struct {
		name    string
		b       Block
		payload []byte
		want    blockStatus
	}{
		{"baseline", Block{3, true, 0}, full, blockStored},
		{"the last", Block{5, false, 0}, half, blockStored},
		{"short, not the last", Block{3, true, 0}, half, blockInvalid},
		{"empty, not the last", Block{3, true, 0}, nil, blockInvalid},
		{"long", Block{3, true, 0}, make([]byte, 17), blockInvalid},
		{"long, the last", Block{3, false, 0}, make([]byte, 17), blockInvalid},
		{"reserved size", Block{3, false, 7}, full, blockInvalid},
		{"beyond the cap", Block{8, true, 0}, full, blockTooLarge},
		{"last beyond the cap", Block{8, false, 0}, half, blockTooLarge},
		{"highest number", Block{maxBlockNumber, true, 0}, full, blockTooLarge},
		{"number out of range", Block{1 << 31, true, 0}, full, blockTooLarge},
		{"another size", Block{1, true, 1}, make([]byte, 32), blockConflict},
		{"last before others", Block{2, false, 0}, half, blockConflict},
		{"last in place of another", Block{4, false, 0}, full, blockConflict},
	} {
		a := newAssembly(128)
		if s := a.accept(Block{4, true, 0}, full); s != blockStored {
			t.Fatalf("status %d", s)
		}
		if s := a.accept(test.b, test.payload); s != test.want {
			t.Errorf("%s: status %d, want %d", test.name, s, test.want)
		}
	}
}

func TestAssemblyMissing(t *testing.T) {
	a := newAssembly(1 << 16)
	full := make([]byte, 16)
	a.accept(Block{1, true, 0}, full)
	if a.lastWithGaps() || a.missing() != nil {
		t.Error("gaps before the last block")
	}
	a.accept(Block{4, false, 0}, full)
	if !a.lastWithGaps() || !slices.Equal(a.missing(), []uint32{0, 2, 3}) {
		t.Errorf("missing %v", a.missing())
	}
	for szx, want := range map[uint8]int{0: 24 + 4, 1: 24 + 4, 2: maxMissing} { // in 32, 32 and 64 bytes
		b := newAssembly(1 << 16)
		b.accept(Block{500, false, szx}, full)
		if n := len(b.missing()); n != want {
			t.Errorf("SZX %d: %d missing blocks listed, want %d", szx, n, want)
		}
	}
}

func TestAssemblyWhole(t *testing.T) {
	body := testBody(1400, 1)
	a := newAssembly(1400)
	if s := a.acceptWhole(make([]byte, 1401)); s != blockTooLarge {
		t.Errorf("too large: status %d", s)
	}
	if s := a.acceptWhole(body); s != blockStored || !bytes.Equal(a.body(), body) {
		t.Errorf("status %d", s)
	}
	if s := a.acceptWhole(body); s != blockDuplicate {
		t.Errorf("again: status %d", s)
	}
	if s := a.acceptWhole(changed(body)); s != blockConflict {
		t.Errorf("with other bytes: status %d", s)
	}
	if s := a.accept(Block{0, false, 6}, body[:100]); s != blockConflict {
		t.Errorf("as a block: status %d", s)
	}
}

// TestAssemblyMemory: a high number costs no more than a low one.
func TestAssemblyMemory(t *testing.T) {
	a := newAssembly(1 << 30)
	a.accept(Block{maxBlockNumber - 1, true, 0}, make([]byte, 16))
	a.accept(Block{maxBlockNumber, false, 0}, make([]byte, 16))
	if cap(a.full) > 64 || cap(a.tail) > 64 || len(a.slots) != 1 {
		t.Errorf("%d and %d bytes, %d slots", cap(a.full), cap(a.tail), len(a.slots))
	}
}

func TestRepresentation(t *testing.T) {
	body := testBody(100, 1)
	for szx := range uint8(maxSZX + 1) {
		var got []byte
		blocks, payloads := blocksOf(body, szx)
		for i, p := range payloads {
			if blocks[i].More != (i < len(blocks)-1) || blocks[i].More && len(p) != blocks[i].Size() {
				t.Errorf("block %v of %d bytes", blocks[i], len(p))
			}
			got = append(got, p...)
		}
		r := newRepresentation(body, nil)
		if _, _, ok := r.block(uint32(len(blocks)), szx); ok || !bytes.Equal(got, body) {
			t.Errorf("szx %d: %x", szx, got)
		}
	}
	empty := newRepresentation(nil, nil)
	if p, more, ok := empty.block(0, 0); !ok || more || len(p) != 0 {
		t.Error("an empty body has no block")
	}
	if _, _, ok := empty.block(1, 0); ok {
		t.Error("an empty body has a second block")
	}
	if bytes.Equal(entityTag(body), entityTag(changed(body))) || len(entityTag(nil)) != etagSize {
		t.Error("the tag of two bodies is the same")
	}
}
