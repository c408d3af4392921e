package server

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

// A Queued is a request that waits for a device, and then for its answer. Its methods are safe for
// concurrent use.
type Queued struct {
	server  *Server
	device  string
	message coap.Message
	size    int
	done    chan struct{}

	// Under the server's lock, until done.
	timer  *time.Timer
	sent   bool
	stop   context.CancelFunc // of the exchange
	answer coap.Message
	err    error
}

func newQueued(s *Server, device string, m coap.Message) *Queued {
	q := &Queued{server: s, device: device, message: m, done: make(chan struct{}), size: queuedOverhead + len(m.Payload)}
	q.message.Payload = bytes.Clone(m.Payload)
	q.message.Options = slices.Clone(m.Options)
	for i, o := range q.message.Options {
		q.message.Options[i].Value = bytes.Clone(o.Value)
		q.size += len(o.Value)
	}
	return q
}

// Done is closed when the request has been answered or has failed.
func (q *Queued) Done() <-chan struct{} { return q.done }

// Wait returns the answer when it is there. When ctx is done the request goes on.
func (q *Queued) Wait(ctx context.Context) (coap.Message, error) {
	select {
	case <-q.done:
		return q.answer, q.err
	case <-ctx.Done():
		return coap.Message{}, ctx.Err()
	}
}

// Cancel gives the request up: it fails with ErrCancelled, if it has no answer yet. The device may
// have got it.
func (q *Queued) Cancel() { q.give(ErrCancelled) }

// give ends the request with an error, at any time.
func (q *Queued) give(err error) {
	q.server.mu.Lock()
	defer q.server.mu.Unlock()
	if !q.ended() {
		q.end(coap.Message{}, err)
	}
}

// The methods below are called under the server's lock.

// begin notes that the request is being sent, and returns a context for that.
func (q *Queued) begin() context.Context {
	ctx, stop := context.WithCancel(q.server.ctx)
	q.sent, q.stop = true, stop
	return ctx
}

func (q *Queued) ended() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// end takes the request out of the queue.
func (q *Queued) end(m coap.Message, err error) {
	all := &q.server.queue
	if of := all.devices[q.device]; of != nil {
		if of.list = slices.DeleteFunc(of.list, func(r *Queued) bool { return r == q }); len(of.list) == 0 && !of.busy {
			delete(all.devices, q.device)
		}
	}
	all.stats.count(err)
	all.stats.Waiting--
	all.stats.Bytes -= q.size
	q.timer.Stop()
	if q.stop != nil {
		q.stop()
	}
	q.answer, q.err = m, err
	close(q.done)
}

func (s *QueueStats) count(err error) {
	switch {
	case err == nil:
		s.Answered++
	case errors.Is(err, ErrExpired):
		s.Expired++
	case errors.Is(err, ErrReplaced):
		s.Replaced++
	case errors.Is(err, ErrCancelled):
		s.Cancelled++
	default:
		s.Failed++
	}
}

// same tells whether two requests are of one method, path and query.
func (q *Queued) same(r *Queued) bool {
	return q.message.Code == r.message.Code && slices.EqualFunc(named(q.message), named(r.message),
		func(a, b message.Option) bool { return a.ID == b.ID && bytes.Equal(a.Value, b.Value) })
}

// named are the options that say what a request is about.
func named(m coap.Message) (options message.Options) {
	for _, o := range m.Options {
		if o.ID == message.URIPath || o.ID == message.URIQuery {
			options = append(options, o)
		}
	}
	return options
}

// idempotent tells whether doing the request twice is as doing it once (RFC 7252 section 5.1, RFC
// 8132).
func (q *Queued) idempotent() bool {
	switch q.message.Code {
	case coap.GET, coap.PUT, coap.DELETE, coap.FETCH, coap.IPATCH:
		return true
	}
	return false
}
