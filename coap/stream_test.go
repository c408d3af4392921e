package coap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A patterned is a body that nobody holds: every byte follows from its place.
type patterned struct {
	size   int64
	broken int64 // from here on it cannot be read; 0: all can be
	reads  int
	closed bool
}

func patternAt(i int64) byte { return byte(i ^ i>>7 ^ i>>13) }

func (p *patterned) Size() int64 { return p.size }

func (p *patterned) Close() error {
	p.closed = true
	return nil
}

func (p *patterned) ReadAt(b []byte, at int64) (int, error) {
	p.reads++
	if p.broken > 0 && at+int64(len(b)) > p.broken {
		return 0, io.ErrUnexpectedEOF
	}
	for i := range b {
		b[i] = patternAt(at + int64(i))
	}
	return len(b), nil
}

// A drain is an end that takes bodies as they come, at its own speed.
type drain struct {
	*application
	pace    time.Duration // for a chunk; 0: at once
	got     int64
	wrong   bool
	ended   bool
	err     error
	held    int // bytes not taken
	most    int
	head    Event
	pending []taking
	respond func(id uint64, done bool, out *Batch)
}

type taking struct {
	at   time.Time
	kind EventKind
	id   uint64
	n    int
}

func newDrain(p *testPair, end int) *drain {
	d := &drain{application: &application{p, end}}
	p.ends[end] = d
	return d
}

func (d *drain) Receive(now time.Time, datagram []byte, out *Batch) {
	d.pair.conns[d.end].Receive(now, datagram, out)
	d.events(now, out)
}

func (d *drain) Deadline() time.Time {
	at := d.pair.conns[d.end].Deadline()
	if len(d.pending) > 0 {
		at = earlier(at, d.pending[0].at)
	}
	return at
}

func (d *drain) Advance(now time.Time, out *Batch) {
	for len(d.pending) > 0 && !now.Before(d.pending[0].at) {
		t := d.pending[0]
		d.pending = d.pending[1:]
		d.take(now, t, out)
	}
	d.pair.conns[d.end].Advance(now, out)
	d.events(now, out)
}

func (d *drain) take(now time.Time, t taking, out *Batch) {
	d.held -= t.n
	if t.kind == EventBody {
		d.pair.conns[d.end].Consumed(now, t.id, t.n, out)
	} else {
		d.pair.conns[d.end].ConsumedRequest(now, t.id, t.n)
	}
}

func (d *drain) events(now time.Time, out *Batch) {
	for e, ok := d.pair.conns[d.end].Next(); ok; e, ok = d.pair.conns[d.end].Next() {
		switch e.Kind {
		case EventRequest, EventResponse, EventFailed:
			d.head = e
			d.err = e.Err
			d.pair.done[d.end][e.ID] = e
		case EventBody, EventRequestBody:
			d.chunk(now, e, out)
		}
		if d.respond != nil && (e.Kind == EventRequest || e.Kind == EventRequestBody) {
			d.respond(e.ID, e.Kind == EventRequestBody && !e.More, out)
		}
	}
}

func (d *drain) chunk(now time.Time, e Event, out *Batch) {
	for i, b := range e.Message.Payload {
		d.wrong = d.wrong || b != patternAt(d.got+int64(i))
	}
	n := len(e.Message.Payload)
	d.got, d.held, d.ended = d.got+int64(n), d.held+n, d.ended || !e.More
	d.most = max(d.most, d.held)
	if e.Err != nil {
		d.err = e.Err
	}
	t := taking{now, e.Kind, e.ID, n}
	if d.pace == 0 {
		d.take(now, t, out)
		return
	}
	if last := len(d.pending) - 1; last >= 0 {
		t.at = d.pending[last].at
	}
	t.at = t.at.Add(d.pace)
	d.pending = append(d.pending, t)
}

