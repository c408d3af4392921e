package registry

import (
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

func TestSeen(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	clock := enrolled
	r.now = func() time.Time { return clock }
	for i, name := range []string{"a", "b"} {
		ok(t, r.Enroll(pskDevice(name, uint64(i))))
	}
	stored := func(name string) (first, last int64) {
		t.Helper()
		s := sighting{}
		ok(t, r.view(func(tx *bolt.Tx) error { s = loadSighting(tx, name); return nil }))
		return s.first, s.last
	}
	r.Seen("a", clock)
	r.Seen("nobody", clock)
	if d, err := r.Get("a"); err != nil || d.State != Active || !d.FirstSeen.Equal(clock) {
		t.Errorf("before it is written: %+v, %v", d, err)
	}
	ok(t, r.Keep(clock))
	if first, last := stored("a"); first != clock.Unix() || last != clock.Unix() {
		t.Errorf("the first time is not written: %d, %d", first, last)
	}
	begun := clock
	before := writes(r)
	for range 59 {
		clock = clock.Add(time.Second)
		r.Seen("a", clock)
		ok(t, r.Keep(clock))
	}
	if n := writes(r); n != before {
		t.Errorf("%d writes in a minute", n-before)
	}
	clock = clock.Add(time.Second)
	ok(t, r.Keep(clock))
	if first, last := stored("a"); first != begun.Unix() || last != clock.Unix()-1 {
		t.Errorf("after a minute: %d, %d", first, last)
	}
	clock = clock.Add(time.Second)
	r.Seen("a", clock)
	r.Seen("b", clock)
	r = reopen(t, r, dir)
	for _, name := range []string{"a", "b"} {
		if d, err := r.Get(name); err != nil || d.State != Active || !d.LastSeen.Equal(clock) {
			t.Errorf("%s, closed and opened: %+v, %v", name, d, err)
		}
	}
	ok(t, r.Remove("a"))
	ok(t, r.Enroll(pskDevice("a", 0)))
	if d, err := r.Get("a"); err != nil || d.State != Enrolled {
		t.Errorf("enrolled anew: %+v, %v", d, err)
	}
	_, err := r.Get("nobody")
	wants(t, "seen, and not enrolled", err, ErrUnknown)
}
