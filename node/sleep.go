package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// ticketTime is how long a session that has just begun waits for its ticket before it sleeps.
const ticketTime = 2 * time.Second

// errNoState is what Sleep says where there is nothing to sleep in.
var errNoState = fmt.Errorf("%w: Sleep needs a Config.State", ErrState)

// Sleep saves the session in the state file and closes the Conn; the next Dial goes on with it. It
// waits until no request of either side is open; no request begins meanwhile. Where ctx ends first
// the session is ended as by Close, and the next begins with the ticket. The server is told
// nothing: it keeps the session for the idle time. Observations do not outlive it.
func (c *Conn) Sleep(ctx context.Context) error {
	c.mu.Lock()
	switch {
	case c.closed || c.sleeping:
		c.mu.Unlock()
		return ErrClosed
	case c.vault == nil:
		c.mu.Unlock()
		return errNoState
	}
	c.sleeping = true
	for {
		now := c.now()
		saved, err := c.save(now)
		if !errors.Is(err, session.ErrUnderWay) {
			if err == nil && saved != nil {
				err = c.vault.put(kept{ticket: c.ticket, session: saved, server: c.server, fullAt: c.fullAt})
			}
			return errors.Join(err, c.shut(now))
		}
		c.mu.Unlock()
		select {
		case <-c.stirred:
		case <-c.gone:
			return ErrClosed
		case <-ctx.Done():
			c.Close()
			return fmt.Errorf("node: the session is not saved: %w", errors.Join(ctx.Err(), err))
		}
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return ErrClosed
		}
	}
}

// save ends the session and returns what goes on with it, nothing where there is none.
// session.ErrUnderWay where it is too early.
func (c *Conn) save(now time.Time) ([]byte, error) {
	l := c.active
	switch {
	case !l.isOpen() && c.underWay(), c.old != nil && !c.old.end.Idle(), c.onErrand,
		c.fresh != nil && c.known.former != [32]byte{}:
		return nil, session.ErrUnderWay
	case !l.isOpen():
		return nil, nil
	case c.ticket == nil && !l.woken && now.Sub(l.device.Stats().Opened) < ticketTime:
		c.chores.Set(now, now.Add(ticketTime))
		return nil, session.ErrUnderWay
	}
	saved, err := l.device.Save()
	l.flush(now)
	if errors.Is(err, session.ErrUnderWay) {
		return nil, err
	}
	if err != nil { // there is no session to be saved; the next begins with the ticket
		c.owner.Log.Debug("session not saved", "error", err)
		return nil, nil
	}
	return saved, nil
}

// wake takes what the state file has, and goes on with the session in it. The caller holds the
// lock.
func (c *Conn) wake(now time.Time) {
	if c.cfg.State == "" {
		return
	}
	var err error
	if c.vault, err = openVault(c.cfg.State, secretOf(&c.cfg)); err != nil {
		c.owner.Log.Warn("nothing will be kept", "file", c.cfg.State, "error", err)
		c.vault = nil
		return
	}
	k, err := c.vault.load()
	if err != nil {
		if !absent(err) {
			c.owner.Log.Warn("state not used, a handshake takes its place", "file", c.cfg.State, "error", err)
		}
		return
	}
	c.ticket, c.fullAt = k.ticket, k.fullAt
	if k.session == nil {
		return
	}
	defer clear(k.session)
	if k.server != c.server {
		c.owner.Log.Info("the session that was saved is with a server at another address", "server", k.server)
		return
	}
	c.restore(now, k.session)
}

func (c *Conn) restore(now time.Time, saved []byte) {
	l := c.newStrand()
	l.woken = true
	var err error
	if l.device, err = session.RestoreDevice(now, c.deviceConfig(now), saved); err != nil {
		c.owner.Log.Info("the session that was saved is not gone on with", "reason", err)
		return
	}
	c.active = l
	c.sentAt = now
	l.flush(now)
	c.settle(now)
}

// keepTicket takes the ticket for the next session.
func (c *Conn) keepTicket(t *handshake.ResumptionState) {
	if c.ticket != nil {
		c.ticket.Wipe()
	}
	c.ticket = t
	if c.vault == nil {
		return
	}
	if err := c.vault.put(kept{ticket: t, fullAt: c.fullAt}); err != nil {
		c.owner.Log.Warn("ticket not kept", "error", err)
	}
}

// useTicket gives the ticket away. It is on the disk no more when useTicket returns, so that none
// is sent twice, whatever happens.
func (c *Conn) useTicket(now time.Time) *handshake.ResumptionState {
	t := c.ticket
	c.ticket = nil
	switch {
	case t == nil:
		return nil
	case !now.Before(t.Expires):
		t.Wipe()
		return nil
	case c.vault == nil:
		return t
	}
	if err := c.vault.use(kept{fullAt: c.fullAt}); err != nil {
		c.owner.Log.Warn("ticket not used: it cannot be removed from the disk", "error", err)
		t.Wipe()
		return nil
	}
	return t
}
