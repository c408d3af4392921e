package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
)

const (
	// Behind an attempt that failed the next waits for 1 s, and then twice as long each time, of
	// which up to a half is drawn.
	firstPause = time.Second
	lastPause  = 5 * time.Minute
	// defaultSpread is over which time devices come back whose sessions a server has lost.
	defaultSpread = 10 * time.Second
)

// ready returns the open session's endpoint; it starts a handshake where none is under way.
func (c *Conn) ready(ctx context.Context) (*endpoint.Endpoint, error) {
	for {
		end, begins, wait, err := c.next()
		if wait == nil {
			return end, err
		}
		select {
		case <-wait:
		case <-c.gone:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, c.giveUp(ctx)
		}
		if err := begins.failure(); err != nil {
			return nil, err
		}
	}
}

// failure is why a handshake has failed, nil where it has not.
func (l *strand) failure() error {
	if l == nil {
		return nil
	}
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if l.end == nil {
		return l.err
	}
	return nil
}

// next returns the endpoint, or what to wait for, and whose handshake that is if it is one.
func (c *Conn) next() (end *endpoint.Endpoint, begins *strand, wait <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.sleeping {
		return nil, nil, nil, ErrClosed
	}
	now := c.now()
	l := c.active
	switch {
	case l.isOpen() && c.probe != nil && c.probe.doubt:
		return nil, nil, c.probe.done, nil
	case l.isOpen():
		return l.end, nil, nil, nil
	case l != nil && l.err == nil:
		return nil, l, l.begun, nil
	case now.Before(c.pauseUntil):
		return nil, nil, after(c.pauseUntil.Sub(now)), nil
	}
	if err = c.start(now); err != nil {
		return nil, nil, nil, err
	}
	c.settle(now)
	return nil, c.active, c.active.begun, nil
}

// after is closed when d has passed.
func after(d time.Duration) <-chan struct{} {
	ch := make(chan struct{})
	time.AfterFunc(d, func() { close(ch) })
	return ch
}

// giveUp adds to the context's error what the server, or somebody else, has said so far, or why
// there is no session.
func (c *Conn) giveUp(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.active
	switch {
	case l == nil:
	case l.err != nil:
		return fmt.Errorf("%w; %w", ctx.Err(), l.err)
	case l.device.Hint() != nil:
		return fmt.Errorf("%w; %w", ctx.Err(), l.device.Hint())
	}
	return ctx.Err()
}

// start begins the next session, with the ticket if there is one. The caller holds the lock.
func (c *Conn) start(now time.Time) error {
	l, err := c.dial(now, c.useTicket(now))
	if err != nil {
		return err
	}
	c.active, c.wanted = l, false
	l.flush(now)
	return nil
}

// lost notes that the session has ended which requests went to, or would have gone to, and when
// the next may begin. A server that has lost its sessions has lost those of thousands: they come
// back over a while.
func (c *Conn) lost(now time.Time, l *strand, err error) {
	c.owner.Log.Debug("session ended", "reason", err)
	switch {
	case l.end == nil:
		c.failures++
		pause := min(firstPause<<min(c.failures-1, 16), lastPause)
		c.pauseUntil = now.Add(pause/2 + rand.N(pause/2))
	case lostByServer(err):
		if spread := c.cfg.spread(); spread > 0 {
			c.pauseUntil = now.Add(rand.N(spread))
		}
	}
	c.wanted = c.cfg.KeepAlive > 0 || errors.Is(err, session.ErrReset)
	if c.fresh != nil { // it is what comes next
		c.active, c.fresh = c.fresh, nil
	}
}

// lostByServer tells whether a session has ended by what the server did, or did not, and not by a
// call of this device's program.
func lostByServer(err error) bool {
	return errors.Is(err, session.ErrClosed) && err != session.ErrClosed && !errors.Is(err, session.ErrSaved)
}

func (c *Config) spread() time.Duration {
	if c.Spread == 0 {
		return defaultSpread
	}
	return c.Spread
}
