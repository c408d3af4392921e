package coap

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A testPair is two Secure Conns and the applications on them.
type testPair struct {
	*testPath
	conns    [2]*Conn
	handled  [2]map[uint64]int // by token
	bodies   [2][][]byte       // requests handled at each end
	done     [2]map[uint64]Event
	news     [2][]Event // of observations, the first response too
	respond  func(m Message) Message
	thinking func() time.Duration
	later    []pending
}

type pending struct {
	at   time.Time
	end  int
	id   uint64
	body Message
}

func newTestPair(t testing.TB, seed uint64, loss float64, configure ...func(*Config)) *testPair {
	p := &testPair{testPath: newTestPath(t, seed, loss)}
	p.respond = func(m Message) Message { return Message{Code: codes.Content, Payload: m.Payload} }
	for i := range p.conns {
		config := Config{Secure: true, Rand: testRand(seed + uint64(i)), MaxMessage: 1152}
		for _, f := range configure {
			f(&config)
		}
		p.conns[i] = NewConn(config)
		p.handled[i], p.done[i] = make(map[uint64]int), make(map[uint64]Event)
		p.ends[i] = &application{p, i}
	}
	return p
}

// An application drives the Conn at one end and answers what it is asked.
type application struct {
	pair *testPair
	end  int
}

func (a *application) Receive(now time.Time, datagram []byte, out *Batch) {
	a.pair.conns[a.end].Receive(now, datagram, out)
	a.events(now, out)
}

func (a *application) Deadline() time.Time {
	at := a.pair.conns[a.end].Deadline()
	for _, l := range a.pair.later {
		if l.end == a.end {
			at = earlier(at, l.at)
		}
	}
	return at
}

func (a *application) Advance(now time.Time, out *Batch) {
	p := a.pair
	for i := 0; i < len(p.later); i++ {
		if l := p.later[i]; l.end == a.end && !now.Before(l.at) {
			p.later = append(p.later[:i], p.later[i+1:]...)
			i--
			a.answer(now, l.id, l.body, out)
		}
	}
	p.conns[a.end].Advance(now, out)
	a.events(now, out)
}

func (a *application) events(now time.Time, out *Batch) {
	p := a.pair
	for {
		e, ok := p.conns[a.end].Next()
		if !ok {
			return
		}
		if _, found := option(e.Message.Options, message.Observe); found || e.Kind == EventNotification || e.Kind == EventCancelled {
			if e.Kind != EventRequest {
				p.news[a.end] = append(p.news[a.end], e)
			}
		}
		if e.Kind != EventRequest {
			p.done[a.end][e.ID] = e
			continue
		}
		p.handled[a.end][e.ID]++
		p.bodies[a.end] = append(p.bodies[a.end], e.Message.Payload)
		m := p.respond(e.Message)
		if p.thinking == nil {
			a.answer(now, e.ID, m, out)
		} else {
			p.later = append(p.later, pending{now.Add(p.thinking()), a.end, e.ID, m})
		}
	}
}

func (a *application) answer(now time.Time, id uint64, m Message, out *Batch) {
	if err := a.pair.conns[a.end].Respond(now, id, m, out); err != nil {
		a.pair.t.Errorf("Respond: %v", err)
	}
}

func (p *testPair) request(end int, body []byte, o RequestOptions) uint64 {
	p.t.Helper()
	var out Batch
	id, err := p.conns[end].Request(p.now, Message{Code: codes.POST, Options: uriPath("a"), Payload: body}, o, &out)
	if err != nil {
		p.t.Fatalf("Request: %v", err)
	}
	p.carry(end, &out)
	return id
}

func uriPath(path string) message.Options {
	return message.Options{{ID: message.URIPath, Value: []byte(path)}}
}

// finish runs until all the requests of an end have ended.
func (p *testPair) finish(end int, ids ...uint64) {
	p.t.Helper()
	p.run(10*time.Minute, func() bool {
		for _, id := range ids {
			if _, ok := p.done[end][id]; !ok {
				return false
			}
		}
		return true
	})
}

func (p *testPair) check(end int, id uint64, want []byte) {
	p.t.Helper()
	e := p.done[end][id]
	if e.Kind != EventResponse || e.Err != nil {
		p.t.Fatalf("request %d: event %d, error %v", id, e.Kind, e.Err)
	}
	if e.Message.Code != codes.Content || !bytes.Equal(e.Message.Payload, want) {
		p.t.Fatalf("request %d: %v with %d bytes, want %d", id, e.Message.Code, len(e.Message.Payload), len(want))
	}
	for token, n := range p.handled[1-end] {
		if n != 1 {
			p.t.Fatalf("request with token %d was handled %d times", token, n)
		}
	}
}

func TestBodies(t *testing.T) {
	sizes := []struct{ up, down int }{
		{0, 0}, {1, 1}, {1023, 1024}, {1024, 1025}, {1100, 1100}, {2048, 2047}, {2049, 2048},
		{5000, 1700}, {0, 5000}, {5000, 0}, {100_000, 100_000},
	}
	for _, loss := range []float64{0, .05, .1, .2, .4} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%d up %d down %.0f%%", size.up, size.down, loss*100), func(t *testing.T) {
				p := newTestPair(t, 1, loss)
				p.jitter, p.dup = 10*time.Millisecond, loss/4
				up, down := testBody(size.up, 1), testBody(size.down, 2)
				p.respond = func(Message) Message { return Message{Code: codes.Content, Payload: down} }
				for _, end := range []int{0, 1} {
					id := p.request(end, up, RequestOptions{ExpectBody: size.down})
					p.finish(end, id)
					p.check(end, id, down)
					if got := p.bodies[1-end]; len(got) != 1 || !bytes.Equal(got[0], up) {
						t.Fatalf("handler got another body")
					}
				}
			})
		}
	}
}

