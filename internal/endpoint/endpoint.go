// Package endpoint is one end of an open session as an application sees it: requests with an
// answer, observations in both roles, and handlers. It is the part that node and server
// share between the events of internal/session and their callers' goroutines.
package endpoint

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// ErrEnded says that the session has ended.
var ErrEnded = session.ErrClosed

// An Engine is the CoAP of one session. Its methods are called under the owner's lock; Flush
// is called after them, to send and to take events.
type Engine interface {
	Request(now time.Time, m coap.Message, opt coap.RequestOptions) (uint64, error)
	Ping(now time.Time) (uint64, error)
	Cancel(now time.Time, id uint64)
	Respond(now time.Time, id uint64, m coap.Message, body coap.Body) error
	Consumed(now time.Time, id uint64, n int)
	ConsumedRequest(now time.Time, id uint64, n int)
	Notify(now time.Time, id uint64, m coap.Message) error
	EndObservation(now time.Time, id uint64)
	Room() bool // for one observation more of the peer's
	LocalAddr() netip.AddrPort
	RemoteAddr() netip.AddrPort
	Close() error // not under the lock
	Flush(now time.Time)
}

// An Owner is what the endpoints of one lock have in common.
type Owner struct {
	Lock    *sync.Mutex
	Context context.Context // of the handlers
	Handler coap.Handler    // nil: every request is answered 4.04
	Log     *slog.Logger
	Tasks   *sync.WaitGroup // the handlers at work
	// Most is how many handlers may be at work at once; a request beyond it is answered 5.03.
	Most int
	// Flush sends and takes events as the Flush of any Engine does, where one does so for all; nil
	// where each has its own. It lets responses that come at once leave together.
	Flush func(now time.Time)

	working  int
	handlers int // not returned, also those that wait and are not at work
	workers
}

// An Endpoint is one end of one session, a [coap.Peer]. Its methods are safe for concurrent
// use, but those that say that the caller holds the lock.
type Endpoint struct {
	owner  *Owner
	engine Engine

	Device    string // the authenticated name of the peer, where it has one
	SessionID string
	Self      coap.Peer // what handlers are given as their peer: the Endpoint, or what stands for it
	// Handler serves this session; nil: that of the Owner does.
	Handler coap.Handler

	done    chan struct{}
	err     error // once done
	waiting map[uint64]chan<- answer
	streams map[uint64]*stream // bodies of responses
	uploads map[uint64]*stream // bodies of requests
	watches map[uint64]*Watch
	served  map[uint64]*observation
	running int
	backlog []session.Event // requests that wait for a handler of this session
	kept    bool            // somebody has Done
}

type answer struct {
	message coap.Message
	more    bool // its body is a stream
	err     error
}

// New makes the endpoint of a session that is open.
func New(owner *Owner, engine Engine) *Endpoint {
	p := &Endpoint{
		owner: owner, engine: engine, done: make(chan struct{}),
		waiting: make(map[uint64]chan<- answer),
	}
	p.Self = p
	return p
}

// Take acts on an event of the session. The caller holds the lock, and flushes.
func (p *Endpoint) Take(now time.Time, ev session.Event) {
	switch ev.Kind {
	case session.EventRequest:
		p.dispatch(now, ev)
	case session.EventResponse, session.EventPong:
		p.deliver(ev.ID, answer{ev.Message, ev.More, ev.Err})
	case session.EventBody:
		p.streams[ev.ID].put(ev)
	case session.EventRequestBody:
		p.uploads[ev.ID].put(ev)
	case session.EventNotification:
		if w := p.watches[ev.ID]; w != nil {
			w.put(ev.Message)
		}
	case session.EventCancelled:
		if o := p.served[ev.ID]; o != nil {
			o.end()
		}
	}
}

// deliver gives a response to who waits for it. One that fails an observation ends that.
func (p *Endpoint) deliver(id uint64, a answer) {
	if ch, ok := p.waiting[id]; ok {
		delete(p.waiting, id)
		ch <- a // has room for the one answer
		return
	}
	if a.err == nil {
		return
	}
	if w := p.watches[id]; w != nil {
		w.fail(a.err)
	}
	p.streams[id].fail(a.err)
}

