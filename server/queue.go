package server

import (
	"errors"
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

// Errors of requests that are queued.
var (
	ErrQueue     = errors.New("server: request cannot be queued") // without a device's name, or a time to live
	ErrQueueFull = errors.New("server: queue is full")
	ErrExpired   = errors.New("server: request has expired")
	ErrReplaced  = errors.New("server: request has been replaced by a newer one")
	ErrCancelled = errors.New("server: request has been cancelled")
	// ErrUncertain says that the request was sent and no answer has come. The device may have done
	// what it asks for, and doing it twice may not be the same as doing it once.
	ErrUncertain = errors.New("server: the device may have got the request")
)

// Bounds of a server's queue. A device that never comes, and who asks it, must not take the memory
// of all others.
const (
	QueueDevice = 16       // requests for one device
	QueueTotal  = 10_000   // requests
	QueueBytes  = 16 << 20 // of messages
)

// queuedOverhead is what a request takes beside its options and payload, about.
const queuedOverhead = 512

// QueueOptions are those of one request.
type QueueOptions struct {
	Expiry time.Duration // how long the device has to answer in; needed
	// Replace has the request take the place of one for the same device that has not been sent, of
	// the same method, path and query: the device is to know the newest only.
	Replace bool
}

// queue is what waits for devices. All of it is under the server's lock.
type queue struct {
	devices map[string]*deviceQueue
	closed  bool
	stats   QueueStats
}

// A deviceQueue is of one device, the first to be sent in front.
type deviceQueue struct {
	list  []*Queued
	busy  bool // somebody is sending
	again bool // the device was heard meanwhile
}

// Queue sends a request to a device that may be asleep: at once where it was heard in the last 30 s,
// else when it is heard next, in whatever session. Requests for one device are sent in the order in
// which they were queued, each when the one before has been answered. One without an answer is
// sent again when the device is heard next, until it expires, if its method is idempotent
// (RFC 7252 section 5.1); if not, it ends with ErrUncertain. What is queued is lost when the server
// ends: then each fails with ErrClosed. ErrQueueFull says that [QueueDevice], [QueueTotal] or
// [QueueBytes] wait already. The message is copied.
func (s *Server) Queue(device string, m coap.Message, opt QueueOptions) (*Queued, error) {
	if device == "" || opt.Expiry <= 0 {
		return nil, ErrQueue
	}
	q := newQueued(s, device, m)
	if err := s.enqueue(q, opt); err != nil {
		return nil, err
	}
	s.deliver(device)
	return q, nil
}

func (s *Server) enqueue(q *Queued, opt QueueOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := s.queue.add(q, opt.Replace); err != nil {
		return err
	}
	q.timer = time.AfterFunc(opt.Expiry, func() { q.give(ErrExpired) })
	return nil
}

// add puts a request behind those of its device, or in the place of one.
func (q *queue) add(r *Queued, replace bool) error {
	if q.devices == nil {
		q.devices = make(map[string]*deviceQueue)
	}
	of := q.devices[r.device]
	if of == nil {
		of = &deviceQueue{}
	}
	at, bytes := -1, q.stats.Bytes+r.size
	if replace {
		if at = of.find(r); at >= 0 {
			bytes -= of.list[at].size
		}
	}
	switch {
	case bytes > QueueBytes, at < 0 && (len(of.list) >= QueueDevice || q.stats.Waiting >= QueueTotal):
		q.stats.Full++
		return ErrQueueFull
	case at >= 0:
		old := of.list[at]
		of.list[at] = r
		old.end(coap.Message{}, ErrReplaced)
	default:
		of.list = append(of.list, r)
	}
	q.devices[r.device] = of
	q.stats.Queued++
	q.stats.Waiting++
	q.stats.Bytes += r.size
	return nil
}

// find is where a request stands that another can replace, -1 if nowhere.
func (of *deviceQueue) find(r *Queued) int {
	for i, old := range of.list {
		if !old.sent && old.same(r) {
			return i
		}
	}
	return -1
}

// close fails all that waits.
func (q *queue) close() {
	q.closed = true
	for _, of := range q.devices {
		for len(of.list) > 0 {
			of.list[0].end(coap.Message{}, ErrClosed)
		}
	}
}

func (q *queue) counted() QueueStats { return q.stats }
