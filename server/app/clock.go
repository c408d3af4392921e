package app

import (
	"strconv"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// maxEvery is the largest N of GET /time?every=N, a day.
const maxEvery = 86400

// A clock tells the time to who observes it. One timer serves all periods, and it is off while
// nobody observes. The zero value is ready to use, but for its state.
type clock struct {
	now   func() time.Time
	state func(every time.Duration) *coap.Message

	mu      sync.Mutex
	periods map[time.Duration]*period
	timer   *time.Timer
	closed  bool
}

// A period is what of the clock ticks together, on the multiples of its length in UTC.
type period struct {
	observers coap.Observers
	due       time.Time
}

// add takes in an observation that is to be told the time once in a period.
func (c *clock) add(o coap.Observation, every time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		o.Close()
		return
	}
	p := c.periods[every]
	if p == nil {
		if c.periods == nil {
			c.periods = make(map[time.Duration]*period)
		}
		p = &period{due: c.now().Truncate(every).Add(every)}
		c.periods[every] = p
	}
	p.observers.Add(o)
	c.arm()
}

// arm sets the timer for the period that is due first, and forgets those which nobody
// observes. The caller holds the lock.
func (c *clock) arm() {
	var first time.Time
	for every, p := range c.periods {
		switch {
		case p.observers.Len() == 0:
			delete(c.periods, every)
		case first.IsZero() || p.due.Before(first):
			first = p.due
		}
	}
	switch pause := first.Sub(c.now()); {
	case first.IsZero():
		c.stop()
	case c.timer == nil:
		c.timer = time.AfterFunc(pause, c.tick)
	default:
		c.timer.Reset(pause)
	}
}

func (c *clock) stop() {
	if c.timer != nil {
		c.timer.Stop()
	}
}

// tick tells the time where it is due.
func (c *clock) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	now := c.now()
	for every, p := range c.periods {
		if now.Before(p.due) && p.due.Sub(now) <= every { // else the clock was set back
			continue
		}
		p.due = now.Truncate(every).Add(every)
		m := c.state(every)
		m.Type = message.NonConfirmable // the next one is better than this one again
		p.observers.Notify(m)
	}
	c.arm()
}

func (c *clock) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.stop()
}

// time gives the server's time, and goes on giving it to who observes.
func (a *App) time(r *coap.Request) *coap.Message {
	if !accepts(r, message.TextPlain) {
		return status(codes.NotAcceptable, "")
	}
	every, ok := everyOf(r)
	if !ok {
		return status(codes.BadRequest, "every: want seconds, from 1 to "+strconv.Itoa(maxEvery))
	}
	o := r.Observe()
	if o == nil {
		return a.timeFor(0)
	}
	a.clock.add(o, every)
	return a.timeFor(every)
}

// timeFor is the time, good until the next notification.
func (a *App) timeFor(every time.Duration) *coap.Message {
	return lasting(every, message.TextPlain, []byte(a.now().UTC().Format(time.RFC3339)))
}

// everyOf is the query of that name, in seconds.
func everyOf(r *coap.Request) (time.Duration, bool) {
	text, ok := r.Query("every")
	if !ok {
		return time.Second, true
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return time.Duration(n) * time.Second, err == nil && n >= 1 && n <= maxEvery
}
