package coap

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

var (
	// ErrTimeout says that an exchange did not end in its time.
	ErrTimeout = errors.New("coap: exchange timed out")
	// ErrReset says that the peer rejected a request with RST.
	ErrReset = errors.New("coap: request reset by peer")
	// ErrTooLarge says that a body exceeds Config.MaxBody, or a header its datagram.
	ErrTooLarge = errors.New("coap: message too large")
	// ErrBusy says that too many requests wait already.
	ErrBusy = errors.New("coap: too many requests")
	// ErrTransfer says that the peer's answers to the blocks of a transfer contradict
	// each other.
	ErrTransfer = errors.New("coap: block-wise transfer failed")
	// ErrUnknownRequest says that a request is not waiting for a response.
	ErrUnknownRequest = errors.New("coap: no such request")
)

const (
	nstart      = 16   // exchanges open at once (RFC 7252 section 4.7)
	maxQueue    = 1024 // requests that wait for one of them
	tokenSpread = tokenWindowSize / 2
	tagSize     = 3
	feedAfter   = 2 // time-outs in a row, on the plain lane

	defaultMaxBody    = 1 << 20
	defaultMaxMessage = 1152 // RFC 7252 section 4.6
	defaultTimeout    = 60 * time.Second
)

// A Config says what a Conn is for.
type Config struct {
	// Secure: messages travel inside records, both ends send requests, and a token names
	// an exchange. Otherwise it is a device's side of the plain lane, which only sends
	// requests, under tokens and Request-Tags that nobody can guess.
	Secure bool
	// Peer: plain CoAP with a program that is not ours, over a path that is trusted, such as
	// loopback. Both ends send requests, one block at a time, all copies of a message have
	// one message ID, and a peer's tokens may be any.
	Peer bool
	// Forward: a request with critical options that are not known but safe to forward is
	// delivered nevertheless, and a response whatever options it has, for a proxy (RFC 7252
	// section 5.7.1), which has to look at them.
	Forward    bool
	Rand       io.Reader // must not fail
	MaxMessage int       // bytes of the largest message that fits a datagram; 1152 if 0
	MinMessage int       // what every path carries, bytes; 80 if 0
	Limit      int       // what the path was found to carry; MaxMessage if 0
	MaxBody    int       // bytes of the largest body held, in either direction; 1 MiB if 0
	RTT        RTT       // what is known of the path
	// Stream, inside records, looks at the first block of a request that comes, and says how
	// many bytes of body the application takes by EventRequestBody, 0 for none.
	Stream func(m *Message) (max int)
	// Pool, where it is not nil, keeps memory for the requests of all Conns that have it.
	Pool *Pool
	// Counters, where it is not nil, counts for all Conns that have it.
	Counters *Counters
}

// A Conn is all CoAP state toward one peer: message layer, block-wise transfer in both
// roles and loss recovery. It does no I/O: datagrams and the time go in, datagrams are
// appended to the caller's Batch, and Next tells what happened. After every call that
// takes a Batch, send it; call Advance when Deadline has come. A Conn is not safe for
// concurrent use.
type Conn struct {
	config   Config
	recovery recovery
	size     sizing
	events   []Event
	told     int    // events that Next has returned
	lastID   uint64 // of a request
	token    uint64 // of the newest exchange of ours

	byToken map[uint64]*exchange
	byID    map[uint64]*exchange
	open    []*exchange // started
	queue   []*exchange // waiting for a place
	ready   []*exchange // with something to send that was never sent
	expiry  time.Time   // not later than the first deadline of an exchange

	broken bool // the body of an exchange cannot be read

	latest time.Time // when pump ran

	server serving

	in      Message // what is being received
	scratch Message // what is being sent
	values  []byte  // of options of scratch
}

// NewConn returns the state toward a new peer.
func NewConn(config Config) *Conn {
	if config.MaxMessage == 0 {
		config.MaxMessage = defaultMaxMessage
	}
	if config.MaxBody == 0 {
		config.MaxBody = defaultMaxBody
	}
	switch {
	case config.Peer: // its path carries everything
		config.MinMessage = config.MaxMessage
	case config.MinMessage == 0:
		config.MinMessage = leastMessage
	}
	c := &Conn{config: config, byToken: make(map[uint64]*exchange), byID: make(map[uint64]*exchange)}
	c.size.limit = config.MaxMessage
	if config.Limit > 0 {
		c.size.limit = min(config.Limit, config.MaxMessage)
	}
	c.recovery = newRecovery(config.RTT, config.Rand, uint16(c.random(2)))
	c.recovery.counters = config.Counters
	c.recovery.met = config.Secure && config.RTT.Known() // its handshake has just told
	c.recovery.heard, c.recovery.sameID = c.recovery.heard || config.Peer, config.Peer
	return c
}

// RTT returns what is known of the path by now.
func (c *Conn) RTT() RTT { return c.recovery.rtt }

// trusted tells whether what comes is the peer's: inside records, or where nobody else can
// send. On the plain lane it may be anybody's.
func (c *Conn) trusted() bool { return c.config.Secure || c.config.Peer }

// random returns a number of n random bytes.
func (c *Conn) random(n int) uint64 {
	var b [8]byte
	if _, err := io.ReadFull(c.config.Rand, b[8-n:]); err != nil {
		panic("coap: random source failed: " + err.Error())
	}
	return binary.BigEndian.Uint64(b[:])
}

// EventKind tells what an Event is.
type EventKind uint8

