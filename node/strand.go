package node

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/alarm"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
)

// errMoved is how requests fail that were open too long in a session which another has replaced.
var errMoved = fmt.Errorf("%w: another has taken its place", session.ErrClosed)

// A strand is one session of a Conn, from the first datagram of its handshake on. It is under the
// Conn's lock.
type strand struct {
	conn    *Conn
	device  *session.Device
	begun   chan struct{}      // closed when the handshake has ended, well or not
	end     *endpoint.Endpoint // once the session is open
	err     error              // why it has ended
	refused error              // why the device does not go on with it
	woken   bool               // it was saved and has been gone on with
	heard   bool               // a record has come
	out     session.Outbox
	timer   *alarm.Alarm
}

func (c *Conn) newStrand() *strand {
	l := &strand{conn: c, begun: make(chan struct{})}
	l.timer = alarm.New(l.tick)
	return l
}

// dial makes a strand that begins a handshake, or a resumption where there is a state for it.
func (c *Conn) dial(now time.Time, resume *handshake.ResumptionState) (*strand, error) {
	l := c.newStrand()
	cfg := c.deviceConfig(now)
	cfg.Resume = resume
	var err error
	l.device, err = session.NewDevice(now, cfg, &l.out)
	return l, err
}

func (c *Conn) deviceConfig(now time.Time) session.DeviceConfig {
	known := c.cfg.Memory.of(c.server, now)
	cfg := session.DeviceConfig{
		Update:        session.Update(c.cfg.Rekey),
		MaxUDPPayload: c.cfg.MaxUDPPayload,
		MaxBody:       c.cfg.MaxBody,
		Stream:        endpoint.Streams(c.cfg.Handler),
		IdleTimeout:   c.cfg.IdleTimeout,
		Forward:       c.cfg.Forward,
		Rand:          rand.Reader,
		PathPayload:   known.path,
		Echo:          known.echo,
		RTT:           known.rtt,
	}
	c.trust(&cfg)
	return cfg
}

// isOpen tells whether requests can be made.
func (l *strand) isOpen() bool { return l != nil && l.end != nil && l.err == nil }

// receive takes a datagram, and tells whether it was for this session.
func (l *strand) receive(now time.Time, datagram []byte) bool {
	mine := l.device.Receive(now, datagram, &l.out)
	l.heard = l.heard || mine
	l.flush(now)
	return mine
}

// tick runs when the session's deadline has come.
func (l *strand) tick() {
	c := l.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	l.timer.Off()
	if c.closed || l.err != nil {
		return
	}
	now := c.now()
	l.device.Advance(now, &l.out)
	l.flush(now)
	c.settle(now)
}

// flush takes events, sends and arms the timer.
func (l *strand) flush(now time.Time) {
	for ev, ok := l.device.Next(); ok; ev, ok = l.device.Next() {
		l.take(now, ev)
	}
	c := l.conn
	for _, datagram := range l.out.All() {
		// A datagram that cannot be sent is one that was lost.
		c.socket.WriteToUDPAddrPort(datagram, c.server)
		c.sentAt = now
	}
	l.out.Reset()
	l.timer.Set(now, l.device.Deadline())
}

// take acts on one event.
func (l *strand) take(now time.Time, ev session.Event) {
	c := l.conn
	switch {
	case ev.Kind == session.EventOpen:
		if l.refused = l.know(); l.refused != nil {
			l.device.Close(now, &l.out)
			return
		}
		l.open(now)
	case ev.Kind == session.EventClosed:
		l.ended(now, cmp.Or(l.refused, ev.Err))
	case ev.Kind == session.EventTicket:
		c.keepTicket(ev.Ticket)
	case ev.Kind == session.EventPong && c.probe.is(l, ev.ID):
		c.probed()
	default:
		l.end.Take(now, ev)
	}
}

// know remembers the server where it has just proven its key by a full handshake.
func (l *strand) know() error {
	if l.woken || l.device.Stats().Resumed {
		return nil
	}
	l.conn.unsure = !l.conn.hasClock(time.Now())
	return l.conn.met(l)
}

// open has requests go to the session from here on.
func (l *strand) open(now time.Time) {
	c := l.conn
	l.end = endpoint.New(c.owner, &engine{l})
	id := l.device.Result().SessionID
	l.end.SessionID = hex.EncodeToString(id[:])
	logKeys(l)
	if !l.woken {
		c.cfg.Memory.note(c.server, now, l.device.Result(), l.device.RTT())
		if !l.device.Stats().Resumed {
			c.fullAt = now.Round(0)
		}
	}
	c.notePath(now, l)
	c.failures, c.wanted = 0, false
	if l == c.fresh {
		c.moveTo(now, l)
	}
	close(l.begun)
	c.owner.Log.Debug("session open", "session", l.end.SessionID[:16], "by", l.origin())
}

// origin is how the session has come about, for the log.
func (l *strand) origin() string {
	switch {
	case l.woken:
		return "waking"
	case l.device.Stats().Resumed:
		return "resumption"
	}
	return "handshake"
}

// ended fails what is open in the session.
func (l *strand) ended(now time.Time, err error) {
	c := l.conn
	l.timer.Stop()
	c.notePath(now, l)
	err = c.keyChanged(err)
	switch l {
	case c.old:
		c.old, err = nil, errMoved
	case c.fresh:
		c.fresh = nil
		c.freshFailed(now, err)
	default:
		c.lost(now, l, err)
	}
	l.err = err
	if c.probe != nil && c.probe.link == l {
		c.probed()
	}
	if l.end == nil {
		close(l.begun)
	} else {
		l.end.End(err)
	}
}