func (d *drain) check(t *testing.T, size int64) {
	t.Helper()
	if d.got != size || d.wrong || !d.ended || d.err != nil {
		t.Fatalf("%d of %d bytes, wrong %v, ended %v, error %v", d.got, size, d.wrong, d.ended, d.err)
	}
	if d.most > inflowRoom {
		t.Errorf("%d bytes waited for the application", d.most)
	}
}

func streaming(max int) func(*Config) {
	return func(c *Config) { c.Stream = func(*Message) int { return max } }
}

const large = 10 << 20

// streamUp sends a body of which neither end holds more than a part.
func streamUp(t *testing.T, p *testPair, size int64) (*patterned, *drain) {
	t.Helper()
	body, d := &patterned{size: size}, newDrain(p, 1)
	d.respond = func(id uint64, done bool, out *Batch) {
		if done {
			d.answer(p.now, id, Message{Code: codes.Changed}, out)
		}
	}
	id := p.request(0, nil, RequestOptions{Body: body})
	p.finish(0, id)
	if e := p.done[0][id]; e.Err != nil || e.Message.Code != codes.Changed {
		t.Fatalf("answer %v, error %v", e.Message.Code, e.Err)
	}
	d.check(t, size)
	return body, d
}

func TestUpload(t *testing.T) {
	for _, loss := range []float64{0, .1, .3} {
		for _, size := range []int64{5000, 100_000, large} {
			if loss > 0 && size == large && testing.Short() {
				continue
			}
			t.Run(fmt.Sprintf("%d %.0f%%", size, loss*100), func(t *testing.T) {
				p := newTestPair(t, 1, loss, streaming(large))
				p.delay, p.jitter, p.dup = 10*ms, 3*ms, loss/4
				body, _ := streamUp(t, p, size)
				if loss == 0 && body.reads > int(size/1024)+4 {
					t.Errorf("%d blocks read", body.reads)
				}
			})
		}
	}
}

// Who reads slowly is not sent more than there is room for, and not much twice.
func TestUploadSlowReader(t *testing.T) {
	for _, pace := range []time.Duration{5 * ms, 100 * ms} {
		p := newTestPair(t, 1, .02, streaming(large))
		p.delay = 10 * ms
		body := &patterned{size: 1 << 20}
		d := newDrain(p, 1)
		d.pace = pace
		d.respond = func(id uint64, done bool, out *Batch) {
			if done {
				d.answer(p.now, id, Message{Code: codes.Changed}, out)
			}
		}
		id := p.request(0, nil, RequestOptions{Body: body})
		p.finish(0, id)
		d.check(t, body.size)
		t.Logf("pace %v: %v, %d bytes sent", pace, p.now.Sub(testStart), p.bytes[0])
		if p.bytes[0] > int(body.size)*2 {
			t.Errorf("pace %v: %d bytes sent for %d", pace, p.bytes[0], body.size)
		}
	}
}

// A body that gets smaller blocks on its way is the same in the end.
func TestStreamSmallerPath(t *testing.T) {
	for _, at := range []int64{0, 100_000} {
		for _, down := range []bool{false, true} {
			p := newTestPair(t, 1, 0, streaming(large), func(c *Config) { c.MinMessage = 80 })
			p.delay = 10 * ms
			body := &patterned{size: 300_000}
			d := newDrain(p, 1)
			o := RequestOptions{Body: body}
			if down {
				d = newDrain(p, 0)
				o = RequestOptions{Stream: true}
				p.ends[1] = &giver{&application{p, 1}, body}
			} else {
				d.respond = func(id uint64, done bool, out *Batch) {
					if done {
						d.answer(p.now, id, Message{Code: codes.Changed}, out)
					}
				}
			}
			id := p.request(0, nil, o)
			p.run(time.Minute, func() bool { return d.got > at })
			p.mtu = [2]int{600, 600}
			p.run(20*time.Minute, func() bool {
				_, answered := p.done[0][id]
				return answered && d.ended
			})
			d.check(t, body.size)
			if p.conns[0].Limit() > 600 && p.conns[1].Limit() > 600 {
				t.Error("nobody has found the path to be narrow")
			}
		}
	}
}