const (
	EventRequest  EventKind = iota + 1 // the peer asks; answer with Respond
	EventResponse                      // the response to a request of ours
	EventFailed                        // a request or ping of ours failed with Err
	EventPong                          // the peer answered a ping
	// EventNotification is a later state of what the request observes (RFC 7641).
	EventNotification
	// EventCancelled says that the observation which Respond has opened has ended: the peer
	// has cancelled it, or Err says why.
	EventCancelled
	// EventBody brings the next bytes of a response whose RequestOptions say Stream. Consumed
	// has to be told when they have been taken.
	EventBody
	// EventRequestBody brings the next bytes of a request that Config.Stream has accepted, or
	// in Err why no more come. ConsumedRequest has to be told when they have been taken.
	EventRequestBody
)

// An Event is something that happened on a Conn. Message belongs to the receiver, but the
// options of an EventRequest are the Conn's again once Respond has answered it. The payload is
// the whole body, and options of the block-wise transfer are removed.
type Event struct {
	Kind    EventKind
	ID      uint64 // of Request or Ping, or what Respond wants
	Message Message
	More    bool // the body, or more of it, comes by EventBody or EventRequestBody
	Err     error
}

// Next returns the oldest event not yet returned.
func (c *Conn) Next() (Event, bool) {
	if len(c.events) == 0 {
		return Event{}, false
	}
	e := c.events[c.told]
	c.events[c.told] = Event{}
	if c.told++; c.told == len(c.events) {
		c.events, c.told = c.events[:0], 0
	}
	return e, true
}

func (c *Conn) emit(e Event) { c.events = append(c.events, e) }

// RequestOptions are what a request may say about itself.
type RequestOptions struct {
	ExpectBody int           // bytes of the response's body if known: its blocks are asked for at once
	Timeout    time.Duration // 60 s if 0; where a body is streamed, from one block to the next
	Echo       []byte        // remembered from before (RFC 9175); the plain lane only
	Body       Body          // instead of the payload of the message
	Stream     bool          // the body of the response comes by EventBody; not on the plain lane
}

// Request sends a request, of which m holds code, options and the whole body. Token,
// type, message ID and the options of block-wise transfer are the Conn's business. It
// keeps what m refers to until the exchange ends with EventResponse or EventFailed.
//
// A GET or FETCH with an Observe option of 0 goes on after its response if that has the
// option too: EventNotification brings what is newer, until one without the option, Cancel
// or EventFailed. A request with a No-Response option other than 0 (RFC 7967) ends with an
// EventResponse of code 0.00 when it has arrived; one that is NonConfirmable besides, and
// fits a datagram, as soon as it has been sent.
func (c *Conn) Request(now time.Time, m Message, o RequestOptions, out *Batch) (uint64, error) {
	if len(c.queue) >= maxQueue {
		return 0, ErrBusy
	}
	c.renew(now)
	x, err := newExchange(c, m, o)
	if err != nil {
		return 0, err
	}
	c.admit(now, x, o.Timeout)
	if x.unanswered && x.whole && m.Type == message.NonConfirmable {
		c.sendOnce(now, x, out)
		return x.id, nil
	}
	c.queue = append(c.queue, x)
	c.pump(now, out)
	return x.id, nil
}

// Ping sends an Empty CON (RFC 7252 section 4.3).
func (c *Conn) Ping(now time.Time, out *Batch) uint64 {
	x := &exchange{conn: c, ping: true, count: 1}
	c.admit(now, x, 0)
	c.start(x)
	c.pump(now, out)
	return x.id
}

func (c *Conn) admit(now time.Time, x *exchange, timeout time.Duration) {
	if timeout == 0 {
		timeout = defaultTimeout
	}
	c.lastID++
	x.id, x.deadline = c.lastID, now.Add(timeout)
	c.byID[x.id] = x
	c.expiry = earlier(c.expiry, x.deadline)
}

// Refetch says that the response delivered for id is not genuine: it is discarded and
// pulled again. That is for the plain lane; elsewhere, and after Cancel or the deadline,
// it does nothing.
func (c *Conn) Refetch(now time.Time, id uint64, out *Batch) {
	if x := c.byID[id]; x != nil && x.delivered {
		x.delivered = false
		x.discard(now)
		c.pump(now, out)
	}
}

// Cancel forgets a request. No event of it follows, unless it waits in Next already. Of an
// observation the peer is told (RFC 7641 section 3.6).
func (c *Conn) Cancel(now time.Time, id uint64, out *Batch) {
	x := c.byID[id]
	switch {
	case x == nil || x.leaving:
	case x.mayObserve():
		x.leave(now)
		c.pump(now, out)
	default:
		c.remove(x)
	}
}

// Receive takes a datagram in. It may be anything on the plain lane; inside records it
// is authentic, but may be late, or repeated.
func (c *Conn) Receive(now time.Time, datagram []byte, out *Batch) {
	err := parse(datagram, &c.in)
	m := &c.in
	switch {
	case err != nil && !errors.Is(err, ErrOption):
		return
	case c.trusted():
		c.recovery.met, c.recovery.heard = true, true // records are authentic: this is no stranger
	}
	switch {
	case m.Code == codes.Empty:
		c.receiveEmpty(now, m, len(datagram), out)
	case isRequest(m.Code):
		c.receiveRequest(now, m, err != nil, out)
	case err == nil && (c.config.Forward || c.understood(m.Options)):
		c.receiveResponse(now, m, len(datagram), out)
	case m.Type == message.Confirmable: // RFC 7252 section 5.4.1
		c.empty(message.Reset, m.MessageID, out)
	}
	c.pump(now, out)
}
