package alarm

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A deadline that moves is met: the alarm goes off at it or before, and again until it is.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lock sync.Mutex
		var a *Alarm
		var deadline time.Time
		var rang, met []time.Duration
		start := time.Now()
		a = New(func() {
			lock.Lock()
			defer lock.Unlock()
			a.Off()
			now := time.Now()
			rang = append(rang, now.Sub(start))
			if !deadline.IsZero() && !now.Before(deadline) {
				met, deadline = append(met, now.Sub(start)), time.Time{}
			}
			a.Set(now, deadline)
		})
		move := func(at time.Duration) {
			lock.Lock()
			defer lock.Unlock()
			deadline = start.Add(at)
			a.Set(time.Now(), deadline)
		}
		for n := range time.Duration(100) { // later with each datagram
			move(50*time.Millisecond + n*time.Millisecond)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		move(2 * time.Second)
		move(1500 * time.Millisecond) // earlier
		time.Sleep(time.Minute)
		lock.Lock()
		if want := []time.Duration{149 * time.Millisecond, 1500 * time.Millisecond}; !slices.Equal(met, want) {
			t.Errorf("deadlines met at %v, want %v", met, want)
		}
		if len(rang) > 5 {
			t.Errorf("it went off at %v", rang)
		}
		lock.Unlock()
		move(2 * time.Minute)
		lock.Lock()
		a.Stop()
		lock.Unlock()
		time.Sleep(time.Hour)
		lock.Lock()
		defer lock.Unlock()
		if len(met) > 2 {
			t.Errorf("it went off when it had been stopped: %v", met)
		}
	})
}

// It goes off at once for a deadline that is past, and to set it allocates nothing.
func TestAlarmPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rang := make(chan time.Time, 10)
		a := New(func() { rang <- time.Now() })
		now := time.Now()
		for range 3 { // once, until Off is called
			a.Set(now, now.Add(-time.Second))
		}
		time.Sleep(time.Second)
		if at := <-rang; !at.Equal(now) || len(rang) > 0 {
			t.Errorf("%v late, and %d times more", at.Sub(now), len(rang))
		}
		a.Off()
		a.Set(now, time.Time{})
		if n := testing.AllocsPerRun(100, func() { now = now.Add(1); a.Set(now, now.Add(time.Hour)) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		a.Stop()
	})
}
