package session

import (
	"io"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
)

// A Client is a device as the server's policy knows it.
type Client struct {
	Name string               // empty in mode none
	Key  *handshake.PublicKey // mode kem
	PSK  *handshake.PSK       // mode psk
	// Until is when the Authorizer has to be asked again: see EventDue. Zero: never.
	Until time.Time
}

// An Authorizer decides about the credential that a sealed_1 named: where that has a Token, it
// verifies that, and returns the key in it. Once a session is open, and to resume one, it is
// asked by DeviceID. It runs off the packet loop, many at once. An error that is a *handshake.Refusal says what the device is told;
// any other error is told as "credential not accepted".
type Authorizer func(suite handshake.Suite, c handshake.ClientCredential) (Client, error)

// Default limits of a ServerConfig.
const (
	DefaultMaxHalfOpen = 4096
	DefaultMaxSessions = 1 << 20
	DefaultIdleTimeout = 48 * time.Hour // docs/protocol.md section 15
	DefaultRestAfter   = 10 * time.Second
	DefaultMaxAwake    = 1 << 15
	halfOpenTimeout    = 60 * time.Second
	digestMemory       = 60 * time.Second // after confirmation
	busyRetry          = 5 * time.Second
)

// DefaultLimits of resumption (docs/protocol.md section 15).
var DefaultLimits = handshake.Limits{Lifetime: 30 * 24 * time.Hour, Small: 16, SmallAge: 7 * 24 * time.Hour}

// ServerConfig is what a Server needs. The secrets are random and outlive restarts.
type ServerConfig struct {
	handshake.Unprintable
	Identities []handshake.Identity // of the suites offered; see [handshake.NewResponder] for their order
	Authorize  Authorizer
	Rand       io.Reader

	Echo       *coap.EchoKeys
	AlwaysEcho bool
	ResetKey   [32]byte
	Era        uint32 // counts the starts of the server under one ResetKey

	Tickets *handshake.TicketKeys // nil: sessions cannot be resumed
	Limits  handshake.Limits      // of resumption; zero: DefaultLimits
	Update  Update

	MaxUDPPayload int                     // bytes; 0: MaxUDPPayload
	MaxBody       int                     // of a request, bytes; 0: coap's default
	Forward       bool                    // see [coap.Config]
	Stream        func(*coap.Message) int // see [coap.Config]; may be nil
	MaxHalfOpen   int                     // 0: DefaultMaxHalfOpen
	MaxSessions   int                     // 0: DefaultMaxSessions
	IdleTimeout   time.Duration           // 0: DefaultIdleTimeout

	Admission admission.Config // zero: admission.Default

	RestAfter time.Duration // that nothing is heard or under way; 0: DefaultRestAfter
	MaxAwake  int           // sessions awake, beyond which more rest; 0: DefaultMaxAwake
	// Rest, unless nil, is asked before a session goes to rest. It lets go of what Owner holds; or
	// it says no, and is asked again.
	Rest func(*Session) bool

	// Group is what it has in common with the other shards of its port; nil: it is alone. Bounds by
	// number and rate are for all shards together, and each has its part.
	Group *Group
	Shard int // which one it is

	pool     *coap.Pool // of all sessions
	counters *coap.Counters
}

func (c *ServerConfig) setDefaults() {
	if c.Group == nil {
		c.Group = NewGroup(1)
	}
	if c.MaxUDPPayload == 0 {
		c.MaxUDPPayload = MaxUDPPayload
	}
	if c.MaxHalfOpen == 0 {
		c.MaxHalfOpen = DefaultMaxHalfOpen
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = DefaultMaxSessions
	}
	if c.Limits == (handshake.Limits{}) {
		c.Limits = DefaultLimits
	}
	if c.Admission == (admission.Config{}) {
		c.Admission = admission.Default
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = DefaultIdleTimeout
	}
	if c.RestAfter == 0 {
		c.RestAfter = DefaultRestAfter
	}
	if c.MaxAwake == 0 {
		c.MaxAwake = DefaultMaxAwake
	}
	c.pool = new(coap.Pool)
	c.MaxHalfOpen, c.MaxAwake = c.Group.part(c.MaxHalfOpen), c.Group.part(c.MaxAwake)
	c.Admission = c.Admission.Part(c.Group.shards)
}

// coapConfig is that of a session with a device that takes UDP payloads up to a size.
func (c *ServerConfig) coapConfig(payload uint16) coap.Config {
	return coap.Config{
		Rand:       c.Rand,
		MaxMessage: payloadLimit(c.MaxUDPPayload, handshake.Parameters{MaxUDPPayload: payload}),
		MaxBody:    c.MaxBody,
		Stream:     c.Stream,
		Forward:    c.Forward,
		Pool:       c.pool,
		Counters:   c.counters,
	}
}
