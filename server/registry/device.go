package registry

import (
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// MaxName is the longest name of a device, in characters.
const MaxName = 64

// A Device is one that may connect, and how it proves who it is.
type Device struct {
	Name      string // 1 to 64 letters, digits, "-", "_", "." and ":"
	Suite     handshake.Suite
	PublicKey *handshake.PublicKey // of the suite; nil where the device has a PSK
	PSK       *handshake.PSK
	Enrolled  time.Time
}

// Credential is what the device sends to be found.
func (d *Device) Credential() handshake.ClientCredential {
	if d.PSK != nil {
		return handshake.ClientCredential{Mode: handshake.ModePSK, ID: d.PSK.ID}
	}
	return handshake.ClientCredential{Mode: handshake.ModeKEM, ID: d.PublicKey.DeviceID()}
}

// check holds a device to what the file may contain.
func (d *Device) check() error {
	switch {
	case !validName(d.Name):
		return fmt.Errorf("%w: a name has 1 to %d letters, digits, \"-\", \"_\", \".\" and \":\"", ErrInvalid, MaxName)
	case !d.Suite.Valid():
		return fmt.Errorf("%w: %s: there is no such suite", ErrInvalid, d.Name)
	case (d.PublicKey == nil) == (d.PSK == nil):
		return fmt.Errorf("%w: %s: needs either a public key or a PSK", ErrInvalid, d.Name)
	case d.PublicKey != nil && d.PublicKey.Suite() != d.Suite:
		return fmt.Errorf("%w: %s: the key is of another suite", ErrInvalid, d.Name)
	case d.PSK != nil && d.PSK.Key == handshake.PSKKey{}:
		return fmt.Errorf("%w: %s: the PSK is all zeros", ErrInvalid, d.Name)
	case d.Enrolled.IsZero():
		return fmt.Errorf("%w: %s: needs the time of its enrolment", ErrInvalid, d.Name)
	}
	return nil
}

func validName(s string) bool {
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
