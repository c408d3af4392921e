package coap

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
)

// ErrObservationEnded says that nobody observes any more: the peer has cancelled, its
// session has ended, or the observation was closed.
var ErrObservationEnded = errors.New("coap: observation has ended")

// A Peer is the other end, to which requests can be sent: for a handler the other end of the
// session that a request came through, for a device its server. Its methods are safe for
// concurrent use.
type Peer interface {
	// Do sends a request, whole body both ways, and returns its response. Without a
	// deadline in ctx it gives up after 60 s.
	Do(ctx context.Context, m Message) (Message, error)
	// Stream is Do with bodies that are not held whole: body, unless nil, takes the place of
	// m's payload, and that of the response comes while it is read. Without a deadline in ctx
	// it gives up when nothing has come forward for 60 s. The reader has to be closed; it
	// fails when ctx is done.
	Stream(ctx context.Context, m Message, body Body) (Message, io.ReadCloser, error)
	// Observe sends a GET or FETCH that asks for all later states too (RFC 7641). The first
	// comes by the Watch's Next as well; where the peer does not agree it is the only one.
	Observe(ctx context.Context, m Message) (Watch, error)
	// Ping asks for a sign of life (RFC 7252 section 4.3).
	Ping(ctx context.Context) error
	LocalAddr() netip.AddrPort
	RemoteAddr() netip.AddrPort // where the peer was last heard from
	// Close ends the session and tells the peer.
	Close() error
	// Done is closed when the session has ended.
	Done() <-chan struct{}
}

// A Watch is an observation of a resource of the peer's (RFC 7641), client side.
type Watch interface {
	// Next returns the newest state not yet seen, and waits for one. What has been
	// overtaken by a newer state is not seen at all. Behind the last it fails with
	// ErrObservationEnded, or with why the session has ended.
	Next(ctx context.Context) (Message, error)
	// Cancel ends the observation and tells the peer.
	Cancel()
}

// An Observation is a peer's interest in a resource (RFC 7641), from the server's side.
// Its methods are safe for concurrent use.
type Observation interface {
	// Notify sends a new state of the resource, with the code and options of a response
	// to the request. A state that has not left yet is replaced by a newer one, and until
	// the handler has returned all wait. The notification is confirmable, unless m is
	// NonConfirmable and the peer has shown recently that it is there. A code that is not
	// 2.xx ends the observation, which the peer is told by it. ErrObservationEnded after
	// the end, ErrFormat for options that a response must not have.
	Notify(m *Message) error
	// Done is closed when the observation has ended.
	Done() <-chan struct{}
	// Close ends the observation without a word: the next that the peer hears of it is
	// nothing. It is meant for handlers that stop for good; Notify with an error code
	// tells the peer.
	Close()
}

// Observe accepts a request to observe (RFC 7641 section 3.1): the handler's response,
// where it is 2.xx, is the first notification. It returns nil where the request does not
// ask for it, or there is no room for one more observation; then it is an ordinary request.
func (r *Request) Observe() Observation {
	if r.Register == nil {
		return nil
	}
	return r.Register()
}

// Observers is the set of observations of one resource. The zero value is ready to use,
// and its methods are safe for concurrent use.
type Observers struct {
	mu  sync.Mutex
	set map[Observation]struct{}
}

// Add takes an observation in; nil is ignored, so that the result of Request.Observe can
// be passed as it is.
func (s *Observers) Add(o Observation) {
	if o == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil {
		s.set = make(map[Observation]struct{})
	}
	s.set[o] = struct{}{}
}

// Notify sends a new state to all, and drops those that have ended.
func (s *Observers) Notify(m *Message) {
	for _, o := range s.all() {
		if errors.Is(o.Notify(m), ErrObservationEnded) {
			s.drop(o)
		}
	}
}

// Len is how many observations are open.
func (s *Observers) Len() int { return len(s.all()) }

// all returns the open observations.
func (s *Observers) all() []Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := make([]Observation, 0, len(s.set))
	for o := range s.set {
		select {
		case <-o.Done():
			delete(s.set, o)
		default:
			open = append(open, o)
		}
	}
	return open
}

func (s *Observers) drop(o Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.set, o)
}
