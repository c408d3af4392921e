package endpoint

import (
	"errors"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// Drain has no more handlers started: requests are answered with a 5.03 and come again in a
// second. The caller holds the lock.
func (o *Owner) Drain() { o.Most = 0 }

// Handlers is how many have not returned, those that wait for a peer among them. The caller
// holds the lock.
func (o *Owner) Handlers() int { return o.handlers }

// EndObservations ends what the peer observes with a 5.03, so that it asks anew instead of
// waiting for states that will not come. The caller holds the lock, and flushes.
func (p *Endpoint) EndObservations(now time.Time) {
	last := overloaded()
	for _, o := range p.served {
		if o.open {
			o.send(now, last)
		}
	}
}

// Observed tells whether the peer observes anything. The caller holds the lock.
func (p *Endpoint) Observed() bool { return len(p.served) > 0 }

// EndDenied ends with a 4.03 what the peer observes and must not any more. Who has just asked, and
// has no answer yet, gets the 4.03 behind it. The caller holds the lock, and flushes.
func (p *Endpoint) EndDenied(now time.Time, allowed func(request *coap.Message) bool) {
	for _, o := range p.served {
		if allowed(&o.request) {
			continue
		}
		if last := (coap.Message{Code: codes.Forbidden}); o.open {
			o.send(now, last)
		} else {
			o.pending = &last
		}
	}
}

// ErrLetGo says that the session goes on, and another Endpoint is made for it when it is needed.
var ErrLetGo = errors.New("endpoint: given up while its session rests")

// LetGo gives the endpoint up, since its session goes to rest; false where somebody would miss it.
// The caller holds the lock.
func (p *Endpoint) LetGo() bool {
	if p.err != nil || p.kept || !p.Idle() || len(p.watches) > 0 || len(p.served) > 0 {
		return false
	}
	p.err = ErrLetGo
	return true
}

// Keep is Done for an endpoint that could be let go, and is not from now on. The caller holds the
// lock.
func (p *Endpoint) Keep() <-chan struct{} {
	p.kept = true
	return p.done
}
