package endpoint

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A fake is an engine that notes what it is told. Its fields are under the owner's lock.
type fake struct {
	t    *testing.T
	lock *sync.Mutex

	lastID    uint64
	requests  map[uint64]coap.Message
	timeouts  map[uint64]time.Duration
	responses map[uint64][]coap.Message
	notified  map[uint64][]coap.Message
	cancelled []uint64
	ended     []uint64
	full      bool // no room for observations
	refuse    error
	refuseOne error // the next response or notification
	closed    bool
}

func (f *fake) held() {
	f.t.Helper()
	if f.lock.TryLock() {
		f.t.Error("an engine was called without its lock")
		f.lock.Unlock()
	}
}

func (f *fake) Request(_ time.Time, m coap.Message, opt coap.RequestOptions) (uint64, error) {
	f.held()
	if f.refuse != nil {
		return 0, f.refuse
	}
	f.lastID++
	f.requests[f.lastID], f.timeouts[f.lastID] = m, opt.Timeout
	return f.lastID, nil
}

func (f *fake) Ping(now time.Time) (uint64, error) {
	return f.Request(now, coap.Message{}, coap.RequestOptions{})
}

func (f *fake) Cancel(_ time.Time, id uint64) {
	f.held()
	f.cancelled = append(f.cancelled, id)
}

func (f *fake) Respond(_ time.Time, id uint64, m coap.Message, _ coap.Body) error {
	f.held()
	if err := f.refuseOne; err != nil {
		f.refuseOne = nil
		return err
	}
	f.responses[id] = append(f.responses[id], m)
	return nil
}

func (f *fake) Consumed(time.Time, uint64, int)        { f.held() }
func (f *fake) ConsumedRequest(time.Time, uint64, int) { f.held() }

func (f *fake) Notify(_ time.Time, id uint64, m coap.Message) error {
	f.held()
	if err := f.refuseOne; err != nil {
		f.refuseOne = nil
		return err
	}
	f.notified[id] = append(f.notified[id], m)
	return nil
}

func (f *fake) EndObservation(_ time.Time, id uint64) {
	f.held()
	f.ended = append(f.ended, id)
}

func (f *fake) Room() bool                 { return !f.full }
func (f *fake) LocalAddr() netip.AddrPort  { return netip.MustParseAddrPort("192.0.2.1:1") }
func (f *fake) RemoteAddr() netip.AddrPort { return netip.MustParseAddrPort("192.0.2.2:2") }
func (f *fake) Flush(time.Time)            { f.held() }

func (f *fake) Close() error {
	f.closed = true
	return nil
}

// A rig is an endpoint with a fake for an engine, in a bubble of its own.
type rig struct {
	*Endpoint
	t      *testing.T
	engine *fake
	lock   sync.Mutex
	tasks  sync.WaitGroup
	nextID uint64
	cancel context.CancelFunc // of the handlers
}

// newRig makes one whose owner lets most handlers be at work.
func newRig(t *testing.T, most int, h coap.Handler) *rig {
	r := &rig{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	owner := &Owner{
		Lock: &r.lock, Context: ctx, Handler: h, Tasks: &r.tasks, Most: most,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	r.engine = &fake{
		t: t, lock: &r.lock, requests: make(map[uint64]coap.Message), timeouts: make(map[uint64]time.Duration),
		responses: make(map[uint64][]coap.Message), notified: make(map[uint64][]coap.Message),
	}
	r.Endpoint = New(owner, r.engine)
	r.Device, r.SessionID = "sensor-1", "ab"
	return r
}

// locked runs f under the owner's lock.
func (r *rig) under(f func()) {
	r.lock.Lock()
	defer r.lock.Unlock()
	f()
}

// event has the endpoint take one, and waits until all that comes of it has come, also where
// handlers are slow.
func (r *rig) event(ev session.Event) {
	r.under(func() { r.Take(time.Now(), ev) })
	time.Sleep(20 * patience)
	synctest.Wait()
}

// ask is a request of the peer's; it returns its ID.
func (r *rig) ask(code coap.Code, options ...message.Option) uint64 {
	r.nextID++
	id := 1000 + r.nextID
	r.event(session.Event{Kind: session.EventRequest, ID: id, Message: coap.Message{Code: code, Options: options}})
	return id
}

// answered returns the codes of the responses to a request.
func (r *rig) answered(id uint64) (codes []coap.Code) {
	r.under(func() {
		for _, m := range r.engine.responses[id] {
			codes = append(codes, m.Code)
		}
	})
	return codes
}

func (r *rig) wantAnswer(id uint64, want ...coap.Code) {
	r.t.Helper()
	got := r.answered(id)
	same := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		same = same && got[i] == want[i]
	}
	if !same {
		r.t.Errorf("request %d was answered %v, want %v", id, got, want)
	}
}

// finish ends the session and waits for the handlers.
func (r *rig) finish() {
	r.under(func() { r.End(session.ErrClosed) })
	r.cancel()
	r.tasks.Wait()
}

func handler(f func(ctx context.Context, r *coap.Request) *coap.Message) coap.Handler {
	return coap.HandlerFunc(f)
}

var observeZero = message.Option{ID: message.Observe}
