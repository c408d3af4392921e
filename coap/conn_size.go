package coap

import "time"

const (
	leastMessage = 80 // bytes of UDP payload that every path carries: an MTU of 128
	sizeLife     = 24 * time.Hour
	leastAnswer  = 24 // bytes of the header of a block at least
	sizeClasses  = 18 // powers of two up to a datagram
	sizeMemory   = 32 // datagrams that a guess about the loss rests on
	mostGuesses  = 3  // times an item has to be lost whose answer's size nobody knows
	knownRounds  = 4  // times an item has to be lost whose like has come through before
	// A limit is believed in when chance explains so badly what was lost. A session has more
	// occasions to be wrong than a handshake.
	unlikely        = 1. / 200
	unlikelySession = 1. / 20000
	unlikelyKnown   = 1. / 1000000
)

// A trial is what the copies of an item say about the path.
type trial struct {
	size    int    // bytes of the newest copy
	heard   bool   // a copy was answered since the item was last found lost
	copies  int    // sent since it was last found lost
	lost    int    // copies lost in a row where its size may be why
	rounds  int    // in which they were found lost
	misses  int    // rounds without an answer, whatever the reason
	first   uint64 // sequence number of the copy that was lost first
	counted uint64 // of the newest that has been counted
}

// A sizing finds that datagrams above some size vanish on a path, and keeps apart from it the
// loss that takes any of them (protocol section 9). Only what a later answer shows to be lost
// counts: silence says nothing about sizes.
type sizing struct {
	limit int       // bytes of the largest message worth sending
	since time.Time // when it was first used, if smaller than configured

	answered, lost int // how other datagrams fare, the newest weighing most
	// Of each class of sizes, the sequence number of the newest copy that came through with
	// it, and of the newest to which an answer with it came through.
	up, down [sizeClasses]uint64

	probe item // a ping beside what is in doubt, so that there is something small to compare
	ask   bool // for it
}

// Limit returns how large a message the path is believed to carry.
func (c *Conn) Limit() int { return c.size.limit }

// sizeClass is the number of bits of n.
func sizeClass(n int) (class int) {
	for ; n > 0 && class < sizeClasses-1; n >>= 1 {
		class++
	}
	return class
}

// passed tells whether a copy sent after first came through with size n or more.
func passed(newest *[sizeClasses]uint64, n int, first uint64) bool {
	for _, sequence := range newest[sizeClass(n):] {
		if sequence > first {
			return true
		}
	}
	return false
}

// arrived notes an answer of n bytes to a copy of it.
func (s *sizing) arrived(it *item, sequence uint64, n int) {
	if !it.heard { // copies that are sent close together count as one
		s.answered++
		s.fade()
	}
	it.heard, it.misses = true, 0
	s.blameless(it)
	s.up[sizeClass(it.size)] = max(s.up[sizeClass(it.size)], sequence)
	s.down[sizeClass(n)] = max(s.down[sizeClass(n)], sequence)
}

// blameless says that what was lost of it was not lost for its size.
func (s *sizing) blameless(it *item) {
	s.lost += it.lost
	it.lost, it.rounds = 0, 0
	s.fade()
}

func (s *sizing) fade() {
	if s.answered+s.lost > sizeMemory {
		s.answered, s.lost = s.answered/2, s.lost/2
	}
}

// renew forgets a limit after a day: the path may have become better.
func (c *Conn) renew(now time.Time) {
	s := &c.size
	switch {
	case s.limit >= c.config.MaxMessage:
	case s.since.IsZero():
		s.since = now
	case now.Sub(s.since) >= sizeLife:
		s.limit, s.since = c.config.MaxMessage, time.Time{}
	}
}

// weigh takes what the recovery has found lost, and lowers the limit where that is the best
// explanation. What is lost while delay has grown is lost in a queue.
func (c *Conn) weigh(now time.Time) {
	r := &c.recovery
	if len(r.found) == 0 {
		return
	}
	for _, it := range r.found {
		// A copy that was sent less than a round trip ago may be answered yet.
		if it.listed && it.sequence > it.counted && now.Sub(it.at) >= r.rtt.smoothed+r.rtt.lag()/2 && !r.rtt.congested() {
			c.count(it)
		}
	}
	clear(r.found)
	r.found = r.found[:0]
	if d := c.doubts(); d.convincing(c) {
		c.shrink(now, d.least)
	}
}

