package node

import (
	"context"
	"fmt"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

const (
	// errandTime is how long the device waits for an answer to what it asks for itself.
	errandTime = 30 * time.Second
	// maxCredentials bounds an answer with keys and credentials, bytes.
	maxCredentials = 16 << 10
)

// An errand is a request that the device makes for itself: for a key that follows the server's, or
// for a credential that follows its own.
type errand struct {
	name    string
	request coap.Message
	take    func(now time.Time, body []byte) error // with the lock
}

// errandAt is when there is something to ask for in the session that is open, zero if never. The
// caller holds the lock.
func (c *Conn) errandAt(now time.Time) time.Time {
	if c.onErrand || !c.active.isOpen() {
		return time.Time{}
	}
	at := c.renewAt(now)
	if c.successor() != [8]byte{} {
		at = now
	}
	if !at.IsZero() && at.Before(c.errandRetry) {
		return c.errandRetry
	}
	return at
}

// runErrands begins one at a time. What fails waits, longer each time.
func (c *Conn) runErrands(now time.Time) {
	if at := c.errandAt(now); at.IsZero() || now.Before(at) || c.sleeping {
		return
	}
	e := c.askForCredential()
	if kid := c.successor(); kid != [8]byte{} {
		e = c.askForKey(kid)
	}
	c.onErrand = true
	end := c.active.end
	c.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(c.owner.Context, errandTime)
		defer cancel()
		answer, err := end.Do(ctx, e.request)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.onErrand = false; c.closed {
			return
		}
		now := c.now()
		if err == nil {
			err = e.done(now, &answer)
		}
		if err != nil {
			c.errandPause = min(max(firstFreshRetry, 2*c.errandPause), lastFreshRetry)
			c.errandRetry = now.Add(c.errandPause)
			c.owner.Log.Warn(e.name, "error", err, "again after", c.errandPause)
		} else {
			c.errandPause, c.errandRetry = 0, time.Time{}
		}
		c.settle(now)
	})
}

// done takes the answer.
func (e *errand) done(now time.Time, answer *coap.Message) error {
	switch {
	case answer.Code != codes.Content && answer.Code != codes.Changed:
		return fmt.Errorf("node: the server answers %d.%02d", answer.Code>>5, answer.Code&31)
	case len(answer.Payload) > maxCredentials:
		return fmt.Errorf("node: an answer of %d bytes, want %d at most", len(answer.Payload), maxCredentials)
	}
	return e.take(now, answer.Payload)
}
