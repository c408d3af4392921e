package registry

import (
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/permission"
)

// Bounds on what a device may have.
const (
	MaxName   = 64 // characters
	MaxGroups = 32
	MaxAllow  = 64
)

// A State says whether a device is let in.
type State uint8

const (
	Enrolled  State = iota // and never seen
	Active                 // and seen
	Suspended              // not let in until it is resumed
	Revoked                // for good: the name stays taken until it is removed
)

var stateNames = [...]string{"enrolled", "active", "suspended", "revoked"}

// String returns the name of the state.
func (s State) String() string {
	if int(s) >= len(stateNames) {
		return fmt.Sprintf("state %d", uint8(s))
	}
	return stateNames[s]
}

// ParseState is the inverse of String.
func ParseState(text string) (State, error) {
	for i, name := range stateNames {
		if name == text {
			return State(i), nil
		}
	}
	return 0, fmt.Errorf("%w: state: want enrolled, active, suspended or revoked", ErrInvalid)
}

// An Origin says how a device was enrolled.
type Origin uint8

const (
	Operator  Origin = iota // by a command
	Code                    // by an invitation
	Authority               // by the first use of a credential that an authority has signed
)

var originNames = [...]string{"operator", "code", "authority"}

// String returns the name of the origin.
func (o Origin) String() string {
	if int(o) >= len(originNames) {
		return fmt.Sprintf("origin %d", uint8(o))
	}
	return originNames[o]
}

// ParseOrigin is the inverse of String.
func ParseOrigin(text string) (Origin, error) {
	for i, name := range originNames {
		if name == text {
			return Origin(i), nil
		}
	}
	return 0, fmt.Errorf("%w: origin: want operator, code or authority", ErrInvalid)
}

// A Device is one that may connect, and how it proves who it is. Times are whole seconds, in UTC,
// and zero where there is none.
type Device struct {
	Name      string // 1 to 64 letters, digits, "-", "_", "." and ":"
	Suite     handshake.Suite
	PublicKey *handshake.PublicKey // of the suite; nil where the device has a PSK
	PSK       *handshake.PSK
	Groups    []string // named as devices are
	Allow     []string // rules of package permission
	State     State
	Origin    Origin
	Expires   time.Time // of its newest credential of an authority; of the code, where it is invited
	Enrolled  time.Time
	FirstSeen time.Time
	LastSeen  time.Time
	Authority [8]byte // ID of the key that has signed its newest credential; zero: none
	ServerKey [8]byte // kid_S of the server's key that it has gone by last; zero: not known

	// Enrolling says that this is an invitation: PSK is that of the code, with which the device may
	// do nothing but hand in its key, see Redeem.
	Enrolling bool
}

// bare tells of a name that was barred before anybody had it.
func (d *Device) bare() bool { return d.PSK == nil && d.PublicKey == nil }

// Credential is what the device sends to be found. That of a bare name is zero.
func (d *Device) Credential() handshake.ClientCredential {
	switch {
	case d.PSK != nil:
		return handshake.ClientCredential{Mode: handshake.ModePSK, ID: d.PSK.ID}
	case d.PublicKey == nil:
		return handshake.ClientCredential{}
	}
	return handshake.ClientCredential{Mode: handshake.ModeKEM, ID: d.PublicKey.DeviceID()}
}

// Status is the state in a word: that of a device, or "invited".
func (d *Device) Status() string {
	if d.Enrolling {
		return "invited"
	}
	return d.State.String()
}

// check holds a device to what the registry may contain.
func (d *Device) check() error {
	switch {
	case (d.PublicKey == nil) == (d.PSK == nil):
		return fmt.Errorf("%w: %s: needs either a public key or a PSK", ErrInvalid, shown(d.Name))
	case d.PublicKey != nil && d.PublicKey.Suite() != d.Suite:
		return fmt.Errorf("%w: %s: the key is of another suite", ErrInvalid, shown(d.Name))
	case d.PSK != nil && d.PSK.Key == handshake.PSKKey{}:
		return fmt.Errorf("%w: %s: the PSK is all zeros", ErrInvalid, shown(d.Name))
	case d.Enrolled.IsZero():
		return fmt.Errorf("%w: %s: needs the time of its enrolment", ErrInvalid, shown(d.Name))
	case int(d.State) >= len(stateNames) || int(d.Origin) >= len(originNames) || d.Enrolling:
		return fmt.Errorf("%w: %s: no device is in this state", ErrInvalid, shown(d.Name))
	}
	return checkPolicy(d.Name, d.Suite, d.Groups, d.Allow)
}

// checkPolicy holds what a device and an invitation have in common.
func checkPolicy(name string, suite handshake.Suite, groups, allow []string) error {
	switch {
	case !ValidName(name):
		return fmt.Errorf("%w: %s: a name has %s", ErrInvalid, shown(name), nameRule)
	case !suite.Valid():
		return fmt.Errorf("%w: %s: there is no such suite", ErrInvalid, name)
	case len(groups) > MaxGroups || len(allow) > MaxAllow:
		return fmt.Errorf("%w: %s: has more than %d groups or %d rules", ErrInvalid, name, MaxGroups, MaxAllow)
	}
	for i, group := range groups {
		if !ValidName(group) {
			return fmt.Errorf("%w: %s: group %d: a name has %s", ErrInvalid, name, i+1, nameRule)
		}
	}
	if _, err := permission.Parse(allow); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInvalid, name, err)
	}
	return nil
}

var nameRule = fmt.Sprintf("1 to %d letters, digits, \"-\", \"_\", \".\" and \":\"", MaxName)

// shown is a name in an error, also one that is none.
func shown(name string) string {
	if ValidName(name) {
		return name
	}
	return fmt.Sprintf("device %.64q", name)
}

// ValidName tells whether a text can be the name of a device or of a group.
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > MaxName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '-' || c == '_' || c == '.' || c == ':':
		default:
			return false
		}
	}
	return true
}
