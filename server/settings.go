package server

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/pqcoap/pqcoap/server/upstream"
)

// Values of Settings.Echo.
const (
	EchoAuto   = "auto"   // demand a proven address under load
	EchoAlways = "always" // demand it of every handshake
)

// Settings is what server.toml says.
type Settings struct {
	Listen        string `toml:"listen"`          // UDP address
	Echo          string `toml:"echo"`            // EchoAuto or EchoAlways
	Anonymous     bool   `toml:"anonymous"`       // devices without a credential
	MaxUDPPayload int    `toml:"max_udp_payload"` // bytes
	IdleTimeout   int    `toml:"idle_timeout"`    // s

	Resume         bool `toml:"resume"`           // sessions by ticket
	TicketLifetime int  `toml:"ticket_lifetime"`  // hours from the last full handshake
	TicketRotation int  `toml:"ticket_rotation"`  // hours; 0: no new keys by itself
	ResumeSmall    int  `toml:"resume_small"`     // in a row without a KEM key
	ResumeSmallAge int  `toml:"resume_small_age"` // hours from the last KEM key

	UpdateAfterHours   int `toml:"update_after_hours"`   // age of a session's keys; 0: any
	UpdateAfterRecords int `toml:"update_after_records"` // sealed by them; 0: any number

	SaveSessions bool `toml:"save_sessions"` // over a planned restart
	DrainTimeout int  `toml:"drain_timeout"` // s

	Limits LimitSettings `toml:"limits"` // what the server takes on

	Routes []upstream.Route `toml:"route"` // where requests go that the server does not answer itself
}

// limits are those of resumption.
func (s *Settings) limits() Limits {
	return Limits{
		Lifetime: time.Duration(s.TicketLifetime) * time.Hour,
		Small:    uint8(s.ResumeSmall),
		SmallAge: time.Duration(s.ResumeSmallAge) * time.Hour,
	}
}

// rotation is the age of a ticket key at which it is followed by another; 0: never.
func (s *Settings) rotation() time.Duration { return time.Duration(s.TicketRotation) * time.Hour }

func (s *Settings) update() Update {
	return Update{Age: time.Duration(s.UpdateAfterHours) * time.Hour, Records: uint64(s.UpdateAfterRecords)}
}

// Drain is how long handlers have to end at a planned restart.
func (s *Settings) Drain() time.Duration { return time.Duration(s.DrainTimeout) * time.Second }

const (
	minUDPPayload = 80 // an IPv6 packet of 128 bytes
	maxUDPPayload = 65527
	maxIdle       = 1<<31 - 1
	maxHours      = 10 * 365 * 24
	maxDrain      = 3600
	// rotationsKept is how many ticket keys are needed at once at most: the file holds 16, and
	// there has to be room for some that are made by hand.
	rotationsKept = 12
)

// loadSettings reads server.toml.
func loadSettings(path string) (Settings, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Settings{}, fmt.Errorf("%w: %w", ErrDir, err)
	}
	s, err := ParseSettings(b)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// ParseSettings reads the TOML of server.toml.
func ParseSettings(b []byte) (Settings, error) {
	s := Settings{
		Listen: ":5688", Echo: EchoAuto, MaxUDPPayload: 1232, IdleTimeout: 172800,
		Resume: true, TicketLifetime: 720, TicketRotation: 72, ResumeSmall: 16, ResumeSmallAge: 168,
		SaveSessions: true, DrainTimeout: 10, Limits: defaultLimits(),
	}
	meta, err := toml.Decode(string(b), &s)
	if err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return s, fmt.Errorf("%w: line %d: not TOML, or a value of the wrong type", ErrDir, at.Position.Line)
		}
		return s, fmt.Errorf("%w: a value has the wrong type: want text in quotes, true or false, or a whole number", ErrDir)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return s, fmt.Errorf("%w: unknown key %q: the keys, also of [[route]], are in the file that pqcoap-server init writes", ErrDir, unknown[0].String())
	}
	return s, s.check()
}

// A settingRange is a whole number and its bounds.
type settingRange struct {
	key                string
	value, least, most int
}

func (s *Settings) check() error {
	switch {
	case s.Listen == "":
		return fmt.Errorf("%w: listen: want an address such as \":5688\"", ErrDir)
	case s.Echo != EchoAuto && s.Echo != EchoAlways:
		return fmt.Errorf("%w: echo: want \"auto\" or \"always\"", ErrDir)
	}
	for _, n := range append(s.Limits.ranges(), []settingRange{
		{"max_udp_payload", s.MaxUDPPayload, minUDPPayload, maxUDPPayload},
		{"idle_timeout", s.IdleTimeout, 1, maxIdle},
		{"ticket_lifetime", s.TicketLifetime, 1, maxHours},
		{"ticket_rotation", s.TicketRotation, 0, maxHours},
		{"resume_small", s.ResumeSmall, 0, 255},
		{"resume_small_age", s.ResumeSmallAge, 0, maxHours},
		{"update_after_hours", s.UpdateAfterHours, 0, maxHours},
		{"update_after_records", s.UpdateAfterRecords, 0, 1<<31 - 1},
		{"drain_timeout", s.DrainTimeout, 0, maxDrain},
	}...) {
		if n.value < n.least || n.value > n.most {
			return fmt.Errorf("%w: %s: want %d to %d", ErrDir, n.key, n.least, n.most)
		}
	}
	if s.TicketRotation > 0 && s.TicketLifetime > rotationsKept*s.TicketRotation {
		return fmt.Errorf("%w: ticket_rotation: want at least a part in %d of ticket_lifetime, or 0", ErrDir, rotationsKept)
	}
	return nil
}
