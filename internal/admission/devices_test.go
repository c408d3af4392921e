package admission

import (
	"fmt"
	"testing"
	"time"
)

func TestDevices(t *testing.T) {
	d := NewDevices([16]byte{1}, NewRate(30, time.Minute, 60))
	for i := range 60 {
		if w := d.Wait(epoch, "a"); w != 0 {
			t.Fatalf("session %d has to wait %v", i, w)
		}
		d.Charge(epoch, "a")
	}
	for range 3 { // asking takes nothing
		if w := d.Wait(epoch, "a"); w != 2*time.Second {
			t.Fatalf("wait of %v, want 2 s", w)
		}
	}
	if d.Wait(epoch, "b") != 0 {
		t.Error("another device has to wait")
	}
	if w := d.Wait(epoch.Add(2*time.Second), "a"); w != 0 {
		t.Errorf("wait of %v when the time is over", w)
	}
}

// TestManyDevices: a fleet that comes back at once is not refused, and the one that does too much
// is not forgotten in it.
func TestManyDevices(t *testing.T) {
	d := NewDevices([16]byte{1}, NewRate(30, time.Minute, 60))
	for range 60 {
		d.Charge(epoch, "loop")
	}
	for i := range 100_000 {
		name := fmt.Sprint("device ", i)
		if w := d.Wait(epoch, name); w != 0 {
			t.Fatalf("%s has to wait %v", name, w)
		}
		d.Charge(epoch, name)
	}
	if d.Wait(epoch, "loop") == 0 {
		t.Error("forgotten")
	}
}
