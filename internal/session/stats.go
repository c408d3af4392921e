package session

import (
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// Traffic counts UDP payloads.
type Traffic struct {
	DatagramsOut, BytesOut uint64
	DatagramsIn, BytesIn   uint64
	ContentOut, ContentIn  uint64 // bytes of these that are CoAP messages in records
}

func (t *Traffic) sent(n int)     { t.DatagramsOut++; t.BytesOut += uint64(n) }
func (t *Traffic) received(n int) { t.DatagramsIn++; t.BytesIn += uint64(n) }

// DeviceStats is what one session has cost its device.
type DeviceStats struct {
	Handshake Traffic // the plain lane: m1, m2 and all that carries them
	Records   Traffic
	M1, M2    int // bytes of the messages themselves

	Started time.Time // NewDevice
	Opened  time.Time // m2 had opened; zero before

	Resumed  bool   // by a ticket
	Rejected uint64 // records that did not open, or were replayed
	Hints    int    // unauthenticated failures during the handshake
}

// ServerStats counts what one Server has seen.
type ServerStats struct {
	Plain, Records Traffic
	Dropped        uint64 // datagrams that are neither CoAP nor a record
	UnknownID      uint64 // records for no session
	Resets         uint64 // stateless resets sent
	Opened         uint64 // records that opened and were new
	Rejected       uint64 // records that did not open
	Replayed       uint64 // records that opened and had been seen, or were too old
	HalfOpened     uint64 // m2 made
	Confirmed      uint64
	Refused        uint64 // sealed refusals
	Failed         uint64 // m1 that did not parse or open
	Repeated       uint64 // m1 answered with the m2 it had got before
	Expired        uint64 // half-open sessions never confirmed
	Updates        uint64 // epochs that sessions have begun, in either direction

	ConfirmedBy Handshakes
	RefusedBy   Refusals
	FailedBy    Failures
	Handshake   coap.Spans    // from an m1 that is complete to the first record
	CoAP        coap.Counters // of the sessions

	// Not taken on, by the limit that was met.
	OverUnproven   uint64 // m1 of unproven addresses beyond their rate: asked for an Echo; of suspects
	OverProven     uint64 // m1 of proven addresses beyond their rate
	OverResumed    uint64 // m1r beyond their rate
	OverDevice     uint64 // sealed refusals for sessions of one device, or without a name, opened before
	OverAnonymous  uint64 // sessions without a name that came first to a full network
	OverRequests   uint64 // requests beyond the rate of their device
	NoRoom         uint64 // m1 and m1r without a place among the half-open, or all, sessions
	DeviceHalfOpen uint64 // half-open sessions that made way for newer ones of their device
	BadTickets     uint64 // m1r that did not open
	Junk           uint64 // m1 of proven addresses that did not open
	ResetsWithheld uint64 // stateless resets beyond their rate

	Woken    uint64 // sessions at rest that a record or the application has woken
	Rested   uint64 // sessions that have gone to rest
	Evicted  uint64 // of these, those that had to, since too many were awake
	Sessions int    // confirmed, now
	Awake    int    // of these
	Resting  int    // of these
	HalfOpen int    // now
}

// took counts what a datagram of records has brought.
func (s *DeviceStats) took(d delivery) {
	s.Rejected += uint64(d.rejected + d.replayed)
	s.Records.ContentIn += uint64(d.content)
}

func (s *ServerStats) took(d delivery) {
	s.Opened += uint64(d.opened)
	s.Rejected += uint64(d.rejected)
	s.Replayed += uint64(d.replayed)
	s.Updates += uint64(d.updates)
	s.Records.ContentIn += uint64(d.content)
}

// Handshakes counts sessions that were confirmed, by [handshake.Suite], [handshake.Mode], and
// whether a ticket has led to them: 1.
type Handshakes [handshake.MLKEM1024 + 1][handshake.ModePSK + 1][2]uint64

func (h *Handshakes) add(s *Session) {
	h[s.Suite()][s.Mode()][count(s.resumed)]++
}

// Refusals counts sealed refusals by [handshake.RefusalCode]; 0: any other.
type Refusals [handshake.RefusedTicket + 1]uint64

func (r *Refusals) add(c handshake.RefusalCode) {
	if int(c) >= len(r) {
		c = 0
	}
	r[c]++
}

// Failures counts m1 and m1r that were answered outside of any session, by what was wrong.
type Failures struct {
	Malformed uint64
	Unopened  uint64 // or of a key that the server does not have
	Busy      uint64 // beyond a limit
	Internal  uint64
}

func (f *Failures) add(c codes.Code) {
	switch c {
	case codes.BadRequest:
		f.Malformed++
	case codes.Unauthorized:
		f.Unopened++
	case codes.ServiceUnavailable:
		f.Busy++
	default:
		f.Internal++
	}
}
