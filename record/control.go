package record

import "time"

// ControlConfig says when a Control replaces keys. The zero value does so at the limits of
// the AEAD only.
type ControlConfig struct {
	// MaxAge and MaxRecords bound the use of a sending key; 0 is no bound. Age is looked at
	// when something is received or sent, so that it never wakes an idle link.
	MaxAge     time.Duration
	MaxRecords uint64
	// Grace is how long the records of an epoch are still read after the first of the next;
	// 0 is DefaultGrace.
	Grace time.Duration
}

const (
	// DefaultGrace is the MSL of RFC 793, at most which RFC 9147 section 4.2.1 wants keys of
	// the past to be kept.
	DefaultGrace = 2 * time.Minute
	// updateInterval is the least time between two updates of the peer that are accepted: each
	// costs a derivation and an ACK.
	updateInterval = time.Second
	// Retransmission (RFC 9147 section 5.8.2). After maxTries the peer sleeps or is gone: what
	// waits goes out again when it is heard.
	initialTimeout = time.Second
	maxTimeout     = time.Minute
	maxTries       = 8
	// maxACKs are the records acknowledged at once; of more the oldest are left out and come again.
	maxACKs = 8
	// sentMemory is how many of its records a message can be acknowledged by.
	sentMemory = maxTries
)

// An EventKind says what a record has changed.
type EventKind uint8

const (
	EventNone            EventKind = iota
	EventSendEpoch                 // our KeyUpdate has arrived: Event.Epoch is used from now on
	EventReceiveEpoch              // the peer updates: records of Event.Epoch are read from now on
	EventTicket                    // Event.Body is that of a NewSessionTicket
	EventTicketDelivered           // our NewSessionTicket has arrived
)

// An Event is what a record has changed.
type Event struct {
	Kind  EventKind
	Epoch uint64
	Body  []byte // aliases the record
}

// A Control exchanges the messages after the handshake over a Conn and moves its epochs: key
// updates (RFC 9147 section 8) and tickets, with their acknowledgements (section 7). Give every
// record that has opened to Handle, and after that, after Update and Ticket, and at Deadline, call
// Advance and then Append if Pending says so.
//
// One message at a time is on its way. Its sender repeats it until it is acknowledged, and only
// then goes on to the next epoch. A Control is not safe for concurrent use.
type Control struct {
	conn    *Conn
	cfg     ControlConfig
	timeout time.Duration

	// Sending.
	message uint32 // message_seq of the next message, over 16 bits when they are used up
	out     outgoing
	ticket  []byte // waits for its turn
	update  bool   // a KeyUpdate waits for its turn
	request bool   // and asks for one of the peer
	since   time.Time
	asked   uint64 // receiving epoch whose failures we have asked to be relieved of

	// Receiving.
	expected uint32 // message_seq
	acks     Acknowledgement
	updated  time.Time // when the last KeyUpdate of the peer was accepted
	dropAt   time.Time // when the older receiving epoch closes; zero: not before the newer is heard
}

// An outgoing is the message on its way.
type outgoing struct {
	Message
	epoch uint64
	sent  []uint64 // numbers of its last records
	tries int
	due   time.Time // zero: when the peer is heard
}

func (o *outgoing) active() bool { return o.Type != 0 }

func (o *outgoing) requests() bool { return o.Type == KeyUpdate && o.Body[0] == updateRequested }

// request_update of a KeyUpdate (RFC 8446 section 4.6.3).
const (
	updateNotRequested = 0
	updateRequested    = 1
)

// NewControl returns the Control of a session that begins now.
func NewControl(conn *Conn, cfg ControlConfig, now time.Time) *Control {
	if cfg.Grace == 0 {
		cfg.Grace = DefaultGrace
	}
	return &Control{conn: conn, cfg: cfg, timeout: initialTimeout, since: now}
}

// SetTimeout sets how long an acknowledgement is waited for before a message is repeated for the
// first time: 1.5 times the round trip, where that is known (RFC 9147 section 5.8.2). It doubles
// from one repeat to the next, up to a minute.
func (c *Control) SetTimeout(d time.Duration) {
	c.timeout = min(max(d, 10*time.Millisecond), maxTimeout)
}

// Update asks for a new sending key, and with both for one of the peer as well. Asking again
// before that is done changes nothing.
func (c *Control) Update(both bool) {
	if c.updating() && (!both || c.request || c.out.requests()) {
		return
	}
	c.update = true
	c.request = c.request || both
}

// updating reports that a KeyUpdate is on its way or waits.
func (c *Control) updating() bool { return c.update || c.out.Type == KeyUpdate }

// Ticket sends a NewSessionTicket. One that still waits for its turn is replaced. The body is
// copied; ErrTooLarge is for more than MaxBody, which no datagram carries.
func (c *Control) Ticket(body []byte) error {
	if len(body) > MaxBody {
		return ErrTooLarge
	}
	c.ticket = append(make([]byte, 0, len(body)), body...)
	return nil
}

// check asks for new keys where the old are used up or old.
func (c *Control) check(now time.Time) {
	if c.conn.receiveNear() && c.asked != c.conn.receive[0].epoch {
		c.asked = c.conn.receive[0].epoch
		c.Update(true)
	}
	if c.updating() {
		return
	}
	n, limit := c.conn.send.next, c.cfg.MaxRecords
	if c.conn.sendNear() || limit > 0 && n >= limit || c.cfg.MaxAge > 0 && now.Sub(c.since) >= c.cfg.MaxAge {
		c.Update(false)
	}
}

// Deadline is when Append or Advance has something to do, zero if nothing is waited for.
func (c *Control) Deadline() time.Time {
	d := c.out.due
	if d.IsZero() || !c.dropAt.IsZero() && c.dropAt.Before(d) {
		return firstOf(c.dropAt, d)
	}
	return d
}

func firstOf(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// Advance closes the older receiving epoch when its time has come.
func (c *Control) Advance(now time.Time) {
	if !c.dropAt.IsZero() && !now.Before(c.dropAt) {
		c.conn.dropOld()
		c.dropAt = time.Time{}
	}
}
