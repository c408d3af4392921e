package session

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

// Errors that end a device's session or one of its requests.
var (
	// ErrClosed: the session has ended, by what end is in the text of those that wrap it.
	ErrClosed     = errors.New("session closed")
	errPeerClosed = fmt.Errorf("%w by the peer", ErrClosed)
	errReplaced   = fmt.Errorf("%w: the device has opened another", ErrClosed)
	errCrowded    = fmt.Errorf("%w: too many sessions without a name in its network", ErrClosed)
	errIdle       = fmt.Errorf("%w: idle", ErrClosed)
	errSilent     = fmt.Errorf("%w: the server is not heard any more", ErrClosed)
	// ErrExhausted: no more keys can follow those that have reached their limit (RFC 9147
	// sections 4.5.3 and 8).
	ErrExhausted = errors.New("session has reached the limit of its keys")
	// ErrReset: the server does not know the session any more (docs/protocol.md section 13).
	ErrReset = fmt.Errorf("%w: the server has forgotten it", ErrClosed)
	// ErrSaved: the session goes on in who restores it.
	ErrSaved = fmt.Errorf("%w: its state has been saved", ErrClosed)
	// ErrUnderWay: a session cannot be saved while requests are open.
	ErrUnderWay = errors.New("requests of the session are under way")
	// ErrHandshakeTimeout: no m2 that opens has come in time.
	ErrHandshakeTimeout = errors.New("handshake: no answer of the server that can be believed")
	// ErrFingerprint: the key that came from GET /hs is not the pinned one. It is a *FingerprintError.
	ErrFingerprint = errors.New("handshake: the key offered is not the one of the pinned fingerprint")
)

// MaxUDPPayload is the largest UDP payload where nothing else is configured: an IPv6 packet
// of 1280 bytes (RFC 8200 section 5) without its headers.
const MaxUDPPayload = 1280 - 48

// leastPayload is the UDP payload that every path carries: an IPv6 packet of 128 bytes.
const leastPayload = 128 - 48

// HandshakeTimeout is the deadline of a handshake (docs/protocol.md section 15).
const HandshakeTimeout = 60 * time.Second

// silence is how long a request has to go unanswered, and nothing else to be heard since it
// was sent, until the server counts as not knowing the session any more.
const silence = 20 * time.Second

// pingAfter is how long an open session waits for the application to send the first record.
const pingAfter = 50 * time.Millisecond

// deviceState is docs/protocol.md section 10.
type deviceState uint8

const (
	fetching    deviceState = iota // has sent GET /hs, waits for cred_S
	handshaking                    // has sent m1, waits for m2
	open                           // m2 has opened; sends and receives records
	closed                         // has ended; err says why
)

// A Device is one session at the side that opens it.
type Device struct {
	handshake.Unprintable
	cfg     DeviceConfig
	state   deviceState
	started time.Time
	err     error

	attempt  attempt            // that of the handshake under way; nil: the next has new keys
	resumer  *handshake.Resumer // attempt, where it is a resumption
	result   *handshake.Result
	trusts   [32]byte   // fingerprint of the server's credential that the session goes back to
	plain    *coap.Conn // carries the handshake, nil after it
	transfer uint64     // its exchange in plain
	deadline time.Time  // of the handshake
	giveUpAt time.Time  // when a resumption is followed by a full handshake; zero: there is none
	retryAt  time.Time  // when an unsealed failure is forgotten; zero: none
	hint     error      // the last unsealed failure
	hints    int
	again    bool // the server's credential has been fetched because the one there was did not do
	checking bool // it is fetched for the error alone

	ch     *channel
	heard  time.Time            // when a record last opened
	asked  map[uint64]time.Time // when the requests that wait were sent
	pingAt time.Time            // when the first record has to leave; zero: it has
	first  uint64               // the ping that is the first record

	scrap  coap.Batch
	events []Event
	next   int
	stats  DeviceStats
}

// NewDevice starts a session: the first datagrams of the handshake go to out.
func NewDevice(now time.Time, cfg DeviceConfig, out *Outbox) (*Device, error) {
	cfg.setDefaults()
	d := &Device{cfg: cfg, started: now, deadline: now.Add(HandshakeTimeout), asked: make(map[uint64]time.Time)}
	d.stats.Started = now
	d.cfg.Server = d.trusted()
	d.plain = coap.NewConn(coap.Config{
		Rand:       cfg.Rand,
		MaxMessage: cfg.MaxUDPPayload,
		MinMessage: leastPayload,
		Limit:      cfg.PathPayload,
		MaxBody:    maxHandshakeBody,
		RTT:        cfg.RTT,
	})
	return d, d.begin(now, out)
}

