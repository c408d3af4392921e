package coap

import (
	"encoding/binary"
	"errors"
	"time"
)

// ErrState says that bytes are not what AppendState has written.
var ErrState = errors.New("coap: not the state of a connection")

const (
	stateVersion = 1
	// stateSize is that of: version, token, newest token of the peer, its window, Observe,
	// limit, and the three times of the RTT in µs.
	stateSize = 1 + 8 + 8 + tokenWindowSize/8 + 4 + 2 + 3*4
)

// Quiet tells whether nothing is under way: no request of either side, no acknowledgement to
// be sent. Observations do not count.
func (c *Conn) Quiet() bool {
	s := &c.server
	for _, x := range c.open {
		if !x.idle() {
			return false
		}
	}
	return len(c.queue) == 0 && len(s.entries) == s.answered+len(s.observed) && c.recovery.head == nil
}

// Observes tells whether there is an observation, of either side.
func (c *Conn) Observes() bool { return len(c.server.observed) > 0 || len(c.byID) > 0 }

// AtRest tells whether AppendState leaves nothing out: nothing is under way, nobody observes, and no
// answer is kept for a repeated request.
func (c *Conn) AtRest() bool {
	return c.Quiet() && !c.Observes() && len(c.server.entries) == 0 && len(c.events) == 0
}

// AppendState appends what a Conn has to know after a pause in which its program did not run:
// which tokens have been used, and what was learnt of the path. What is under way, and
// observations, are not in it.
func (c *Conn) AppendState(b []byte) []byte {
	b = append(b, stateVersion)
	b = binary.BigEndian.AppendUint64(b, c.token)
	b = binary.BigEndian.AppendUint64(b, c.server.seen.newest)
	for _, w := range c.server.seen.seen {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	b = binary.BigEndian.AppendUint32(b, c.server.value)
	b = binary.BigEndian.AppendUint16(b, uint16(min(c.size.limit, 1<<16-1)))
	for _, d := range []time.Duration{c.recovery.rtt.smoothed, c.recovery.rtt.variation, c.recovery.rtt.lowest} {
		b = binary.BigEndian.AppendUint32(b, uint32(min(d.Microseconds(), 1<<32-1)))
	}
	return b
}

// Restore makes a new Conn go on from a state. ErrState if it is none.
func (c *Conn) Restore(state []byte) error {
	if len(state) != stateSize || state[0] != stateVersion {
		return ErrState
	}
	s := state[1:]
	number := func(size int) (n uint64) {
		for _, octet := range s[:size] {
			n = n<<8 | uint64(octet)
		}
		s = s[size:]
		return n
	}
	c.token, c.server.seen.newest = number(8), number(8)
	for i := range c.server.seen.seen {
		c.server.seen.seen[i] = number(8)
	}
	c.server.value = uint32(number(4)) & observeMask
	c.size.limit = min(max(int(number(2)), c.config.MinMessage), c.config.MaxMessage)
	times := [3]time.Duration{}
	for i := range times {
		times[i] = time.Duration(number(4)) * time.Microsecond
	}
	rtt := RTT{smoothed: times[0], variation: times[1], lowest: times[2]}
	c.recovery.rtt, c.recovery.met, c.recovery.heard = rtt, false, true
	return nil
}
