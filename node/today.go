package node

import (
	"time"

	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// skew is how far the clocks of the device and of the authority may differ.
const skew = 5 * time.Minute

// keepFloor is by how much the floor has to have risen to be worth writing when a Conn ends.
const keepFloor = time.Hour

// floor is a time that has passed for certain: the newest at which the authority has issued a
// credential that has verified, or that the program has told, and what has gone by since while the
// program ran (docs/protocol.md section 18.2). It is the zero time where nothing is known.
func (c *Conn) floor(now time.Time) time.Time {
	if c.known.floor.IsZero() {
		return time.Time{}
	}
	return c.known.floor.Add(now.Sub(c.floorAt))
}

// raise notes that it is later than t.
func (c *Conn) raise(now, t time.Time) {
	if t.After(c.floor(now)) {
		c.known.floor, c.floorAt = t, now
	}
}

// verify verifies a credential at the time now. Without a clock, or with one that stands far before
// the floor, one whose time has not come cannot be told, and one whose time is over only if it was
// over at the floor.
func (c *Conn) verify(now time.Time, token []byte, want cwt.Want) (*cwt.Claims, error) {
	want.Past = c.floor(now)
	if c.hasClock(now) {
		want.Now, want.Skew = now, skew
	}
	claims, err := c.cfg.Authority.Verify(token, want)
	if err == nil {
		c.raise(now, claims.Issued)
	}
	return claims, err
}

// hasClock tells whether the time of the system is to be gone by.
func (c *Conn) hasClock(now time.Time) bool {
	return !c.cfg.NoClock && !now.Add(skew).Before(c.floor(now))
}

// NoteTime tells a device without a clock what time it is, as a program has it from a server over
// a session, by GET /time perhaps. It judges credentials by that from then on, and the next program
// does where this one closes the Conn. A time before what it knows already is of no account.
func (c *Conn) NoteTime(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raise(time.Now(), t)
}

// keepTime writes the floor where it has risen by much.
func (c *Conn) keepTime(now time.Time) {
	if c.cfg.Authority != nil && c.floor(now).Sub(c.floorKept) >= keepFloor {
		c.keepKnown()
	}
}