// End fails what is open: the session has ended. The caller holds the lock.
func (p *Endpoint) End(err error) {
	if p.err != nil {
		return
	}
	p.err = err
	close(p.done)
	for id := range p.waiting {
		p.deliver(id, answer{err: err})
	}
	p.EndWatches(err)
	for _, s := range p.streams {
		s.fail(err)
	}
	for _, s := range p.uploads {
		s.fail(err)
	}
	for _, o := range p.served {
		o.end()
	}
	p.backlog = nil
}

// Idle tells whether nobody waits for an answer or a body, and no handler is at work.
// Observations do not count. The caller holds the lock.
func (p *Endpoint) Idle() bool {
	return len(p.waiting) == 0 && len(p.streams) == 0 && len(p.uploads) == 0 && p.running == 0 && len(p.backlog) == 0
}

// EndWatches ends the observations of the peer's resources without telling it, so that they are
// opened anew in another session. The caller holds the lock.
func (p *Endpoint) EndWatches(err error) {
	for _, w := range p.watches {
		w.fail(err)
	}
}

// LocalAddr implements coap.Peer.
func (p *Endpoint) LocalAddr() netip.AddrPort { return p.locked(p.engine.LocalAddr) }

// RemoteAddr implements coap.Peer.
func (p *Endpoint) RemoteAddr() netip.AddrPort { return p.locked(p.engine.RemoteAddr) }

func (p *Endpoint) locked(get func() netip.AddrPort) netip.AddrPort {
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	return get()
}

// Close implements coap.Peer.
func (p *Endpoint) Close() error { return p.engine.Close() }

// Err is why the session has ended, nil before.
func (p *Endpoint) Err() error {
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	return p.err
}

// Done is closed when the session has ended.
func (p *Endpoint) Done() <-chan struct{} { return p.done }

// Do sends a request and returns its response. An Observe option does not go with it: nobody
// would take the notifications.
func (p *Endpoint) Do(ctx context.Context, m coap.Message) (coap.Message, error) {
	m.Options = withoutObserve(m.Options)
	return p.exchange(ctx, &m)
}

// Ping asks the peer for a sign of life.
func (p *Endpoint) Ping(ctx context.Context) error {
	_, err := p.exchange(ctx, nil)
	return err
}

// exchange sends a request, or a ping where m is nil, and waits for the one answer. A handler
// that waits here gives its place to another meanwhile.
func (p *Endpoint) exchange(ctx context.Context, m *coap.Message) (coap.Message, error) {
	ch := make(chan answer, 1)
	id, err := p.call(ctx, m, ch)
	if err != nil {
		return coap.Message{}, err
	}
	at, _ := ctx.Value(placeKey{}).(*place)
	at.wait(+1)
	defer at.wait(-1)
	select {
	case a := <-ch:
		return a.message, a.err
	case <-ctx.Done():
		p.cancel(id)
		return coap.Message{}, ctx.Err()
	}
}

// call starts an exchange, whose answer goes to ch.
func (p *Endpoint) call(ctx context.Context, m *coap.Message, ch chan answer) (id uint64, err error) {
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	now := time.Now()
	if m == nil {
		id, err = p.engine.Ping(now)
	} else {
		id, err = p.engine.Request(now, *m, coap.RequestOptions{Timeout: timeout(ctx, now)})
	}
	if err == nil {
		p.waiting[id] = ch
	}
	p.engine.Flush(now)
	return id, err
}

// begin starts something under the lock, and has its ID noted before any answer can come.
func (p *Endpoint) begin(start func(now time.Time) (uint64, error), note func(id uint64)) (uint64, error) {
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	now := time.Now()
	id, err := start(now)
	if err == nil {
		note(id)
	}
	p.engine.Flush(now)
	return id, err
}

// cancel gives up waiting for an answer.
func (p *Endpoint) cancel(id uint64) {
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	delete(p.waiting, id)
	delete(p.watches, id)
	delete(p.streams, id)
	if p.err == nil {
		now := time.Now()
		p.engine.Cancel(now, id)
		p.engine.Flush(now)
	}
}

// timeout is the time that ctx leaves, 0 for the engine's own.
func timeout(ctx context.Context, now time.Time) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(deadline.Sub(now), time.Nanosecond)
	}
	return 0
}

// gone tells whether an error of the engine is that the session, or the request, has ended
// meanwhile, and not a mistake of the application's.
func gone(err error) bool {
	return errors.Is(err, session.ErrClosed) || errors.Is(err, coap.ErrUnknownRequest)
}
