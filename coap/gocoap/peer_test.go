package gocoap

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

// A fakePeer answers each request with do, and keeps what is answered to its own.
type fakePeer struct {
	do    func(m coap.Message) (coap.Message, error)
	watch *fakeWatch
	done  chan struct{}
	once  sync.Once

	mu       sync.Mutex
	late     []*coap.Message // responses behind their handlers
	observed []*fakeObservation
}

func newPeer(t *testing.T) *fakePeer {
	p := &fakePeer{done: make(chan struct{})}
	t.Cleanup(func() { p.Close() })
	return p
}

func (p *fakePeer) Do(_ context.Context, m coap.Message) (coap.Message, error) { return p.do(m) }

func (p *fakePeer) Stream(context.Context, coap.Message, coap.Body) (coap.Message, io.ReadCloser, error) {
	return coap.Message{}, nil, errors.ErrUnsupported
}

func (p *fakePeer) Observe(_ context.Context, m coap.Message) (coap.Watch, error) {
	if _, err := p.do(m); err != nil {
		return nil, err
	}
	return p.watch, nil
}

func (p *fakePeer) Ping(context.Context) error { return nil }

func (p *fakePeer) LocalAddr() netip.AddrPort { return netip.MustParseAddrPort("192.0.2.1:5688") }

func (p *fakePeer) RemoteAddr() netip.AddrPort { return netip.MustParseAddrPort("198.51.100.7:40000") }

func (p *fakePeer) Close() error {
	err := errors.New("closed already")
	p.once.Do(func() {
		err = nil
		close(p.done)
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, o := range p.observed {
			o.Close()
		}
	})
	return err
}

func (p *fakePeer) Done() <-chan struct{} { return p.done }

// request is one of the peer's.
func (p *fakePeer) request(code coap.Code, options ...message.Option) *coap.Request {
	return &coap.Request{
		Message: coap.Message{Code: code, Options: options},
		Device:  "sensor-1", SessionID: "c0ffee", Peer: p,
		Register: p.register,
		Postpone: func() func(*coap.Message) error { return p.respond },
	}
}

// observing is a GET with an Observe of 0.
func (p *fakePeer) observing() *coap.Request {
	return p.request(coap.GET, message.Option{ID: message.Observe}, message.Option{ID: message.URIPath, Value: []byte("a")})
}

func (p *fakePeer) register() coap.Observation {
	o := &fakeObservation{done: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.observed = append(p.observed, o)
	return o
}

func (p *fakePeer) respond(m *coap.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = append(p.late, m)
	return nil
}

// responses are the codes of those that came behind their handlers.
func (p *fakePeer) responses() (codes []coap.Code) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.late {
		codes = append(codes, m.Code)
	}
	return codes
}

// A fakeObservation keeps what it is notified of.
type fakeObservation struct {
	mu     sync.Mutex
	states []string
	done   chan struct{}
	ended  bool
}

func (o *fakeObservation) Notify(m *coap.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return coap.ErrObservationEnded
	}
	o.states = append(o.states, m.Code.String()+" "+string(m.Payload))
	return nil
}

func (o *fakeObservation) Done() <-chan struct{} { return o.done }

func (o *fakeObservation) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended = true
		close(o.done)
	}
}

// A fakeWatch has the states that are sent to it.
type fakeWatch struct {
	states    chan coap.Message
	cancelled chan struct{}
	once      sync.Once
}

func newWatch(states ...coap.Message) *fakeWatch {
	w := &fakeWatch{states: make(chan coap.Message, 10), cancelled: make(chan struct{})}
	for _, s := range states {
		w.states <- s
	}
	return w
}

func (w *fakeWatch) Next(ctx context.Context) (coap.Message, error) {
	select {
	case m := <-w.states:
		return m, nil
	case <-w.cancelled:
		return coap.Message{}, coap.ErrObservationEnded
	case <-ctx.Done():
		return coap.Message{}, ctx.Err()
	}
}

func (w *fakeWatch) Cancel() { w.once.Do(func() { close(w.cancelled) }) }

// serve calls a mux handler with a request.
func serve(t *testing.T, r *coap.Request, h mux.HandlerFunc) *coap.Message {
	t.Helper()
	return Handler(h).ServeCoAP(t.Context(), r)
}

// write makes the message that a program writes for a token.
func write(c mux.Conn, token message.Token, code coap.Code, observe bool) error {
	m := c.AcquireMessage(c.Context())
	defer c.ReleaseMessage(m)
	m.SetCode(code)
	m.SetToken(token)
	if observe {
		m.SetObserve(2)
	}
	return c.WriteMessage(m)
}
