package endpoint

import (
	"context"
	"time"
)

// A place is a handler's among those at work, found in its context. All of it is under the
// lock.
type place struct {
	endpoint *Endpoint
	waiting  int  // goroutines of the handler that wait for a peer
	left     bool // the handler has returned
}

type placeKey struct{}

// leave gives a handler's place away while it waits for a peer, so that handlers which wait
// for devices keep nobody else out; what it returns takes the place back. Goroutines of one
// handler that wait at once have one place, and those that outlive it have none.
func leave(ctx context.Context) func() {
	at, _ := ctx.Value(placeKey{}).(*place)
	return at.leave()
}

func (at *place) leave() func() {
	if at == nil {
		return func() {}
	}
	at.wait(+1)
	return func() { at.wait(-1) }
}

// wait counts a goroutine that begins to wait for a peer, or ends.
func (at *place) wait(n int) {
	if at == nil {
		return
	}
	p := at.endpoint
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	before := at.waiting > 0
	at.waiting += n
	switch after := at.waiting > 0; {
	case at.left || before == after:
	case !after:
		p.occupy(+1)
		p.owner.awake++
	default:
		p.occupy(-1)
		if p.owner.awake--; p.owner.awake == 0 && p.owner.waiting() > 0 {
			p.owner.employ()
		}
		now := time.Now()
		if p.err == nil {
			p.next(now)
			p.engine.Flush(now)
		}
		p.owner.flush(now)
	}
}

// quit frees the place of a handler that has returned. The caller holds the lock.
func (at *place) quit() {
	if at.left = true; at.waiting == 0 {
		at.endpoint.occupy(-1)
	} else {
		at.endpoint.owner.awake++
	}
}

// occupy counts the handlers at work. The caller holds the lock.
func (p *Endpoint) occupy(n int) {
	p.running += n
	p.owner.working += n
}