// begin starts with what is known: a ticket, the server's key, or its fingerprint.
func (d *Device) begin(now time.Time, out *Outbox) error {
	switch {
	case d.resumes():
		return d.post(now, out)
	case d.cfg.Server == nil:
		return d.fetch(now, out)
	}
	return d.initiate(now, out)
}

// Receive takes a datagram of the server and changes it in place. It tells whether a record in it
// opened: where a device has two sessions, what opens in one is not for the other. One that opens
// in neither changes nothing but counters.
func (d *Device) Receive(now time.Time, datagram []byte, out *Outbox) bool {
	switch {
	case len(datagram) == 0 || d.state == closed:
	case isPlain(datagram[0]):
		d.stats.Handshake.received(len(datagram))
		d.receivePlain(now, datagram, out)
	case isRecord(datagram[0]) && d.state == open:
		d.stats.Records.received(len(datagram))
		return d.receiveRecords(now, datagram, out)
	}
	return false
}

// isPlain and isRecord demultiplex by the first byte (docs/protocol.md section 1).
func isPlain(first byte) bool  { return first>>6 == 1 }
func isRecord(first byte) bool { return first>>5 == 1 }

func (d *Device) receiveRecords(now time.Time, datagram []byte, out *Outbox) bool {
	got := d.ch.receive(now, netip.AddrPort{}, netip.Addr{}, datagram)
	if got.opened == 0 && record.IsReset(datagram, d.result.ResetToken) {
		d.end(ErrReset)
		return false
	}
	d.stats.took(got)
	if got.opened > 0 {
		d.heard = now
	}
	d.takeTickets(now)
	d.settle(now, out)
	if d.ch.closed && d.state == open {
		d.end(errPeerClosed)
	}
	return got.opened > 0
}

// Advance does what was due at Deadline.
func (d *Device) Advance(now time.Time, out *Outbox) {
	switch d.state {
	case fetching, handshaking:
		d.advanceHandshake(now, out)
	case open:
		if !d.pingAt.IsZero() && !now.Before(d.pingAt) {
			d.pingAt = time.Time{}
			d.first = d.ch.coap.Ping(now, &d.scrap)
		}
		d.ch.advance(now)
		d.settle(now, out)
	}
}

// Deadline is when Advance has to be called next; zero if never.
func (d *Device) Deadline() time.Time {
	switch d.state {
	case fetching, handshaking:
		return earliest(earliest(d.deadline, d.giveUpAt), earliest(d.retryAt, d.plain.Deadline()))
	case open:
		return earliest(d.pingAt, d.ch.deadline())
	}
	return time.Time{}
}

// earliest is the earlier of two times, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// Request sends a request; its response comes as an EventResponse with the same ID.
func (d *Device) Request(now time.Time, m coap.Message, opt coap.RequestOptions, out *Outbox) (uint64, error) {
	if d.state != open {
		return 0, ErrClosed
	}
	d.pingAt = time.Time{}
	id, err := d.ch.coap.Request(now, m, opt, &d.scrap)
	if err == nil {
		d.asked[id] = now
	}
	d.settle(now, out)
	return id, err
}

// Cancel forgets a request; no event comes for it. Of an observation the server is told.
func (d *Device) Cancel(now time.Time, id uint64, out *Outbox) {
	if d.state == open {
		d.ch.coap.Cancel(now, id, &d.scrap)
		d.settle(now, out)
		d.doubt(now, id)
	}
}

// Close ends the session and tells the server.
func (d *Device) Close(now time.Time, out *Outbox) {
	if d.state == open {
		d.ch.close(now, out, &d.stats.Records)
	}
	d.end(ErrClosed)
}

// Stats is what the session has cost so far.
func (d *Device) Stats() DeviceStats { return d.stats }

// Heard is when a record of the server last opened, zero before the first.
func (d *Device) Heard() time.Time { return d.heard }

// Result is the outcome of the handshake, nil before EventOpen.
func (d *Device) Result() *handshake.Result { return d.result }

// RTT is the current estimate of the round-trip time.
func (d *Device) RTT() coap.RTT {
	if d.ch != nil {
		return d.ch.coap.RTT()
	}
	return d.plain.RTT()
}

// PathPayload is the largest UDP payload that the path is believed to carry.
func (d *Device) PathPayload() int {
	if d.ch != nil {
		return d.ch.payload()
	}
	return d.plain.Limit()
}
