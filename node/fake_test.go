package node

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A fakeSession is the engine of a session whose server is the test. What is asked comes by
// its channel, and the test answers by calling tell.
type fakeSession struct {
	conn      *Conn
	end       *endpoint.Endpoint
	lastID    uint64
	asked     chan asked
	cancelled []uint64
}

type asked struct {
	id      uint64
	message coap.Message
	at      time.Time
}

// newFake makes a Conn whose session is open.
func newFake(t *testing.T) (*Conn, *fakeSession) {
	c := &Conn{gone: make(chan struct{})}
	handlers, cancel := context.WithCancel(t.Context())
	c.cancel = cancel
	c.owner = &endpoint.Owner{
		Lock: &c.mu, Context: handlers, Tasks: &c.tasks, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	return c, c.reopen()
}

// reopen gives the Conn a new session.
func (c *Conn) reopen() *fakeSession {
	f := &fakeSession{conn: c, asked: make(chan asked, 100)}
	f.end = endpoint.New(c.owner, f)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active = &strand{conn: c, end: f.end}
	return f
}

// tell gives the session an event.
func (f *fakeSession) tell(ev session.Event) {
	f.conn.mu.Lock()
	f.end.Take(time.Now(), ev)
	f.conn.mu.Unlock()
	synctest.Wait()
}

// answer answers the next request.
func (f *fakeSession) answer(m coap.Message) asked {
	a := <-f.asked
	f.tell(session.Event{Kind: session.EventResponse, ID: a.id, Message: m})
	return a
}

func (f *fakeSession) Request(now time.Time, m coap.Message, _ coap.RequestOptions) (uint64, error) {
	f.lastID++
	f.asked <- asked{f.lastID, m, now}
	return f.lastID, nil
}

func (f *fakeSession) Cancel(_ time.Time, id uint64) { f.cancelled = append(f.cancelled, id) }

func (f *fakeSession) Ping(now time.Time) (uint64, error) {
	return f.Request(now, coap.Message{}, coap.RequestOptions{})
}

func (f *fakeSession) Respond(time.Time, uint64, coap.Message, coap.Body) error { return nil }
func (f *fakeSession) Consumed(time.Time, uint64, int)                          {}
func (f *fakeSession) ConsumedRequest(time.Time, uint64, int)                   {}
func (f *fakeSession) Notify(time.Time, uint64, coap.Message) error             { return nil }
func (f *fakeSession) EndObservation(time.Time, uint64)                         {}
func (f *fakeSession) Room() bool                                               { return false }
func (f *fakeSession) LocalAddr() netip.AddrPort                                { return netip.AddrPort{} }
func (f *fakeSession) RemoteAddr() netip.AddrPort                               { return netip.AddrPort{} }
func (f *fakeSession) Close() error                                             { return nil }
func (f *fakeSession) Flush(time.Time)                                          {}
