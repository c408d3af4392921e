package simnet

import (
	"math/bits"
	"testing"
	"time"
)

// near reports whether got is within 15 % of count * p, which is more than four
// standard deviations for what is used here.
func near(got, count int, p float64) bool {
	want := float64(count) * p
	return float64(got) > 0.85*want && float64(got) < 1.15*want
}

func TestPerfectLink(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		b.send(t, 100, 4)
		got := receive(t, b.server)
		if len(got) != 100 {
			t.Fatalf("received %d, want 100", len(got))
		}
		for i, r := range got {
			if r.number != i || r.at != 0 || r.from != deviceAddr {
				t.Errorf("datagram %d = %+v", i, r)
			}
		}
	})
}

func TestLoss(t *testing.T) {
	for _, loss := range []float64{0.05, 0.4, 1} {
		on(t, Link{Loss: loss}, func(t *testing.T, b bench) {
			const count = 20000
			b.send(t, count, 4)
			got := count - len(receive(t, b.server))
			if !near(got, count, loss) {
				t.Errorf("loss %v: lost %d of %d", loss, got, count)
			}
			if c := b.Counters(deviceAddr.Addr(), serverAddr.Addr()); c.Lost != uint64(got) {
				t.Errorf("loss %v: counted %d, want %d", loss, c.Lost, got)
			}
		})
	}
}

// The stationary loss is Enter/(Enter+Leave), in runs of mean length 1/Leave.
func TestBurstLoss(t *testing.T) {
	on(t, Link{Burst: Burst{Enter: 0.05, Leave: 0.2, Loss: 1}}, func(t *testing.T, b bench) {
		const count = 20000
		b.send(t, count, 4)
		got := receive(t, b.server)
		lost, runs, next := count-len(got), 0, 0
		for _, r := range got {
			if r.number != next {
				runs++
			}
			next = r.number + 1
		}
		if !near(lost, count, 0.2) {
			t.Errorf("lost %d of %d, want a fifth", lost, count)
		}
		if !near(lost, runs, 5) {
			t.Errorf("lost %d in %d runs, want runs of 5", lost, runs)
		}
	})
}

func TestDelayAndJitter(t *testing.T) {
	const delay, jitter = 50 * time.Millisecond, 20 * time.Millisecond
	on(t, Link{Delay: delay, Jitter: jitter}, func(t *testing.T, b bench) {
		b.send(t, 1000, 4)
		got := receive(t, b.server)
		if len(got) != 1000 {
			t.Fatalf("received %d, want 1000", len(got))
		}
		first, last := got[0].at, got[len(got)-1].at
		if first < delay || first > delay+jitter/10 || last < delay+jitter*9/10 || last > delay+jitter {
			t.Errorf("arrivals from %v to %v, want all of %v to %v", first, last, delay, delay+jitter)
		}
	})
}

func TestDuplicate(t *testing.T) {
	on(t, Link{Duplicate: 0.1, Delay: time.Millisecond}, func(t *testing.T, b bench) {
		const count = 10000
		b.send(t, count, 4)
		times := make(map[int]int)
		for _, r := range receive(t, b.server) {
			times[r.number]++
		}
		twice := 0
		for _, n := range times {
			if n == 2 {
				twice++
			} else if n != 1 {
				t.Fatalf("a datagram came %d times", n)
			}
		}
		if len(times) != count || !near(twice, count, 0.1) {
			t.Errorf("%d of %d came, %d twice", len(times), count, twice)
		}
	})
}

func TestReorder(t *testing.T) {
	for _, reorder := range []float64{0, 0.1} {
		on(t, Link{Reorder: reorder, Delay: 10 * time.Millisecond}, func(t *testing.T, b bench) {
			const count = 10000
			b.send(t, count, 4)
			late, highest := 0, -1
			for _, r := range receive(t, b.server) {
				if r.at > 10*time.Millisecond {
					late++
				}
				if r.at > 21*time.Millisecond || (r.at == 10*time.Millisecond && r.number < highest) {
					t.Fatalf("datagram %d at %v after %d", r.number, r.at, highest)
				}
				highest = max(highest, r.number)
			}
			if late != 0 && reorder == 0 || reorder > 0 && !near(late, count, reorder) {
				t.Errorf("reorder %v: %d of %d came late", reorder, late, count)
			}
		})
	}
}

