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
	Sessions       int    // confirmed, now
	HalfOpen       int    // now
}
