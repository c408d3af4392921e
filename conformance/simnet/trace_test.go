package simnet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCountersAddUp(t *testing.T) {
	link := Link{Loss: 0.2, Duplicate: 0.2, Reorder: 0.2, Corrupt: 0.2, MTU: 100, Delay: time.Millisecond}
	on(t, link, func(t *testing.T, b bench) {
		b.send(t, 1000, 100)
		b.send(t, 10, 101)
		got := len(receive(t, b.server))
		c := b.Counters(deviceAddr.Addr(), serverAddr.Addr())
		if c.Datagrams != 1010 || c.Bytes != 1000*100+10*101 || c.TooLarge != 10 || c.Delivered != uint64(got) {
			t.Errorf("counters = %+v, %d delivered", c, got)
		}
		if c.Delivered != c.Datagrams-c.Lost-c.TooLarge+c.Duplicated {
			t.Errorf("counters = %+v do not add up", c)
		}
		if c.Reordered == 0 || c.Corrupted == 0 {
			t.Errorf("counters = %+v, want some of each", c)
		}
		if back := b.Counters(serverAddr.Addr(), deviceAddr.Addr()); back != (Counters{}) {
			t.Errorf("counters of the other direction = %+v, want none", back)
		}
	})
}

func TestEventNamesEveryFate(t *testing.T) {
	tests := map[Fate]Link{
		Sent:                               {},
		Lost:                               {Loss: 1},
		Duplicated:                         {Duplicate: 1},
		Reordered:                          {Reorder: 1},
		Corrupted:                          {Corrupt: 1},
		TooLarge:                           {MTU: 3},
		"reordered, corrupted, duplicated": {Reorder: 1, Corrupt: 1, Duplicate: 1},
	}
	for want, link := range tests {
		on(t, link, func(t *testing.T, b bench) {
			b.send(t, 1, 4)
			if events := b.Events(); len(events) != 1 || events[0].Fate != want {
				t.Errorf("events = %v, want one that says %q", events, want)
			}
		})
	}
}

func TestEventsOfOtherFates(t *testing.T) {
	on(t, Link{Rate: 8000, Queue: 1}, func(t *testing.T, b bench) {
		b.Filter(func(d Datagram) Verdict { return Verdict{Drop: d.Index == 3} })
		b.send(t, 4, 4)
		b.server.Close()
		time.Sleep(time.Minute)
		var got []Fate
		for _, e := range b.Events() {
			got = append(got, e.Fate)
		}
		if want := []Fate{Sent, Sent, QueueFull, Filtered, Unreachable, Unreachable}; !slices.Equal(got, want) {
			t.Errorf("fates = %q, want %q", got, want)
		}
	})
}

func TestEventString(t *testing.T) {
	on(t, Link{Delay: 50 * time.Millisecond}, func(t *testing.T, b bench) {
		time.Sleep(1500 * time.Microsecond)
		b.device.WriteToUDPAddrPort([]byte{0x40, 0x02, 0, 1}, serverAddr)
		want := "     1.500 ms  198.51.100.1:40000 > 192.0.2.1:5688  #0  4 B  40020001  sent, arrives 51.500 ms"
		if got := b.Events()[0].String(); got != want {
			t.Errorf("event = %q, want %q", got, want)
		}
	})
}

// fakeTest is a test whose outcome is given.
type fakeTest struct {
	failed  bool
	cleanup []func()
	log     []string
}

func (f *fakeTest) Cleanup(c func()) { f.cleanup = append(f.cleanup, c) }
func (f *fakeTest) Failed() bool     { return f.failed }
func (f *fakeTest) Logf(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func TestTraceOnFailure(t *testing.T) {
	for _, failed := range []bool{false, true} {
		test := &fakeTest{failed: failed}
		on(t, Link{}, func(t *testing.T, b bench) {
			b.TraceOnFailure(test)
			b.send(t, 2, 4)
			for _, f := range test.cleanup {
				f()
			}
		})
		log := strings.Join(test.log, "\n")
		if printed := len(test.log) == 3 && strings.Contains(log, "seed 1") && strings.Contains(log, "> 192.0.2.1:5688"); printed != failed {
			t.Errorf("failed %t: log = %q", failed, log)
		}
	}
}