func TestCorrupt(t *testing.T) {
	on(t, Link{Corrupt: 0.1}, func(t *testing.T, b bench) {
		const count = 5000
		payload := make([]byte, 16)
		for range count {
			if _, err := b.device.WriteToUDPAddrPort(payload, serverAddr); err != nil {
				t.Fatal(err)
			}
		}
		corrupt, places := 0, make(map[string]bool)
		for _, r := range receive(t, b.server) {
			flipped := 0
			for _, c := range []byte(r.payload) {
				flipped += bits.OnesCount8(c)
			}
			if flipped > 1 {
				t.Fatalf("%d bits of one datagram changed", flipped)
			}
			corrupt += flipped
			places[r.payload] = true
		}
		if !near(corrupt, count, 0.1) {
			t.Errorf("%d of %d corrupted", corrupt, count)
		}
		if len(places) < 100 { // of 128 bits and the whole one
			t.Errorf("only %d different payloads", len(places))
		}
		for _, c := range payload {
			if c != 0 {
				t.Fatal("the sender's buffer was changed")
			}
		}
	})
}

func TestCorruptEmptyDatagram(t *testing.T) {
	on(t, Link{Corrupt: 1}, func(t *testing.T, b bench) {
		if _, err := b.device.WriteToUDPAddrPort(nil, serverAddr); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, b.server); len(got) != 1 || got[0].payload != "" {
			t.Errorf("received %v, want one empty datagram", got)
		}
	})
}

func TestMTU(t *testing.T) {
	on(t, Link{MTU: 1280}, func(t *testing.T, b bench) {
		b.send(t, 1, 1280)
		b.send(t, 1, 1281)
		got := receive(t, b.server)
		if len(got) != 1 || len(got[0].payload) != 1280 {
			t.Errorf("received %d datagrams, want that of 1280 bytes", len(got))
		}
	})
}

func TestRateAndQueue(t *testing.T) {
	const size = 972 // with headers 1000 bytes: a second each
	link := Link{Rate: 8000, Queue: 3, Delay: 100 * time.Millisecond}
	on(t, link, func(t *testing.T, b bench) {
		b.send(t, 10, size) // one is being sent, three wait
		got := receive(t, b.server)
		if len(got) != 4 {
			t.Fatalf("received %d, want 4", len(got))
		}
		for i, r := range got {
			if want := time.Duration(i+1)*time.Second + link.Delay; r.number != i || r.at != want {
				t.Errorf("datagram %d = %d at %v, want at %v", i, r.number, r.at, want)
			}
		}
		if c := b.Counters(deviceAddr.Addr(), serverAddr.Addr()); c.QueueFull != 6 {
			t.Errorf("queue full %d times, want 6", c.QueueFull)
		}
		b.send(t, 4, size) // the queue is empty again
		if got := receive(t, b.server); len(got) != 4 {
			t.Errorf("received %d after a pause, want 4", len(got))
		}
	})
}

func TestQueueIgnoresOversized(t *testing.T) {
	on(t, Link{Rate: 8000, Queue: 1, MTU: 972}, func(t *testing.T, b bench) {
		b.send(t, 10, 973)
		b.send(t, 1, 972)
		if got := receive(t, b.server); len(got) != 1 || got[0].at != time.Second {
			t.Errorf("received %d datagrams, want one after a second", len(got))
		}
	})
}

func TestSetLinkIsOneWay(t *testing.T) {
	on(t, Link{Delay: time.Second}, func(t *testing.T, b bench) {
		b.SetLink(deviceAddr.Addr(), serverAddr.Addr(), Link{Loss: 1})
		b.send(t, 1, 4)
		if _, err := b.server.WriteToUDPAddrPort([]byte("down"), deviceAddr); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, b.device); len(got) != 1 || got[0].at != time.Second {
			t.Errorf("device received %v, want one after a second", got)
		}
		if got := receive(t, b.server); len(got) != 0 {
			t.Errorf("server received %v, want none", got)
		}
	})
}

func TestLinkMistakesPanic(t *testing.T) {
	for _, l := range []Link{{Loss: 1.1}, {Loss: -0.1}, {Burst: Burst{Loss: 2}}, {Delay: -1}, {MTU: -1}, {Rate: -1}, {Queue: -1}} {
		mustPanic(t, func() { New(1, l) })
	}
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f()
}
