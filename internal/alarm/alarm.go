// Package alarm is a timer for deadlines that move with every datagram, mostly to later: it is
// left to run out early, since to set it anew costs more than to look at the time once too often.
package alarm

import "time"

// An Alarm calls a function at a deadline, or before it. It is guarded by its owner's lock.
type Alarm struct {
	ring  func()
	timer *time.Timer
	at    time.Time // when it goes off; zero: it is not set
	off   bool      // it goes off now
}

// New makes one that is not set. The function runs in a goroutine of its own; it calls Off
// first of all, under the owner's lock, and Set last.
func New(f func()) *Alarm {
	a := &Alarm{ring: f, timer: time.AfterFunc(time.Hour, f)}
	a.timer.Stop()
	return a
}

// Set has the alarm go off at the deadline at the latest, zero for never. It is called with the
// newest deadline as often as there may be one.
func (a *Alarm) Set(now, deadline time.Time) {
	if deadline.IsZero() || now.Before(a.at) && !deadline.Before(a.at) {
		return
	}
	a.at = deadline
	if wait := deadline.Sub(now); wait > 0 {
		a.timer.Reset(wait)
	} else if !a.off {
		a.off = true
		a.timer.Stop()
		go a.ring()
	}
}

// Off notes that the alarm has gone off.
func (a *Alarm) Off() { a.at, a.off = time.Time{}, false }

// Stop has it not go off any more, unless it is about to.
func (a *Alarm) Stop() {
	a.timer.Stop()
	a.at = time.Time{}
}