// A giver answers with a body that it does not hold.
type giver struct {
	*application
	body Body
}

func (g *giver) Receive(now time.Time, datagram []byte, out *Batch) {
	c := g.pair.conns[g.end]
	c.Receive(now, datagram, out)
	for e, ok := c.Next(); ok; e, ok = c.Next() {
		if e.Kind == EventRequest {
			if err := c.RespondBody(now, e.ID, Message{Code: codes.Content}, g.body, out); err != nil {
				g.pair.t.Error(err)
			}
		}
	}
}

func (p *testPair) download(body Body, d *drain) uint64 {
	p.ends[1] = &giver{&application{p, 1}, body}
	return p.request(0, nil, RequestOptions{Stream: true})
}

func TestDownload(t *testing.T) {
	for _, pace := range []time.Duration{0, 20 * ms} {
		for _, loss := range []float64{0, .1, .3} {
			for _, size := range []int64{1024, 1200, 100_000, large} {
				if size == large && (pace > 0 || loss > 0 && testing.Short()) {
					continue
				}
				t.Run(fmt.Sprintf("%d %.0f%% %v", size, loss*100, pace), func(t *testing.T) {
					p := newTestPair(t, 1, loss)
					p.delay, p.jitter, p.dup = 10*ms, 3*ms, loss/4
					body, d := &patterned{size: size}, newDrain(p, 0)
					d.pace = pace
					p.download(body, d)
					p.run(20*time.Minute, func() bool { return d.ended || d.head.Kind != 0 && !d.head.More })
					if !d.head.More { // it came in one piece
						d.got, d.ended = int64(len(d.head.Message.Payload)), true
					}
					d.check(t, size)
					if loss == 0 && size == large && p.now.Sub(testStart) > 10*time.Second {
						t.Errorf("took %v", p.now.Sub(testStart))
					}
					p.run(10*time.Minute, func() bool { return body.closed }) // when the entry is forgotten
				})
			}
		}
	}
}

// A body that cannot be read any more ends its exchange, on either side.
func TestBrokenBody(t *testing.T) {
	p := newTestPair(t, 1, 0, streaming(large))
	newDrain(p, 1)
	id := p.request(0, nil, RequestOptions{Body: &patterned{size: 100_000, broken: 50_000}})
	p.finish(0, id)
	if e := p.done[0][id]; !errors.Is(e.Err, ErrBody) {
		t.Errorf("upload: error %v", e.Err)
	}
	p = newTestPair(t, 1, 0)
	d := newDrain(p, 0)
	p.download(&patterned{size: 100_000, broken: 50_000}, d)
	p.run(10*time.Minute, func() bool { return d.err != nil })
	if !errors.Is(d.err, ErrTransfer) {
		t.Errorf("download: error %v", d.err)
	}
	p = newTestPair(t, 1, 0)
	d = newDrain(p, 0)
	p.download(&patterned{size: 1000, broken: 1}, d)
	p.run(time.Minute, func() bool { return d.head.Kind != 0 })
	if d.head.Message.Code != codes.InternalServerError {
		t.Errorf("the first block: %v, error %v", d.head.Message.Code, d.head.Err)
	}
}

// A peer that goes away in the middle does not hold up its reader for ever.
func TestUploadGivenUp(t *testing.T) {
	p := newTestPair(t, 1, 0, streaming(large))
	d := newDrain(p, 1)
	p.request(0, nil, RequestOptions{Body: &patterned{size: large}})
	p.run(time.Minute, func() bool { return d.got > 50_000 })
	p.loss = 1
	p.run(10*time.Minute, func() bool { return d.err != nil })
	if !errors.Is(d.err, ErrTimeout) || d.got == large {
		t.Errorf("error %v after %d bytes", d.err, d.got)
	}
}

