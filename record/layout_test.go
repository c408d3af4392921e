package record

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestLayout(t *testing.T) {
	random := rand.NewChaCha8([32]byte{7})
	rapid.Check(t, func(t *rapid.T) {
		l := Layout{Size: rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "size")}
		l.ShardBits = rapid.IntRange(0, min(8*l.Size-2, 10)).Draw(t, "shard bits")
		l.SlotBits = rapid.IntRange(0, 8*l.Size-2-l.ShardBits).Draw(t, "slot bits")
		shard := rapid.Uint64Range(0, 1<<l.ShardBits-1).Draw(t, "shard")
		slot := rapid.Uint64Range(0, 1<<l.SlotBits-1).Draw(t, "slot")
		id, err := l.NewID(shard, slot, random)
		if err != nil || id.Len() != l.Size {
			t.Fatalf("%+v: %v, %v", l, id, err)
		}
		if got, n, err := ParseConnectionID(id.Bytes()); err != nil || n != l.Size || got != id {
			t.Fatalf("%v does not say its size: %v, %d, %v", id, got, n, err)
		}
		if id.Shard(l.ShardBits) != shard || l.Slot(id) != slot {
			t.Fatalf("%+v: %v has shard %d, slot %d, want %d, %d", l, id, id.Shard(l.ShardBits), l.Slot(id), shard, slot)
		}
	})
}

func TestLayoutBits(t *testing.T) {
	zero, ones := make(zeros, 0), make(allOnes, 0)
	for _, tc := range []struct {
		layout      Layout
		shard, slot uint64
		low, high   string
	}{
		{Layout{1, 0, 0}, 0, 0, "00", "3f"},
		{Layout{1, 2, 3}, 3, 5, "3a", "3b"},
		{Layout{2, 3, 8}, 5, 0xab, "6d58", "6d5f"},
		{Layout{4, 4, 16}, 9, 0x1234, "a448d000", "a448d3ff"},
		{Layout{8, 8, 24}, 0x81, 0x123456, "e0448d1580000000", "e0448d15bfffffff"},
		{Layout{8, 0, 62}, 0, 1<<62 - 1, "ffffffffffffffff", "ffffffffffffffff"},
	} {
		low, err := tc.layout.NewID(tc.shard, tc.slot, zero)
		high, err2 := tc.layout.NewID(tc.shard, tc.slot, ones)
		if err != nil || err2 != nil || low.String() != tc.low || high.String() != tc.high {
			t.Errorf("%+v: %v to %v, want %s to %s (%v, %v)", tc.layout, low, high, tc.low, tc.high, err, err2)
		}
	}
}

type zeros []byte

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type allOnes []byte

func (allOnes) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0xff
	}
	return len(b), nil
}

func TestLayoutRefused(t *testing.T) {
	for _, tc := range []struct {
		layout      Layout
		shard, slot uint64
	}{
		{Layout{0, 0, 0}, 0, 0}, {Layout{3, 0, 0}, 0, 0}, {Layout{16, 0, 0}, 0, 0},
		{Layout{1, 4, 3}, 0, 0}, {Layout{8, 32, 31}, 0, 0}, {Layout{8, -1, 3}, 0, 0}, {Layout{8, 3, -1}, 0, 0},
		{Layout{8, math.MaxInt/2 + 1, math.MaxInt/2 + 1}, 0, 0},
		{Layout{2, 2, 4}, 4, 0}, {Layout{2, 2, 4}, 0, 16}, {Layout{2, 0, 4}, 1, 0}, {Layout{2, 4, 0}, 0, 1},
	} {
		if id, err := tc.layout.NewID(tc.shard, tc.slot, zeros{}); !errors.Is(err, ErrConnectionID) {
			t.Errorf("%+v, shard %d, slot %d: %v, error = %v", tc.layout, tc.shard, tc.slot, id, err)
		}
	}
}
