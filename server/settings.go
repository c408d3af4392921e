package server

import (
	"fmt"
	"os"
	"time"

	"github.com/pqcoap/pqcoap/internal/config"
	"github.com/pqcoap/pqcoap/server/permission"
	"github.com/pqcoap/pqcoap/server/upstream"
)

// Values of Settings.Echo.
const (
	EchoAuto   = "auto"   // demand a proven address under load
	EchoAlways = "always" // demand it of every handshake
)

// Settings is what server.toml says. Each field is a row of config.Server, which has its range and
// its default.
type Settings struct {
	Listen        string `toml:"listen"`          // UDP address
	Shards        int    `toml:"shards"`          // 0: one a core
	Echo          string `toml:"echo"`            // EchoAuto or EchoAlways
	Anonymous     bool   `toml:"anonymous"`       // devices without a credential
	Audit         bool   `toml:"audit"`           // audit.log
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

	Limits    LimitSettings     `toml:"limits"`    // what the server takes on
	Admin     AdminSettings     `toml:"admin"`     // the listener for those who operate it
	Authority AuthoritySettings `toml:"authority"` // credentials of an authority
	Groups    map[string]Group  `toml:"group"`     // by name
	Routes    []upstream.Route  `toml:"route"`     // where requests go that the server does not answer itself
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

func (s *Settings) idle() time.Duration { return time.Duration(s.IdleTimeout) * time.Second }

// Drain is how long handlers have to end at a planned restart.
func (s *Settings) Drain() time.Duration { return time.Duration(s.DrainTimeout) * time.Second }

// rotationsKept is how many ticket keys are needed at once at most: the file holds 16, and there has
// to be room for some that are made by hand.
const rotationsKept = 12

// A Group is what devices have in common.
type Group struct {
	Allow []string `toml:"allow"` // rules of what they may ask for
}

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

// ParseSettings reads the TOML of server.toml. What is wrong with it is said with the line, all of
// it at once.
func ParseSettings(b []byte) (Settings, error) {
	s, _, err := parseSettings(b)
	return s, err
}

func parseSettings(b []byte) (s Settings, lines config.Lines, err error) {
	if err := config.Server.Defaults(&s); err != nil {
		return s, nil, err
	}
	if lines, err = config.Server.Decode(b, &s); err == nil {
		err = s.check(lines)
	}
	if err != nil {
		return s, lines, fmt.Errorf("%w: %w", ErrDir, err)
	}
	return s, lines, nil
}

// check is for what a range in the table cannot say.
func (s *Settings) check(lines config.Lines) error {
	if s.TicketRotation > 0 && s.TicketLifetime > rotationsKept*s.TicketRotation {
		return lines.Problem("ticket_rotation", "ticket_rotation: want at least a part in %d of ticket_lifetime, or 0", rotationsKept)
	}
	if _, err := s.Admin.Address(); err != nil {
		return lines.Problem("admin.listen", "%v", err)
	}
	for name, group := range s.Groups {
		if _, err := permission.Parse(group.Allow); err != nil {
			return lines.Problem("group."+name+".allow", "%v", err)
		}
	}
	return nil
}
