package coap

import (
	"container/heap"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// A testReader makes what a Conn draws at random the same in every run.
type testReader struct{ *rand.Rand }

func (r testReader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return len(b), nil
}

func testRand(seed uint64) testReader { return testReader{rand.New(rand.NewPCG(seed, 7))} }

// A testPath is a link between two ends in virtual time: delay, loss, repeats and
// reordering, each way, by a seed.
type testPath struct {
	t         testing.TB
	now       time.Time
	rng       *rand.Rand
	delay     time.Duration
	jitter    time.Duration
	loss, dup float64
	rate      int           // bytes a second each way, 0 for no limit
	backlog   time.Duration // what queues longer is dropped
	free      [2]time.Time  // when the line is
	queue     arrivals
	order     int
	sent      [2]int // datagrams by each end
	bytes     [2]int
	largest   int    // datagram
	mtu       [2]int // bytes of the largest datagram by each end that arrives, 0 for any
	ends      [2]testEnd
}

// A testEnd is a Conn or something that stands in for one.
type testEnd interface {
	Receive(now time.Time, datagram []byte, out *Batch)
	Deadline() time.Time
	Advance(now time.Time, out *Batch)
}

type arrival struct {
	at       time.Time
	order    int
	to       int
	datagram []byte
}

type arrivals []arrival

func (a arrivals) Len() int      { return len(a) }
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a arrivals) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].order < a[j].order
}
func (a *arrivals) Push(x any) { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

var testStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newTestPath(t testing.TB, seed uint64, loss float64) *testPath {
	return &testPath{
		t: t, now: testStart, rng: rand.New(rand.NewPCG(seed, 1)),
		delay: 50 * time.Millisecond, loss: loss,
	}
}

// carry puts what end from has sent on its way.
func (p *testPath) carry(from int, out *Batch) {
	for d := range out.All() {
		p.sent[from]++
		p.bytes[from] += len(d)
		p.largest = max(p.largest, len(d))
		for range 1 + p.happens(p.dup) {
			if p.happens(p.loss) == 1 || p.mtu[from] > 0 && len(d) > p.mtu[from] {
				continue
			}
			p.order++
			at, dropped := p.pass(from, len(d))
			if dropped {
				continue
			}
			if p.jitter > 0 {
				at = at.Add(time.Duration(p.rng.Int64N(int64(p.jitter))))
			}
			heap.Push(&p.queue, arrival{at, p.order, 1 - from, append([]byte(nil), d...)})
		}
	}
	out.Reset()
}

// pass returns when n bytes that are sent now arrive, behind what queues already.
func (p *testPath) pass(from, n int) (at time.Time, dropped bool) {
	if p.rate == 0 {
		return p.now.Add(p.delay), false
	}
	start := p.now
	if p.free[from].After(start) {
		start = p.free[from]
	}
	if start.Sub(p.now) > p.backlog {
		return time.Time{}, true
	}
	p.free[from] = start.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	return p.free[from].Add(p.delay), false
}

func (p *testPath) happens(chance float64) int {
	if chance > 0 && p.rng.Float64() < chance {
		return 1
	}
	return 0
}

// step moves to the next thing that happens. It returns false if nothing will.
func (p *testPath) step() bool {
	end, at := -1, time.Time{}
	for i, e := range p.ends {
		if d := e.Deadline(); !d.IsZero() && (end < 0 || d.Before(at)) {
			end, at = i, d
		}
	}
	var out Batch
	if len(p.queue) > 0 && (end < 0 || !at.Before(p.queue[0].at)) {
		a := heap.Pop(&p.queue).(arrival)
		p.now = a.at
		p.ends[a.to].Receive(p.now, a.datagram, &out)
		p.carry(a.to, &out)
		return true
	}
	if end < 0 {
		return false
	}
	if at.After(p.now) {
		p.now = at
	}
	p.ends[end].Advance(p.now, &out)
	p.carry(end, &out)
	return true
}

// run steps until done says so, and fails the test when that takes too long.
func (p *testPath) run(limit time.Duration, done func() bool) {
	p.t.Helper()
	end := p.now.Add(limit)
	for steps := 0; !done(); steps++ {
		if steps > 2_000_000 {
			p.t.Fatalf("a deadline that does not move, at %v", p.now.Sub(testStart))
		}
		if !p.step() || p.now.After(end) {
			p.t.Fatalf("not done at %v", p.now.Sub(testStart))
		}
	}
}

// testBody returns n bytes of which each block differs.
func testBody(n int, seed uint32) []byte {
	b := make([]byte, n+4)
	for i := 0; i < n; i += 4 {
		binary.BigEndian.PutUint32(b[i:], uint32(i)*2654435761+seed)
	}
	return b[:n]
}
