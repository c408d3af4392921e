package session

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

// ErrState says that bytes are no session that can be gone on with: not one at all, of
// another server or identity, or one that the server has forgotten by now.
var ErrState = errors.New("no session to go on with")

const savedVersion = 2

// savedDevice is a session at rest.
type savedDevice struct {
	_         struct{} `cbor:",toarray"`
	Version   int
	Suite     handshake.Suite
	Mode      handshake.Mode
	Server    [32]byte // fingerprint of the key that the session trusts
	Identity  []byte   // of the device
	Records   []byte
	CoAP      []byte
	Reset     [16]byte
	SessionID [16]byte
	Exporter  []byte
	Payload   uint16 // largest that the server takes
	Idle      uint64 // s, for which the server keeps the session
	Heard     int64  // Unix time
}

// identity is what the device authenticates with.
func (c *DeviceConfig) identity() []byte {
	switch {
	case c.Key != nil:
		id := c.Key.Public().DeviceID()
		return id[:]
	case c.PSK != nil:
		return bytes.Clone(c.PSK.ID[:])
	}
	return []byte{}
}

// Save ends the Device, and returns what RestoreDevice makes another of, with which the session
// goes on. It is as secret as the keys. ErrUnderWay while a request of either side is open, and
// before the first record has been answered.
func (d *Device) Save() ([]byte, error) {
	switch {
	case d.state != open:
		return nil, ErrClosed
	case !d.pingAt.IsZero() || !d.ch.coap.Quiet():
		return nil, ErrUnderWay
	}
	state, err := d.ch.control.Export()
	if err != nil {
		return nil, err
	}
	defer state.Wipe()
	b, err := cbor.Marshal(savedDevice{
		Version: savedVersion, Suite: d.result.Suite, Mode: d.result.Mode,
		Server: d.trusts, Identity: d.cfg.identity(),
		Records: state.Bytes(), CoAP: d.ch.coap.AppendState(nil),
		Reset: d.result.ResetToken, SessionID: d.result.SessionID, Exporter: d.result.Exporter,
		Payload: d.result.Peer.MaxUDPPayload, Idle: uint64(d.result.Peer.IdleTimeout / time.Second), Heard: d.heard.Unix(),
	})
	d.end(ErrSaved)
	return b, err
}

// RestoreDevice goes on with a session that was saved, at the time now: EventOpen is its first
// event. The caller has seen to it that the state cannot be used again, also after a crash. The
// configuration must be for the same server and identity; its Resume is left alone. ErrState
// where a handshake has to take its place.
func RestoreDevice(now time.Time, cfg DeviceConfig, state []byte) (*Device, error) {
	var s savedDevice
	if err := cbor.Unmarshal(state, &s); err != nil || s.Version != savedVersion {
		return nil, fmt.Errorf("%w: not one of version %d", ErrState, savedVersion)
	}
	cfg.setDefaults()
	d := &Device{cfg: cfg, started: now, asked: make(map[uint64]time.Time), heard: time.Unix(s.Heard, 0)}
	idle := earliestSpan(time.Duration(s.Idle)*time.Second, cfg.IdleTimeout)
	if s.Idle == 0 { // not told: the default of servers
		idle = earliestSpan(DefaultIdleTimeout, cfg.IdleTimeout)
	}
	switch {
	case cfg.Verify != nil && d.trusted() == nil:
		return nil, fmt.Errorf("%w: the server's credential is not valid any more", ErrState)
	case s.Suite != cfg.Suite || s.Server != d.followed(s.Server) || !bytes.Equal(s.Identity, cfg.identity()):
		return nil, fmt.Errorf("%w: it is of another server or identity", ErrState)
	case now.Sub(d.heard) >= idle || now.Before(d.heard.Add(-clockSkew)):
		return nil, fmt.Errorf("%w: it is too old", ErrState)
	}
	return d, d.wake(now, &s)
}

// clockSkew is how far a clock may have been set back until nothing is believed of times.
const clockSkew = time.Hour

// earliestSpan is the smaller of two spans of which 0 is none.
func earliestSpan(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// wake goes on with the records and the CoAP of a saved session.
func (d *Device) wake(now time.Time, s *savedDevice) error {
	rec, control, err := record.Restore(s.Records, d.cfg.Update.config(), now)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	peer := handshake.Parameters{MaxUDPPayload: s.Payload, IdleTimeout: time.Duration(s.Idle) * time.Second}
	d.ch = wrap(rec, control, coap.Config{
		Rand:       d.cfg.Rand,
		MaxMessage: payloadLimit(d.cfg.MaxUDPPayload, peer),
		MaxBody:    d.cfg.MaxBody,
		Stream:     d.cfg.Stream,
		Forward:    d.cfg.Forward,
	}, &d.scrap)
	if err := d.ch.coap.Restore(s.CoAP); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	d.result = &handshake.Result{
		Suite: s.Suite, Mode: s.Mode, Exporter: s.Exporter, ResetToken: s.Reset, SessionID: s.SessionID, Peer: peer,
	}
	d.state, d.trusts, d.stats.Started, d.stats.Opened = open, s.Server, now, now
	d.events = append(d.events, Event{Kind: EventOpen})
	return nil
}
