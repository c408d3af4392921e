package session

import (
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A brief is a map.
func TestBrief(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b brief[int, int]
		want := make(map[int]int)
		for range rapid.IntRange(1, 20).Draw(t, "rushes") {
			from := rapid.IntRange(0, 100).Draw(t, "from")
			for i := range rapid.IntRange(0, 3*briefLeast).Draw(t, "in") {
				b.set(from+i, i)
				want[from+i] = i
			}
			for i := range rapid.IntRange(0, 3*briefLeast).Draw(t, "out") {
				b.delete(from + i)
				delete(want, from+i)
			}
			if len(b.m) != len(want) {
				t.Fatalf("%d entries, want %d", len(b.m), len(want))
			}
			for key, value := range want {
				if got, found := b.get(key); !found || got != value {
					t.Fatalf("%d: %d, %v, want %d", key, got, found, value)
				}
			}
		}
	})
}

// What a rush has needed is given back.
func TestBriefShrinks(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	before := heap()
	var b brief[digest, int]
	const rush = 100_000
	for i := range rush {
		b.set(digest{byte(i), byte(i >> 8), byte(i >> 16)}, i)
	}
	during := heap() - before
	for i := range rush {
		b.delete(digest{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if after := heap() - before; during < 40*rush || after > during/10 {
		t.Errorf("%d bytes in the rush, %d behind it", during, after)
	}
	runtime.KeepAlive(&b)
}

// A group forgets who has confirmed a session, when that is long over, without another one.
func TestGroupForgets(t *testing.T) {
	g := NewGroup(2)
	for i := range 5000 {
		if !g.confirm(epoch.Add(time.Duration(i)*time.Millisecond), string(rune('a'+i%26))+string(rune(0x100+i)), uint64(i+1)) {
			t.Fatal("not the newest")
		}
	}
	g.expire(epoch.Add(confirmationTime + 2500*time.Millisecond))
	if n := len(g.order); n < 2000 || n > 3000 || len(g.newest.m) != n {
		t.Errorf("%d in order, %d known", n, len(g.newest.m))
	}
	g.expire(epoch.Add(time.Hour))
	if len(g.order) != 0 || cap(g.order) != 0 || len(g.newest.m) != 0 {
		t.Errorf("%d in order, room for %d, %d known", len(g.order), cap(g.order), len(g.newest.m))
	}
}
