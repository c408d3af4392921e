package audit

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// What devices bring about.

// Admitted is a device that has a session by a full handshake.
func (l *Log) Admitted(now time.Time, peer netip.AddrPort, d Device) {
	l.later(now, "admitted", peer, of(d))
}

// Resumed is a device that has a session by a ticket.
func (l *Log) Resumed(now time.Time, peer netip.AddrPort, d Device) {
	l.later(now, "resumed", peer, of(d))
}

// Refused is a device that is not let in, or not to what it has asked for. The reason is for the
// operator: the device is told less.
func (l *Log) Refused(now time.Time, peer netip.AddrPort, d Device, reason string) {
	e := of(d)
	e.Reason = clean(reason)
	l.later(now, "refused", peer, e)
}

// Overload is a bound that somebody at an address has come to, or everybody where it has none.
func (l *Log) Overload(now time.Time, peer netip.AddrPort, bound string) {
	l.later(now, "overload", peer, event{Reason: clean(bound)})
}

// Redeemed is a device that has enrolled itself by a code.
func (l *Log) Redeemed(now time.Time, peer netip.AddrPort, d Device) {
	l.later(now, "redeemed", peer, of(d))
}

// Renewed is a device that has got a new certificate.
func (l *Log) Renewed(now time.Time, peer netip.AddrPort, d Device, expires time.Time) {
	e := of(d)
	e.Expires = stamp(expires)
	l.later(now, "renewed", peer, e)
}

// What the operator does. The error is that of writing the line.

// Enrolled is a device that is let in from now on; origin says by whose word.
func (l *Log) Enrolled(now time.Time, d Device, origin string) error {
	e := of(d)
	e.Origin = clean(origin)
	return l.now(now, "enrolled", e)
}

// Invited is a code for a device of that name.
func (l *Log) Invited(now time.Time, name string, suite handshake.Suite, expires time.Time) error {
	return l.now(now, "invited", event{Device: clean(name), Suite: suite.String(), Expires: stamp(expires)})
}

// Rotated is a new key of the server: what says of which kind, id is a digest of it, if any.
func (l *Log) Rotated(now time.Time, what string, id []byte) error {
	return l.now(now, "rotated", event{Key: clean(what), ID: hex.EncodeToString(id[:min(len(id), 32)])})
}

// Suspended is a device that is not let in until it is Reinstated.
func (l *Log) Suspended(now time.Time, d Device) error { return l.now(now, "suspended", of(d)) }

// Reinstated is a device that was suspended.
func (l *Log) Reinstated(now time.Time, d Device) error { return l.now(now, "reinstated", of(d)) }

// Revoked is a device that is never let in again.
func (l *Log) Revoked(now time.Time, d Device) error { return l.now(now, "revoked", of(d)) }

// Removed is a device that the server does not know any more.
func (l *Log) Removed(now time.Time, d Device) error { return l.now(now, "removed", of(d)) }

// Reloaded is new settings: the keys that have changed, or the reason why the file is not used.
func (l *Log) Reloaded(now time.Time, keys []string, reason error) error {
	e := event{Keys: clean(strings.Join(keys, " "))}
	if reason != nil {
		e.Reason = clean(reason.Error())
	}
	return l.now(now, "reloaded", e)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
