package simnet

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// ipOverhead is what IPv4 and UDP headers add to a datagram where a link has a rate.
const ipOverhead = 28

// leastHoldback is the least time by which a reordered datagram falls behind.
const leastHoldback = time.Millisecond

// A Link is one direction between two hosts. The zero value delivers everything at once.
// Loss, Duplicate, Reorder and Corrupt are probabilities from 0 to 1, each of its own.
type Link struct {
	Loss      float64
	Burst     Burst
	Delay     time.Duration
	Jitter    time.Duration // up to this is added to Delay, evenly; datagrams may overtake each other
	Duplicate float64       // a second copy, with its own jitter
	Reorder   float64       // held back by 1 ms and up to another Delay + Jitter
	Corrupt   float64       // one bit of the payload is flipped
	MTU       int           // bytes of UDP payload; larger datagrams vanish; 0 is no limit
	Rate      int           // bit/s, with 28 bytes of headers a datagram; 0 is no limit
	Queue     int           // datagrams that wait for a Rate; further ones are dropped; 0 is no limit
}

// Burst makes losses come together, after Gilbert and Elliott: before each datagram of a
// flow the link turns bad with probability Enter, or good again with probability Leave.
// While it is bad, Loss holds in place of the link's.
type Burst struct {
	Enter, Leave, Loss float64
}

// check panics where a link makes no sense: that is a mistake in the test.
func (l *Link) check() {
	for _, p := range []float64{l.Loss, l.Burst.Enter, l.Burst.Leave, l.Burst.Loss, l.Duplicate, l.Reorder, l.Corrupt} {
		if !(p >= 0 && p <= 1) {
			panic(fmt.Sprintf("simnet: probability %v", p))
		}
	}
	if l.Delay < 0 || l.Jitter < 0 || l.MTU < 0 || l.Rate < 0 || l.Queue < 0 {
		panic(fmt.Sprintf("simnet: negative value in %+v", *l))
	}
}

// A pair is one direction between two hosts.
type pair struct {
	from, to netip.Addr
}

// A path is the state of one direction between two hosts.
type path struct {
	link     Link
	counters Counters
	leaving  []time.Time // when each datagram in the queue will have been sent
}

// admit returns when a datagram that comes at now has been sent, or why it is not.
func (p *path) admit(now time.Time, size int) (departs time.Time, refused Fate) {
	if p.link.MTU > 0 && size > p.link.MTU {
		return now, TooLarge
	}
	if p.link.Rate == 0 {
		return now, ""
	}
	p.leaving = slices.DeleteFunc(p.leaving, func(t time.Time) bool { return !t.After(now) })
	if p.link.Queue > 0 && len(p.leaving) > p.link.Queue { // one is being sent, the others wait
		return now, QueueFull
	}
	start := now
	if len(p.leaving) > 0 {
		start = p.leaving[len(p.leaving)-1]
	}
	bits := float64(8 * (size + ipOverhead))
	departs = start.Add(time.Duration(bits / float64(p.link.Rate) * float64(time.Second)))
	p.leaving = append(p.leaving, departs)
	return departs, ""
}

// A flowKey names what goes from one socket to another. What is injected is apart, so
// that it does not take draws from the true flow.
type flowKey struct {
	from, to netip.AddrPort
	injected bool
}

// A flow draws the fates of its datagrams.
type flow struct {
	random *rand.Rand
	bad    bool // see Burst
	count  int
}

func newFlow(seed uint64, key flowKey) *flow {
	h := sha256.Sum256(fmt.Appendf(nil, "%d %v %v %t", seed, key.from, key.to, key.injected))
	return &flow{random: rand.New(rand.NewPCG(binary.BigEndian.Uint64(h[:]), binary.BigEndian.Uint64(h[8:])))}
}

// next returns the index of the next datagram.
func (f *flow) next() int {
	f.count++
	return f.count - 1
}

// A fate is what happens to one datagram that is neither too large nor too much.
type fate struct {
	lost      bool
	reordered bool
	flip      int             // the bit that is flipped, or -1
	delays    []time.Duration // of each copy
}

// draw takes the same number of values whatever the link is, so that two runs that differ
// in one property differ in nothing else.
func (f *flow) draw(l Link, size int) fate {
	var u [9]float64
	for i := range u {
		u[i] = f.random.Float64()
	}
	drawn := fate{
		lost:      f.lost(l, u[0], u[1]),
		reordered: u[4] < l.Reorder,
		flip:      -1,
		delays:    []time.Duration{l.Delay + scale(l.Jitter, u[2])},
	}
	if drawn.reordered {
		drawn.delays[0] += leastHoldback + scale(l.Delay+l.Jitter, u[5])
	}
	if u[3] < l.Duplicate {
		drawn.delays = append(drawn.delays, l.Delay+scale(l.Jitter, u[6]))
	}
	if u[7] < l.Corrupt && size > 0 {
		drawn.flip = int(u[8] * float64(8*size))
	}
	return drawn
}

func (f *flow) lost(l Link, turn, loss float64) bool {
	if f.bad {
		f.bad = turn >= l.Burst.Leave
	} else {
		f.bad = turn < l.Burst.Enter
	}
	if f.bad {
		return loss < l.Burst.Loss
	}
	return loss < l.Loss
}

// apply returns a copy of payload as it arrives.
func (f *fate) apply(payload []byte) []byte {
	payload = slices.Clone(payload)
	if f.flip >= 0 {
		payload[f.flip/8] ^= 0x80 >> (f.flip % 8)
	}
	return payload
}

func scale(d time.Duration, u float64) time.Duration {
	return time.Duration(float64(d) * u)
}
