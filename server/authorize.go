package server

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/server/authority"
	"github.com/pqcoap/pqcoap/server/registry"
)

// notLetIn is all that a device is told, whatever the reason: the operator has that in the audit log.
const notLetIn = "this device is not enrolled here"

// guessRetry is when a device may come again that was not looked up, since somebody guesses codes.
const guessRetry = 5 * time.Second

// enrolling begins the names of sessions that were opened with a code. No device has such a name: so
// the session is not taken for the one of a device, and a code has one at a time.
const enrolling = "enroll/"

// Enrolling tells of the name of a session that was opened with a code.
func isEnrolling(name string) bool { return strings.HasPrefix(name, enrolling) }

// authorize decides about a credential: it looks it up among the devices enrolled, or verifies what
// an authority says of the device. A session ends when what it was opened by does: the code, or the
// credential of an authority where that alone has enrolled the device.
func (d *Dir) authorize(suite handshake.Suite, c handshake.ClientCredential) (Client, error) {
	if c.Mode == handshake.ModeNone {
		if d.settings().Anonymous {
			return Client{}, nil
		}
		return Client{}, deny(errAnonymous, handshake.RefusedMode, "this server takes enrolled devices only")
	}
	device, err := d.find(time.Now(), suite, c)
	switch {
	case errors.Is(err, registry.ErrBusy):
		return Client{}, &denial{err, &handshake.Refusal{Code: handshake.RefusedOverload, RetryAfter: guessRetry, Text: notLetIn}}
	case err != nil:
		return Client{}, deny(err, handshake.RefusedCredential, notLetIn)
	case device.Enrolling:
		return Client{Name: enrolling + device.Name, PSK: device.PSK, Until: device.Expires}, nil
	}
	return Client{Name: device.Name, Key: device.PublicKey, PSK: device.PSK, Until: validUntil(device)}, nil
}

// find is the device of a credential, if it is let in now.
func (d *Dir) find(now time.Time, suite handshake.Suite, c handshake.ClientCredential) (*registry.Device, error) {
	st := d.standing.Load()
	if c.Token != "" {
		return d.learn(now, st, suite, c)
	}
	device, err := d.Devices.Lookup(suite, c)
	if err != nil || device.Origin != registry.Authority {
		return device, err
	}
	switch {
	case !now.Before(validUntil(device)):
		return nil, fmt.Errorf("%w: the last credential of %s", cwt.ErrExpired, device.Name)
	case !st.trusts(device.Authority):
		return nil, fmt.Errorf("%w: that has vouched for %s", authority.ErrUntrusted, device.Name)
	}
	return device, nil
}

// learn verifies the token of a device, and has the registry know of it.
func (d *Dir) learn(now time.Time, st *standing, suite handshake.Suite, c handshake.ClientCredential) (*registry.Device, error) {
	claims, trust, err := st.ca.Trusted.Verify(now, []byte(c.Token), suite)
	if err != nil {
		return nil, err
	}
	return d.Devices.Learn(credentialOf(claims, trust))
}

// credentialOf is what the registry keeps of a device's token.
func credentialOf(c *cwt.Claims, by *authority.Trust) registry.Credential {
	return registry.Credential{Subject: c.Subject, Key: c.Key, ID: c.ID, Expires: c.Expires, Authority: by.Key.ID()}
}

// validUntil is when a device is not let in any more without another credential; zero: never. That
// of a device which the operator has enrolled here, by a command or by a code, does not matter.
func validUntil(d *registry.Device) time.Time {
	if d.Origin != registry.Authority {
		return time.Time{}
	}
	return d.Expires.Add(authority.Skew)
}

// trusts tells whether an authority is one of those that are trusted, by the ID of its key.
func (st *standing) trusts(id [8]byte) bool {
	for _, t := range st.ca.Trusted.Trusts() {
		if t.Key.ID() == id {
			return true
		}
	}
	return false
}
