package main

import (
	"testing"
	"time"
)

func TestInterval(t *testing.T) {
	i := newInterval(time.Second)
	if got := i.get(); got != time.Second {
		t.Errorf("%v at the beginning", got)
	}
	i.set(time.Minute)
	i.set(time.Hour) // nobody has woken up
	<-i.changed
	if got := i.get(); got != time.Hour {
		t.Errorf("%v, want the newest", got)
	}
	select {
	case <-i.changed:
		t.Error("woken up twice for one value")
	default:
	}
}
