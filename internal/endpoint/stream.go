package endpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// errAnswered is what a handler gets that reads a body behind its response.
var errAnswered = errors.New("the request has been answered")

// A stream is a body that comes while it is read, by one goroutine.
type stream struct {
	endpoint *Endpoint
	consumed func(now time.Time, n int)
	place    *place        // given away while it waits
	fresh    chan struct{} // has a value when there is something to read, or the end has come
	chunks   [][]byte
	err      error // behind chunks
}

func newStream(p *Endpoint, consumed func(now time.Time, n int)) *stream {
	return &stream{endpoint: p, consumed: consumed, fresh: make(chan struct{}, 1)}
}

// Streams is what a handler says of the bodies that it takes while they come, for the engine:
// nil where it takes none.
func Streams(h coap.Handler) func(m *coap.Message) (max int) {
	if s, ok := h.(coap.Streamer); ok {
		return s.Streams
	}
	return nil
}

// put takes the next bytes. The caller holds the lock.
func (s *stream) put(ev session.Event) {
	switch {
	case s == nil || s.err != nil: // nobody reads any more
		return
	case len(ev.Message.Payload) > 0:
		s.chunks = append(s.chunks, ev.Message.Payload)
		s.wake()
	}
	switch {
	case ev.Err != nil:
		s.fail(ev.Err)
	case !ev.More:
		s.fail(io.EOF)
	}
}

// fail ends the stream behind what is here. The caller holds the lock.
func (s *stream) fail(err error) {
	if s != nil && s.err == nil {
		s.err = err
		s.wake()
	}
}

func (s *stream) wake() {
	select {
	case s.fresh <- struct{}{}:
	default:
	}
}

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	for {
		if n, err := s.read(b); n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		select {
		case <-s.fresh:
			continue
		default:
		}
		back := s.place.leave()
		<-s.fresh
		back()
	}
}

// read returns what is here.
func (s *stream) read(b []byte) (int, error) {
	p := s.endpoint
	p.owner.Lock.Lock()
	defer p.owner.Lock.Unlock()
	if len(s.chunks) == 0 {
		if s.err != nil {
			s.wake() // for the next call
		}
		return 0, s.err
	}
	n := copy(b, s.chunks[0])
	if s.chunks[0] = s.chunks[0][n:]; len(s.chunks[0]) == 0 {
		s.chunks[0] = nil
		s.chunks = s.chunks[1:]
	}
	if p.err == nil {
		now := time.Now()
		s.consumed(now, n)
		p.engine.Flush(now)
	}
	return n, nil
}

// A download is the body of a response.
type download struct {
	*stream
	id   uint64
	stop func() bool // does not wait for the end of the context any more
}

// Close implements io.Closer: what has not come is not asked for any more.
func (d download) Close() error {
	d.stop()
	d.endpoint.drop(d.stream, d.id, errAnswered)
	return nil
}

// drop gives up a stream.
func (p *Endpoint) drop(s *stream, id uint64, err error) {
	p.owner.Lock.Lock()
	ended := s.err != nil
	s.chunks = nil
	s.fail(err)
	p.owner.Lock.Unlock()
	if !ended {
		p.cancel(id)
	}
}

// Stream implements coap.Peer.
func (p *Endpoint) Stream(ctx context.Context, m coap.Message, body coap.Body) (coap.Message, io.ReadCloser, error) {
	m.Options = withoutObserve(m.Options) // as in Do
	ch := make(chan answer, 1)
	var s *stream
	id, err := p.begin(func(now time.Time) (uint64, error) {
		return p.engine.Request(now, m, coap.RequestOptions{Body: body, Stream: true})
	}, func(id uint64) {
		p.waiting[id] = ch
		s = newStream(p, func(now time.Time, n int) { p.engine.Consumed(now, id, n) })
		if p.streams == nil {
			p.streams = make(map[uint64]*stream)
		}
		p.streams[id] = s
	})
	if err != nil {
		return coap.Message{}, nil, err
	}
	defer leave(ctx)()
	select {
	case a := <-ch:
		return p.body(ctx, a, id, s)
	case <-ctx.Done():
		p.cancel(id)
		return coap.Message{}, nil, ctx.Err()
	}
}

// body returns the response with a reader of its body.
func (p *Endpoint) body(ctx context.Context, a answer, id uint64, s *stream) (coap.Message, io.ReadCloser, error) {
	if a.err != nil || !a.more {
		p.owner.Lock.Lock()
		delete(p.streams, id)
		p.owner.Lock.Unlock()
		payload := a.message.Payload
		a.message.Payload = nil
		return a.message, io.NopCloser(bytes.NewReader(payload)), a.err
	}
	stop := context.AfterFunc(ctx, func() { p.drop(s, id, ctx.Err()) })
	return a.message, download{s, id, stop}, nil
}