func TestConcurrent(t *testing.T) {
	for _, loss := range []float64{0, .1, .4} {
		p := newTestPair(t, 3, loss)
		p.jitter = 20 * time.Millisecond
		p.thinking = func() time.Duration { return time.Duration(p.rng.IntN(120)) * time.Millisecond }
		want := make(map[uint64][]byte)
		var ids []uint64
		for i := range 40 {
			body := testBody(i*i*3, uint32(i))
			id := p.request(0, body, RequestOptions{ExpectBody: len(body)})
			want[id], ids = body, append(ids, id)
		}
		p.finish(0, ids...)
		for _, id := range ids {
			p.check(0, id, want[id])
		}
	}
}

func TestPing(t *testing.T) {
	p := newTestPair(t, 1, .4)
	var out Batch
	id := p.conns[0].Ping(p.now, &out)
	p.carry(0, &out)
	p.finish(0, id)
	if e := p.done[0][id]; e.Kind != EventPong {
		t.Errorf("event %d, error %v", e.Kind, e.Err)
	}
	if got := p.conns[0].RTT().Smoothed(); got < 100*time.Millisecond || got > 110*time.Millisecond {
		t.Errorf("SRTT %v", got)
	}
}

func TestTimeout(t *testing.T) {
	p := newTestPair(t, 1, 1)
	id := p.request(0, nil, RequestOptions{Timeout: 3 * time.Second})
	p.finish(0, id)
	if e := p.done[0][id]; !errors.Is(e.Err, ErrTimeout) || p.now.Sub(testStart) != 3*time.Second {
		t.Errorf("error %v after %v", e.Err, p.now.Sub(testStart))
	}
	if at := p.conns[0].Deadline(); !at.IsZero() {
		t.Errorf("deadline %v with nothing to do", at)
	}
}

// Both ends ask each other for all kinds of bodies at once, over all kinds of paths.
func TestBothWays(t *testing.T) {
	runs := 60
	if testing.Short() {
		runs = 10
	}
	for seed := range uint64(runs) {
		p := newTestPair(t, seed, []float64{0, .1, .2, .4}[seed%4])
		p.delay, p.jitter, p.dup = time.Duration(1+seed%5*40)*ms, time.Duration(seed%7)*10*ms, .1
		if seed%2 == 0 {
			p.thinking = func() time.Duration { return time.Duration(p.rng.IntN(120)) * ms }
		}
		var want [2]map[uint64][]byte
		for i := range 30 {
			end, body := i%2, testBody(p.rng.IntN(1+i*200), uint32(i))
			id := p.request(end, body, RequestOptions{ExpectBody: []int{len(body), 0, 5000}[i%3]})
			if want[end] == nil {
				want[end] = make(map[uint64][]byte)
			}
			want[end][id] = body
		}
		for end := range 2 {
			p.finish(end, slices.Collect(maps.Keys(want[end]))...)
			for id, body := range want[end] {
				p.check(end, id, body)
			}
		}
	}
}

// On a narrow line with a queue what is sent is what delays: repeats must not fill it.
func TestNarrowPath(t *testing.T) {
	for _, rate := range []int{1000, 4000, 50_000} {
		for _, loss := range []float64{0, .05} {
			p := newTestPair(t, 1, loss)
			p.rate, p.backlog = rate, 5*time.Second
			body := testBody(20_000, 1)
			id := p.request(0, body, RequestOptions{Timeout: 5 * time.Minute})
			p.finish(0, id)
			p.check(0, id, body)
			t.Logf("%d B/s, loss %v: %v, %d and %d bytes", rate, loss, p.now.Sub(testStart).Round(ms), p.bytes[0], p.bytes[1])
			if sent := p.bytes[0] + p.bytes[1]; sent > 5*len(body) {
				t.Errorf("%d B/s, loss %v: %d bytes for two bodies of %d", rate, loss, sent, len(body))
			}
		}
	}
}

// No datagram is larger than MaxMessage, whatever the body, and blocks are as large as it
// allows.
func TestMaxMessage(t *testing.T) {
	for _, limit := range []int{64, 100, 150, 300, 700, 1100, 1152, 1400} {
		for _, size := range []int{0, 10, 50, 100, 500, 1000, 1024, 1100, 1300, 3000} {
			p := newTestPair(t, 1, .1, func(c *Config) { c.MaxMessage = limit })
			p.respond = func(m Message) Message {
				return Message{Code: codes.Content, Payload: m.Payload, Options: message.Options{
					{ID: message.ETag, Value: []byte("12345678")}, {ID: message.ContentFormat, Value: []byte{60}},
				}}
			}
			body := testBody(size, 1)
			id := p.request(0, body, RequestOptions{ExpectBody: size})
			p.finish(0, id)
			p.check(0, id, body)
			if p.largest > limit || size >= limit && p.largest < limit/3 {
				t.Errorf("MaxMessage %d, body %d: a datagram of %d bytes", limit, size, p.largest)
			}
		}
	}
}
