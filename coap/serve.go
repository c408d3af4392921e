package coap

import (
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

const (
	entryLifetime = 60 * time.Second // after its last use
	maxAnswered   = tokenWindowSize  // entries that are kept for repeats
	maxUnanswered = 64               // requests being received or handled
	maxParked     = 8                // pulls an entry (protocol section 7.2)
	bodiesHeld    = 4                // times MaxBody, in all entries
)

// serving is the server role of a Conn: one entry an exchange of the peer, found by its
// token, so that a handler sees each request once whatever is repeated.
type serving struct {
	entries map[uint64]*entry
	seen    tokenWindow
	// Entries that may be forgotten, in the order of their last use. Those which a
	// handler works on are not among them.
	oldest, newest *entry
	answered       int      // of them
	held           int      // bytes in all entries
	delayed        []*entry // acknowledgements held back, in the order of ackAt
	observed       []*entry // open observations
	value          uint32   // Observe, of the newest notification of any
	streaming      []*entry // bodies that come as they are taken
	peers
}

type entryState uint8

const (
	entryReceiving entryState = iota // not all blocks are here
	entryHandling                    // the handler has the request
	entryAnswered                    // repeats and pulls are served
)

// An entry is one request of the peer.
type entry struct {
	conn  *Conn
	key   uint64
	state entryState

	request Message // code and options, until it is whole
	kept    []byte  // the values of its options
	options message.Options
	begun   bool // request is set
	body    assembly
	in      *inflow // instead of body, where the application takes it as it comes

	silent   bool  // the request was NON: nothing is acknowledged
	ackID    int32 // of the copy to acknowledge
	ackDue   bool  // that copy waits
	ackAt    time.Time
	separate bool // an Empty ACK has gone out: the response is a message of its own

	parked []Block

	response  Message // with its payload, unless:
	given     source  // the body of the response
	content   representation
	szx       uint8 // of the response's blocks
	blockwise bool
	block1    Block // of the copy that is answered
	hasBlock1 bool
	item      item // the separate response

	observation
	suppress uint32 // No-Response (RFC 7967 section 2.1)
	named           // Config.Peer

	held         int // bytes
	used         time.Time
	older, newer *entry
	linked       bool
}

func (s *serving) deadline() time.Time {
	var at time.Time
	if s.oldest != nil {
		at = s.oldest.used.Add(entryLifetime)
	}
	if len(s.delayed) > 0 {
		at = earlier(at, s.delayed[0].ackAt)
	}
	for _, e := range s.observed {
		at = earlier(at, e.due())
	}
	for _, e := range s.streaming {
		at = earlier(at, e.driesAt())
	}
	return at
}

// serveDue sends the acknowledgements that have waited long enough for a response, and
// forgets entries that were not used for long.
func (c *Conn) serveDue(now time.Time, out *Batch) {
	s := &c.server
	for len(s.delayed) > 0 && !now.Before(s.delayed[0].ackAt) {
		e := s.delayed[0]
		s.settle(e)
		e.separate = true
		c.empty(message.Acknowledgement, e.ackID, out)
	}
	c.notifyDue(now, out)
	c.driesDue(now)
	for s.oldest != nil && !now.Before(s.oldest.used.Add(entryLifetime)) {
		s.forget(s.oldest)
	}
}

// settle takes e out of those whose acknowledgement is held back.
func (s *serving) settle(e *entry) {
	if !e.ackDue {
		return
	}
	e.ackDue = false
	for i, waiting := range s.delayed {
		if waiting == e {
			s.delayed = append(s.delayed[:i], s.delayed[i+1:]...)
			return
		}
	}
}

// entry returns the entry for a token, which it makes if the token is new. known is
// false for a token that was used and is forgotten, and for one that is no number in the
// fewest bytes; e is nil where there is no place.
func (c *Conn) entry(token message.Token) (e *entry, known bool) {
	s, key := &c.server, tokenNumber(token)
	if e = s.entries[key]; e != nil {
		return e, true
	}
	if key == 0 || s.seen.has(key) {
		return nil, false
	}
	if e = c.newEntry(key); e != nil {
		s.seen.add(key)
	}
	return e, true
}

// newEntry returns nil where there is no place.
func (c *Conn) newEntry(key uint64) *entry {
	s := &c.server
	if len(s.entries)-s.answered-len(s.observed) >= maxUnanswered {
		return nil
	}
	if s.entries == nil {
		s.entries = make(map[uint64]*entry)
	}
	e := c.config.Pool.entry()
	e.conn, e.key = c, key
	s.entries[key] = e
	return e
}

// use makes e the one to be forgotten last.
func (s *serving) use(now time.Time, e *entry) {
	s.unlink(e)
	if e.observing {
		return
	}
	e.used, e.older, e.linked = now, s.newest, true
	if s.newest != nil {
		s.newest.newer = e
	} else {
		s.oldest = e
	}
	s.newest = e
	for s.answered > maxAnswered || s.held > bodiesHeld*e.conn.config.MaxBody && s.oldest != e {
		s.forget(s.oldest)
	}
}

func (s *serving) unlink(e *entry) {
	if !e.linked {
		return
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		s.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		s.newest = e.older
	}
	e.older, e.newer, e.linked = nil, nil, false
}

// forget drops e. Its token stays in the window, so that a late repeat is not taken for a
// new request.
func (s *serving) forget(e *entry) {
	s.unlink(e)
	s.settle(e)
	s.hold(e, 0)
	if e.state == entryAnswered {
		s.answered--
	}
	e.conn.recovery.finish(&e.item)
	delete(s.entries, e.key)
	s.unname(e)
	e.given.close()
	s.leave(e)
	e.response, e.content, e.body, e.in = Message{}, representation{}, assembly{}, nil
	e.conn.config.Pool.put(e)
}

// hold sets how many bytes e keeps.
func (s *serving) hold(e *entry, bytes int) {
	s.held += bytes - e.held
	e.held = bytes
}

// tokenWindowSize is how far a token may be behind the newest and still be new.
const tokenWindowSize = 256

// A tokenWindow knows which of the peer's tokens have been used. They count up, so that
// what lies behind the window has been used or given up. The zero value is ready to use.
type tokenWindow struct {
	newest uint64
	seen   [tokenWindowSize / 64]uint64 // ring bitmap
}

func (w *tokenWindow) has(token uint64) bool {
	if token > w.newest {
		return false
	}
	return w.newest-token >= tokenWindowSize || w.seen[token/64%uint64(len(w.seen))]>>(token%64)&1 == 1
}

func (w *tokenWindow) add(token uint64) {
	if token > w.newest {
		for n := range min(token-w.newest, tokenWindowSize) {
			w.set(token-n, false)
		}
		w.newest = token
	}
	w.set(token, true)
}

func (w *tokenWindow) set(token uint64, seen bool) {
	word := &w.seen[token/64%uint64(len(w.seen))]
	*word &^= 1 << (token % 64)
	if seen {
		*word |= 1 << (token % 64)
	}
}
