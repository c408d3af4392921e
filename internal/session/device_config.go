package session

import (
	"io"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// DeviceConfig says whom a device trusts and who it is.
type DeviceConfig struct {
	Server      *handshake.ServerCredential // pinned whole, or nil and:
	Suite       handshake.Suite
	Fingerprint [32]byte // SHA-256 of cred_S, fetched by GET /hs
	// Former is the fingerprint of a key that Server has followed: sessions and tickets of it are
	// gone on with. Zero: none.
	Former [32]byte
	// FirstUse takes the place of a pin: the key that is fetched is trusted, whatever it is. Who has
	// met the server pins the key that it had.
	FirstUse bool

	// Verify takes the place of a pin: it takes what an authority has given to the server, is
	// still valid, and for a key of Suite. Without a Server that it takes the device fetches one.
	Verify func(token []byte) (*handshake.ServerCredential, error)

	Key   *handshake.PrivateKey // mode kem
	Token []byte                // of Key, from an authority that the server trusts; nil: none
	PSK   *handshake.PSK        // mode psk; both keys nil: mode none

	// Resume is tried first: it is used up by NewDevice. nil: a full handshake.
	Resume    *handshake.ResumptionState
	Ephemeral bool // resume with a KEM key, forward secret
	Update    Update

	MaxUDPPayload int           // bytes; 0: MaxUDPPayload
	PathPayload   int           // what the path was found to carry, bytes; 0: nothing is known
	IdleTimeout   time.Duration // told to the server; 0: not told
	Forward       bool          // see coap.Config
	Rand          io.Reader

	MaxBody int                     // of a body held, bytes; 0: coap's default
	Stream  func(*coap.Message) int // see [coap.Config]; may be nil

	Echo []byte   // remembered from an earlier m2, or nil
	RTT  coap.RTT // remembered, or zero
}

func (c *DeviceConfig) setDefaults() {
	if c.MaxUDPPayload == 0 {
		c.MaxUDPPayload = MaxUDPPayload
	}
}
