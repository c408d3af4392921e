package coap

import (
	"io"
	"time"
)

const (
	initialWindow   = 10 // datagrams in flight; the floor where losses are not congestion
	narrowWindow    = 4  // what it begins with on a path that was congested a moment ago
	congestedWindow = 2  // the floor where they are
	largestWindow   = 64
	repeatGap       = 8 * time.Millisecond // between the two copies of a repeat
	patientRepeats  = 8                    // of one item until the next take longer each
	silentRounds    = 5                    // time-outs in a row until they double
	longestTimeout  = 8 * time.Second
	// Toward a peer that has never answered, whose address may be somebody else's.
	strangerRound  = 10  // datagrams a round
	strangerTotal  = 150 // and in strangerPeriod
	strangerPeriod = 60 * time.Second
	// ackDelay is how long an answer is held back for the handler, so that it can travel
	// on the acknowledgement. It is below the 50 ms that the peer grants us, by what
	// timers and the path may add.
	ackDelay = 40 * time.Millisecond
	// peerTimeout is the least ACK_TIMEOUT (RFC 7252 section 4.8.1), for peers of another
	// kind. Their path loses hardly anything, but they may take their time, and some,
	// libcoap's server among them, take a message that is repeated for a new one. So none
	// is repeated earlier, and none because a later one is answered.
	peerTimeout = time.Second
)

// An owner is what an item belongs to: an exchange, or an entry of the server role.
type owner interface {
	fill(it *item, m *Message) bool                        // everything but type and message ID
	acknowledged(now time.Time, it *item, sequence uint64) // of the copy
	reset(now time.Time, it *item)
}

type itemKind uint8

const (
	itemBlock    itemKind = iota // block of a request, or all of it
	itemPull                     // request for a block of a response
	itemPing                     // Empty CON
	itemResponse                 // separate response
)

// An item is a message that needs an answer, however many copies of it are sent. Each
// copy is a CON with a message ID of its own.
type item struct {
	owner      owner
	kind       itemKind
	slow       bool // a handler may delay the answer
	listed     bool // in the recovery's list: sent, and an answer is needed
	due        bool // to be sent by the caller of due
	doubled    bool // a second copy is scheduled
	parked     bool // the peer has a pull, and answers it with block 0
	number     uint32
	copies     int    // in flight
	repeats    uint8  // of it, doubled or not
	sequence   uint64 // of the newest copy
	id         uint16 // on the wire, of all copies, where numbered
	numbered   bool
	at         time.Time
	prev, next *item
	trial
}

// A recovery decides which items are sent when: window, loss by later answers and
// time-outs, for everything a Conn sends (protocol section 9). It knows nothing of what
// is in a message.
type recovery struct {
	rtt      RTT
	rand     io.Reader
	packets  packets
	counters *Counters // may be nil

	window, threshold int    // datagrams; slow start up to threshold
	credit            int    // answers toward the next growth of the window
	flight            int    // copies out and not known to have arrived or to be lost
	fullAt, cutAt     uint64 // sequence number when the window was last full, and cut

	head, tail *item // in the order of the newest copies

	base    time.Time // the time-out runs from here
	timeout time.Duration
	silent  int // time-outs since something was heard

	lossSequence uint64    // at lossAt, older copies count as lost
	lossAt       time.Time // zero: nothing to look for
	laterAnswer  uint64    // the same for answers since
	laterAt      time.Time

	second []secondCopy
	list   []*item // result of due
	ping   item    // asks for the round-trip time while nothing has been heard
	found  []*item // what later answers have shown to be lost, for Conn.weigh

	gone      int // copies given up that are still on the way
	goneUntil time.Time

	sameID bool // copies of an item have one message ID (RFC 7252 section 4.2)

	met         bool // something has been heard on this path just now
	heard       bool // the peer has ever answered
	round       int  // datagrams to a stranger
	total       int
	periodStart time.Time
}

type secondCopy struct {
	item *item
	at   time.Time
}

func newRecovery(rtt RTT, rand io.Reader, first uint16) recovery {
	r := recovery{
		rtt: rtt, rand: rand, window: initialWindow, threshold: largestWindow,
		packets: packets{first: first}, heard: rtt.Known(),
	}
	if rtt.congested() {
		r.window = narrowWindow
	}
	return r
}