func (c *Conn) unlikely() float64 {
	if c.config.Secure {
		return unlikelySession
	}
	return unlikely
}

// searching tells whether a smaller size is being looked for already.
func (c *Conn) searching() bool { return c.size.limit < c.config.MaxMessage }

// count takes in that a copy was lost, or two close together.
func (c *Conn) count(it *item) {
	heard, copies := it.heard, it.trial.copies
	it.counted, it.heard, it.trial.copies = it.sequence, false, 0
	if heard {
		return
	}
	it.misses++
	if x, ok := it.owner.(*exchange); ok && it.kind == itemPull && !x.arrived() && it.misses > mostGuesses {
		return // its answer may be large and may be small
	}
	if it.lost == 0 {
		it.first = it.sequence
	}
	if c.inDoubt(it) > 0 {
		it.lost += copies
		it.rounds++
		return
	}
	it.lost += copies
	c.size.blameless(it)
}

// inDoubt returns the size that may be why an item was lost, its own or that of its answer;
// 0 if its like came through since.
func (c *Conn) inDoubt(it *item) (n int) {
	if it.size > c.config.MinMessage && !passed(&c.size.up, it.size, it.first) {
		n = it.size
	}
	x, ok := it.owner.(*exchange)
	if !ok {
		return n
	}
	if answer := x.answerSize(it); answer > max(n, c.config.MinMessage) && !passed(&c.size.down, answer, it.first) {
		n = answer
	}
	return n
}

// guessed tells whether nothing but a guess at the answer's size makes an item doubtful: a
// request inside records, whose answer may have any.
func (c *Conn) guessed(it *item) bool {
	return c.config.Secure && it.kind == itemBlock &&
		(it.size <= c.config.MinMessage || passed(&c.size.up, it.size, it.first))
}

// A doubt is what may have been lost for its size.
type doubt struct {
	lost   int  // copies
	least  int  // of the sizes
	rounds int  // in which the same item was lost
	known  bool // all of it has come through before
}

func (c *Conn) doubts() (d doubt) {
	for it := c.recovery.head; it != nil; it = it.next {
		if it.lost == 0 || it.rounds < mostGuesses && c.guessed(it) {
			continue
		}
		n := c.inDoubt(it)
		if n == 0 {
			c.size.blameless(it)
			continue
		}
		known := c.carried(it)
		if d.lost == 0 {
			d.least, d.known = n, known
		}
		d.lost, d.rounds = d.lost+it.lost, max(d.rounds, it.rounds)
		d.least, d.known = min(d.least, n), d.known && known
	}
	return d
}

// convincing tells whether size explains it. That a path becomes smaller is rare, and where it
// seems so a queue may be full.
func (d doubt) convincing(c *Conn) bool {
	chance := c.size.chance(d.lost)
	if d.known {
		return d.rounds >= knownRounds && chance < unlikelyKnown
	}
	return d.lost > 1 && (d.rounds > 1 || c.searching()) && chance < c.unlikely()
}

// carried tells whether the like of an item and of its answer has ever come through.
func (c *Conn) carried(it *item) bool {
	x, ok := it.owner.(*exchange)
	return passed(&c.size.up, it.size, 0) && (!ok || passed(&c.size.down, x.answerSize(it), 0))
}

// chance is the probability of so many losses in a row where size makes no difference, given
// how the other datagrams fared (Laplace's rule of succession).
func (s *sizing) chance(lost int) float64 {
	p := 1.0
	for i := range lost {
		p *= float64(s.lost+2+i) / float64(s.answered+s.lost+3+i)
	}
	return p
}

// shrink lowers the limit below a size that vanishes, and begins what does not fit it again.
// The half of that size is tried next: each step costs a round trip or two.
func (c *Conn) shrink(now time.Time, vanished int) {
	s := &c.size
	limit := max(min(vanished/2, s.limit-1), c.config.MinMessage)
	if limit >= s.limit {
		return
	}
	s.limit, s.since, s.ask = limit, now, true
	for _, x := range c.open {
		x.shrink(now)
	}
	for _, e := range c.server.entries {
		if e.item.listed {
			e.item.trial = trial{}
			e.divide()
		}
	}
}
