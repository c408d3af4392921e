package arena

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// A model is what the entries of an arena must be.
type model struct {
	t       testing.TB
	arena   *Arena
	entries map[Ref][]byte
	refs    []Ref
	count   uint64
}

func newModel(t testing.TB) *model {
	return &model{t: t, arena: New(), entries: make(map[Ref][]byte)}
}

// alloc makes an entry and fills it.
func (m *model) alloc(size int) Ref {
	m.t.Helper()
	r, b := m.arena.Alloc(size)
	switch _, twice := m.entries[r]; {
	case r == 0 || r>>RefBits != 0 || twice:
		m.t.Fatalf("entry %#x, twice %v", r, twice)
	case len(b) < size || len(b) > Largest || cap(b) != len(b):
		m.t.Fatalf("%d bytes, capacity %d, for an entry of %d", len(b), cap(b), size)
	case !bytes.Equal(b, make([]byte, len(b))):
		m.t.Fatalf("a new entry has %x", b)
	}
	m.count++
	for i := 0; i+8 <= len(b); i += 8 {
		binary.BigEndian.PutUint64(b[i:], m.count<<16|uint64(i))
	}
	m.entries[r] = bytes.Clone(b)
	m.refs = append(m.refs, r)
	return r
}

// free checks and frees the entry at a place of the list.
func (m *model) free(i int) {
	m.t.Helper()
	r := m.refs[i]
	m.check(r)
	b := m.arena.Bytes(r)
	mapped := m.arena.Size()
	m.arena.Free(r)
	if m.arena.Size() == mapped && !bytes.Equal(b[linkSize:], make([]byte, len(b)-linkSize)) {
		m.t.Fatalf("a freed entry has %x", b)
	}
	delete(m.entries, r)
	m.refs[i] = m.refs[len(m.refs)-1]
	m.refs = m.refs[:len(m.refs)-1]
}

func (m *model) check(r Ref) {
	m.t.Helper()
	if got := m.arena.Bytes(r); !bytes.Equal(got, m.entries[r]) {
		m.t.Fatalf("entry %#x has changed: %x, want %x", r, got, m.entries[r])
	}
}

func (m *model) checkAll() {
	m.t.Helper()
	if m.arena.Len() != len(m.entries) {
		m.t.Fatalf("%d entries, want %d", m.arena.Len(), len(m.entries))
	}
	for r := range m.entries {
		m.check(r)
	}
}

// Entries keep what is put into them, are zeros when they are new, and never overlap.
func TestChurn(t *testing.T) {
	m := newModel(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		for range random.IntN(4000) {
			m.alloc(random.IntN(4096))
		}
		m.checkAll()
		for range random.IntN(len(m.refs) + 1) {
			m.free(random.IntN(len(m.refs)))
		}
		m.checkAll()
	}
}

// Memory is given back when its entries are gone, and none is taken while there is some.
func TestSize(t *testing.T) {
	m := newModel(t)
	const entries = 10 * (chunkSize / 512)
	for range 3 {
		for range entries {
			m.alloc(512)
		}
		if got := m.arena.Size(); got != 10*chunkSize {
			t.Errorf("%d bytes for %d entries of 512", got, entries)
		}
		for len(m.refs) > 0 {
			m.free(len(m.refs) - 1)
		}
		if got := m.arena.Size(); got != chunkSize {
			t.Errorf("%d bytes for no entries", got)
		}
	}
	for range 2 * entries { // one in, one out
		m.alloc(512)
		m.free(0)
	}
	if got := m.arena.Size(); got != chunkSize {
		t.Errorf("%d bytes for one entry at a time", got)
	}
}

// The smallest size that an entry fits is taken, and of the sizes around 480 there are many.
func TestSizes(t *testing.T) {
	a := New()
	for n := range Largest + 1 {
		r, b := a.Alloc(n)
		if n > 320 && n <= 640 && len(b)-n > 64 || len(b) > 4*n+64 {
			t.Errorf("%d bytes for an entry of %d", len(b), n)
		}
		a.Free(r)
	}
	for i := range sizes {
		if i > 0 && sizes[i] <= sizes[i-1] || sizes[i] < linkSize || i >= 1<<classBits {
			t.Errorf("size %d is %d", i, sizes[i])
		}
	}
}

func TestTooLarge(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an entry larger than the largest")
		}
	}()
	New().Alloc(Largest + 1)
}

// Any order of allocations and frees keeps the entries apart.
func FuzzChurn(f *testing.F) {
	f.Add([]byte{1, 2, 3, 255, 254, 1, 0, 7})
	f.Add(bytes.Repeat([]byte{127, 200, 3}, 50))
	f.Fuzz(func(t *testing.T, steps []byte) {
		m := newModel(t)
		for i, s := range steps {
			if s >= 128 && len(m.refs) > 0 {
				m.free(int(s) * (i + 1) % len(m.refs))
			} else {
				m.alloc(int(s) * int(s) % (Largest + 1))
			}
		}
		m.checkAll()
		for len(m.refs) > 0 {
			m.free(0)
		}
		if m.arena.Len() != 0 {
			t.Fatal("entries that nobody has")
		}
	})
}

// go test -run - -bench . ./internal/arena
func BenchmarkChurn(b *testing.B) {
	a := New()
	refs := make([]Ref, 100_000)
	for i := range refs {
		refs[i], _ = a.Alloc(480)
	}
	random := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		i := random.IntN(len(refs))
		a.Free(refs[i])
		refs[i], _ = a.Alloc(480)
	}
}
