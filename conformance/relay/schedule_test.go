package relay

import (
	"testing"
	"time"
)

func TestScheduleOrder(t *testing.T) {
	s := newSchedule()
	now := time.Unix(1000, 0)
	for _, p := range []struct {
		after time.Duration
		name  string
	}{{3, "d"}, {1, "a"}, {2, "b"}, {2, "c"}} {
		s.add(now.Add(p.after), []byte(p.name), nil)
	}
	for _, want := range []struct {
		at   time.Duration
		name string
		wait time.Duration
	}{{0, "", 1}, {1, "a", 0}, {1, "", 1}, {9, "b", 0}, {9, "c", 0}, {2, "", 1}, {3, "d", 0}, {3, "", idle}} {
		got, wait, stopped := s.next(now.Add(want.at))
		name := ""
		if got != nil {
			name = string(got.datagram)
		}
		if name != want.name || wait != want.wait || stopped {
			t.Errorf("at %d: %q, wait %d, stopped %t, want %q, wait %d", want.at, name, wait, stopped, want.name, want.wait)
		}
	}
	s.stop()
	if _, _, stopped := s.next(now); !stopped {
		t.Error("goes on after stop")
	}
}

// The caller may use its buffer again at once.
func TestScheduleCopies(t *testing.T) {
	s := newSchedule()
	now := time.Unix(1000, 0)
	b := []byte("before")
	s.add(now, b, nil)
	copy(b, "after!")
	if p, _, _ := s.next(now); string(p.datagram) != "before" {
		t.Errorf("sends %q", p.datagram)
	}
}

// A parcel that is due before those that are waited for wakes run.
func TestScheduleWakes(t *testing.T) {
	s := newSchedule()
	sent := make(chan string, 1)
	send := func(b []byte) { sent <- string(b) }
	done := make(chan struct{})
	go func() {
		s.run()
		close(done)
	}()
	s.add(time.Now().Add(time.Hour), []byte("late"), send)
	s.add(time.Now(), []byte("now"), send)
	if got := <-sent; got != "now" {
		t.Errorf("sent %q first", got)
	}
	s.stop()
	<-done
}
