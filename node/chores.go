package node

import (
	"time"
)

// retirement is how long a session that another has replaced waits for its open requests. The
// server keeps it for as long (docs/protocol.md section 10).
const retirement = 10 * time.Second

// silence is how long a sign of life is waited for until the session counts as lost
// (docs/protocol.md section 15).
const silence = 20 * time.Second

const (
	// defaultFresh is the age at which secrets of a full handshake are replaced.
	defaultFresh = 7 * 24 * time.Hour
	// A full handshake beside a session that goes on is not urgent.
	firstFreshRetry = time.Minute
	lastFreshRetry  = time.Hour
)

// A probe is a ping that asks whether the session is still there.
type probe struct {
	link  *strand
	id    uint64
	until time.Time
	doubt bool          // requests wait for it
	done  chan struct{} // closed when it is answered or the session has ended
}

func (p *probe) is(l *strand, id uint64) bool { return p != nil && p.link == l && p.id == id }

// now is the time. Where the machine has slept meanwhile the session is in doubt. The caller holds
// the lock.
func (c *Conn) now() time.Time {
	now := time.Now()
	if c.clock.skipped(now) > doubtful {
		c.owner.Log.Debug("the wall clock has run ahead: was this machine suspended?")
		c.ask(now, true)
	}
	return now
}

// ask sends a ping. The caller holds the lock.
func (c *Conn) ask(now time.Time, doubt bool) {
	if !c.active.isOpen() {
		return
	}
	if c.probe != nil {
		c.probe.doubt = c.probe.doubt || doubt
		return
	}
	l := c.active
	id, err := l.device.Ping(now, &l.out)
	if err != nil {
		return
	}
	c.probe = &probe{link: l, id: id, until: now.Add(silence), doubt: doubt, done: make(chan struct{})}
	l.flush(now)
}

// probed ends the probe.
func (c *Conn) probed() {
	close(c.probe.done)
	c.probe = nil
}

// chore runs when something of the Conn is due that is no session's.
func (c *Conn) chore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chores.Off()
	if !c.closed {
		c.settle(c.now())
	}
}

// settle does what is due, has Sleep look again, and sets the timer. The caller holds the lock.
func (c *Conn) settle(now time.Time) {
	c.retire(now)
	c.keepAlive(now)
	c.refresh(now)
	c.runErrands(now)
	if c.wanted && !c.sleeping && !now.Before(c.pauseUntil) {
		// What keeps a session from beginning at all keeps it until a request says so.
		if c.wanted = false; !c.underWay() {
			c.start(now)
		}
	}
	select {
	case c.stirred <- struct{}{}:
	default: // somebody is to look already
	}
	c.chores.Set(now, c.due(now))
}

// underWay tells whether a session is open or begins.
func (c *Conn) underWay() bool { return c.active != nil && c.active.err == nil }

// due is when settle has something to do next, zero if never.
func (c *Conn) due(now time.Time) time.Time {
	var at time.Time
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if c.old != nil {
		sooner(c.oldUntil)
	}
	switch {
	case c.wanted:
		sooner(c.pauseUntil)
	case !c.active.isOpen() || c.sleeping:
		return at
	case c.probe != nil:
		sooner(c.probe.until)
	case c.cfg.KeepAlive > 0:
		sooner(c.sentAt.Add(c.cfg.KeepAlive))
	}
	if c.fresh == nil && c.cfg.FreshAfter >= 0 {
		sooner(c.freshAt())
	}
	if next := c.errandAt(now); !next.IsZero() {
		sooner(next)
	}
	return at
}

// retire ends a session that has been replaced when its requests have ended, but not before the
// server knows the one that has replaced it.
func (c *Conn) retire(now time.Time) {
	l := c.old
	if l == nil || now.Before(c.oldUntil) && (!l.end.Idle() || !c.active.heard) {
		return
	}
	l.device.Close(now, &l.out)
	l.flush(now)
}

// keepAlive asks for a sign of life where nothing was sent for long, and ends a session that has
// given none.
func (c *Conn) keepAlive(now time.Time) {
	switch p := c.probe; {
	case p != nil && !now.Before(p.until):
		l := p.link
		l.device.Cancel(now, p.id, &l.out) // it ends the session, unless something else was heard
		l.flush(now)
		if c.probe == p {
			c.probed()
		}
	case p == nil && c.cfg.KeepAlive > 0 && !now.Before(c.sentAt.Add(c.cfg.KeepAlive)):
		c.ask(now, false)
	}
}

// freshAt is when a full handshake is to be made beside the session.
func (c *Conn) freshAt() time.Time {
	age := c.cfg.FreshAfter
	if age == 0 {
		age = defaultFresh
	}
	at := c.fullAt.Add(age)
	if c.known.former != [32]byte{} { // the tickets that there are belong to a key which has been replaced
		at = c.fullAt
	}
	if at.Before(c.freshRetry) {
		return c.freshRetry
	}
	return at
}

// refresh begins a full handshake beside the session, so that its secrets are followed by fresh
// ones while requests go on.
func (c *Conn) refresh(now time.Time) {
	if c.fullAt.IsZero() || c.fullAt.After(now) { // not known, or the clock has been set back
		c.fullAt = now.Round(0)
	}
	if c.cfg.FreshAfter < 0 || c.sleeping || c.fresh != nil || c.old != nil || !c.active.isOpen() || now.Before(c.freshAt()) {
		return
	}
	l, err := c.dial(now, nil)
	if err != nil {
		c.freshFailed(now, err)
		return
	}
	c.fresh = l
	l.flush(now)
}

// freshFailed has the next try wait.
func (c *Conn) freshFailed(now time.Time, err error) {
	c.owner.Log.Debug("fresh keys", "error", err)
	c.freshPause = min(max(firstFreshRetry, 2*c.freshPause), lastFreshRetry)
	c.freshRetry = now.Add(c.freshPause)
}

// moveTo has requests go to a session that has opened beside the one there is, and observations
// open anew in it.
func (c *Conn) moveTo(now time.Time, l *strand) {
	c.fresh, c.freshPause, c.freshRetry = nil, 0, time.Time{}
	c.old, c.oldUntil, c.active = c.active, now.Add(retirement), l
	if c.probe != nil {
		c.probed()
	}
	c.old.end.EndWatches(errMoved)
}
