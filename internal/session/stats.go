package session

import "time"

// Traffic counts UDP payloads.
type Traffic struct {
	DatagramsOut, BytesOut uint64
	DatagramsIn, BytesIn   uint64
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
	Rejected       uint64 // records that did not open
	Replayed       uint64 // records that opened and had been seen, or were too old
	HalfOpened     uint64 // m2 made
	Confirmed      uint64
	Refused        uint64 // sealed refusals
	Failed         uint64 // m1 that did not parse or open
	Repeated       uint64 // m1 answered with the m2 it had got before
	Expired        uint64 // half-open sessions never confirmed

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