// record notes a copy of it, which is sent now, and returns its message ID.
func (r *recovery) record(now time.Time, it *item) uint16 {
	if r.head == nil {
		r.wake(now)
	}
	r.counters.sent(it)
	r.flight++
	it.copies++
	r.round++
	r.total++
	it.due, it.at = false, now
	sequence, id := r.packets.add(now, it)
	it.sequence = sequence
	if r.flight >= r.window {
		r.fullAt = sequence
	}
	r.unlink(it)
	r.link(it)
	if r.sameID && it.numbered {
		return it.id
	}
	it.id, it.numbered = id, true
	return id
}

// wake starts the time-out after a pause in which nothing was needed.
func (r *recovery) wake(now time.Time) {
	r.base, r.round, r.silent = now, 0, 0
	r.timeout = r.shortest()
}

// expect makes it needed without a copy being sent: what was sent has been received, and
// yet the answer is missing.
func (r *recovery) expect(now time.Time, it *item) {
	if r.head == nil {
		r.wake(now)
	}
	it.sequence, it.at = r.packets.next-1, now
	r.unlink(it)
	r.link(it)
}

// resume makes a parked item needed again, and overdue after the lag.
func (r *recovery) resume(now time.Time, it *item) {
	if r.head == nil {
		r.wake(now)
	}
	it.listed, it.next = true, r.head
	if r.head != nil {
		r.head.prev = it
	} else {
		r.tail = it
	}
	r.head = it
	r.suspect(now, r.packets.next)
}

// overdue has it looked at when the lag has passed, whatever copies of it are out.
func (r *recovery) overdue(now time.Time, it *item) {
	r.finish(it)
	it.at = now.Add(-r.rtt.smoothed)
	r.resume(now, it)
}

// finish takes it out: it is not needed any more, or for the time being.
func (r *recovery) finish(it *item) {
	r.flight -= it.copies
	it.copies = 0
	r.unlink(it)
	if r.tail == &r.ping && r.head == r.tail { // nobody waits for what it would tell
		r.finish(&r.ping)
	}
}

func (r *recovery) link(it *item) {
	it.listed, it.prev, it.next = true, r.tail, nil
	if r.tail != nil {
		r.tail.next = it
	} else {
		r.head = it
	}
	r.tail = it
}

func (r *recovery) unlink(it *item) {
	if !it.listed {
		return
	}
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		r.head = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	} else {
		r.tail = it.prev
	}
	it.listed, it.prev, it.next = false, nil, nil
}

// answered takes the ACK or RST for the copy with this message ID. It returns the item
// and the copy's sequence number, or nil for a copy that is not known (any more).
func (r *recovery) answered(now time.Time, id uint16) (*item, uint64) {
	p := r.packets.take(id)
	if p.item == nil {
		return nil, 0
	}
	if !r.sameID || p.sequence == p.item.sequence { // else it may answer another copy
		sample := now.Sub(p.at)
		r.rtt.Update(sample)
		r.counters.sample(sample)
	}
	r.listen(now)
	if p.item.copies > 0 {
		p.item.copies--
		r.flight--
	}
	r.grow(p.sequence)
	r.suspect(now, p.sequence)
	return p.item, p.sequence
}

// listen notes that the peer was heard, which restarts the time-out.
func (r *recovery) listen(now time.Time) {
	r.met, r.heard, r.silent, r.base = true, true, 0, now
	r.finish(&r.ping)
	if r.tail != nil && !r.rtt.congested() { // what is heard was sent a round trip ago
		r.base = now.Add(-min(now.Sub(r.tail.at), r.rtt.smoothed))
	}
	r.timeout = r.shortest()
}

// suspect has copies older than sequence looked at when the lag has passed.
func (r *recovery) suspect(now time.Time, sequence uint64) {
	if r.head == nil || r.head.sequence >= sequence {
		return // nothing is older
	}
	switch at := now.Add(r.rtt.lag()); {
	case !r.suspects():
		r.lossSequence, r.lossAt = sequence, at
		r.laterAnswer, r.laterAt = 0, time.Time{}
	case sequence > max(r.lossSequence, r.laterAnswer):
		r.laterAnswer, r.laterAt = sequence, at
	}
}

// suspects tells whether there is something to look for at lossAt.
func (r *recovery) suspects() bool {
	if r.head == nil || r.lossAt.IsZero() {
		return false
	}
	if r.head.sequence >= r.lossSequence { // what was older has been answered
		r.lossSequence, r.lossAt = r.laterAnswer, r.laterAt
		r.laterAnswer, r.laterAt = 0, time.Time{}
	}
	return r.head.sequence < r.lossSequence
}