// An answer before the end of the body ends the upload.
func TestUploadRefused(t *testing.T) {
	for _, limit := range []int{20_000, large} {
		p := newTestPair(t, 1, .1, streaming(limit))
		d := newDrain(p, 1)
		if limit == large {
			d.respond = func(id uint64, _ bool, out *Batch) {
				if d.got > 30_000 {
					d.respond = nil
					d.answer(p.now, id, Message{Code: codes.RequestEntityTooLarge}, out)
				}
			}
		}
		id := p.request(0, nil, RequestOptions{Body: &patterned{size: large}})
		p.finish(0, id)
		if e := p.done[0][id]; e.Err != nil || e.Message.Code != codes.RequestEntityTooLarge {
			t.Errorf("limit %d: answer %v, error %v", limit, e.Message.Code, e.Err)
		}
		if limit < large && d.got > 0 && !errors.Is(d.err, ErrTooLarge) { // block 0 tells the size
			t.Errorf("the reader learnt %v", d.err)
		}
		if p.bytes[0] > large/4 {
			t.Errorf("%d bytes sent to who wants none", p.bytes[0])
		}
	}
}

// More bodies at once than a peer may have are turned away.
func TestStreamsBounded(t *testing.T) {
	p := newTestPair(t, 1, 0, streaming(large))
	newDrain(p, 1)
	var ids []uint64
	for range maxStreaming + 1 {
		ids = append(ids, p.request(0, nil, RequestOptions{Body: &patterned{size: large}}))
	}
	p.run(time.Minute, func() bool { return len(p.done[0]) > 0 })
	for _, id := range ids {
		if e, ok := p.done[0][id]; ok && e.Message.Code != codes.ServiceUnavailable {
			t.Errorf("answer %v, error %v", e.Message.Code, e.Err)
		}
	}
	if n := len(p.conns[1].server.streaming); n != maxStreaming {
		t.Errorf("%d bodies at once", n)
	}
}

func TestInflow(t *testing.T) {
	now := testStart
	full := bytes.Repeat([]byte{1}, 64)
	for _, c := range []struct {
		what   string
		before []Block
		b      Block
		body   []byte
		want   blockStatus
	}{
		{"the first", nil, Block{0, true, 2}, full, blockStored},
		{"ahead", nil, Block{3, true, 2}, full, blockStored},
		{"twice", []Block{{0, true, 2}}, Block{0, true, 2}, full, blockDuplicate},
		{"ahead twice", []Block{{3, true, 2}}, Block{3, true, 2}, full, blockDuplicate},
		{"ahead and other", []Block{{3, true, 2}}, Block{3, true, 2}, bytes.Repeat([]byte{2}, 64), blockConflict},
		{"larger", []Block{{0, true, 2}}, Block{1, true, 3}, bytes.Repeat([]byte{1}, 128), blockConflict},
		{"smaller", []Block{{0, true, 2}, {3, true, 2}}, Block{4, true, 1}, full[:32], blockStored},
		{"short", nil, Block{0, true, 2}, full[:63], blockInvalid},
		{"beyond the end", []Block{{1, false, 2}}, Block{2, true, 2}, full, blockConflict},
		{"another end", []Block{{1, false, 2}}, Block{1, false, 2}, full[:1], blockConflict},
		{"an end before what is here", []Block{{3, true, 2}}, Block{1, false, 2}, full, blockConflict},
		{"too much", nil, Block{1 << 10, true, 2}, full, blockTooLarge},
		{"far ahead", nil, Block{inflowRoom / 64, true, 2}, full, blockFull},
		{"as far as may be", nil, Block{inflowRoom/64 - 1, true, 2}, full, blockStored},
	} {
		f := newInflow(1 << 16)
		if c.want == blockFull || c.b.Number == inflowRoom/64-1 {
			f.max = 1 << 20
		}
		for _, b := range c.before {
			if status := f.accept(now, b, full); status != blockStored {
				t.Fatalf("%s: before it: %d", c.what, status)
			}
		}
		if got := f.accept(now, c.b, c.body); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}
