package coap

import (
	"bytes"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// pooled is a server with a Pool, and a client of it.
type pooled struct {
	t              *testing.T
	client, server *Conn
	pool           *Pool
	out            Batch
	now            time.Time
}

func newPooled(t *testing.T) *pooled {
	p := &pooled{t: t, pool: new(Pool), now: testStart}
	p.client = NewConn(Config{Secure: true, Rand: testRand(1)})
	p.server = NewConn(Config{Secure: true, Rand: testRand(2), Pool: p.pool})
	return p
}

// ask gives the server a request, and returns it as the application sees it.
func (p *pooled) ask(path string, options ...message.Option) Event {
	p.t.Helper()
	p.out.Reset()
	m := Message{Code: codes.GET, Options: append(options, uriPath(path)...)}
	if _, err := p.client.Request(p.now, m, RequestOptions{}, &p.out); err != nil {
		p.t.Fatal(err)
	}
	p.server.Receive(p.now, bytes.Clone(p.out.Datagram(0)), &p.out)
	ev, ok := p.server.Next()
	if !ok {
		p.t.Fatal("no request")
	}
	p.server.Next()
	return ev
}

// answer has the server answer, and the client hear of it.
func (p *pooled) answer(ev Event, m Message) {
	p.t.Helper()
	p.out.Reset()
	if err := p.server.Respond(p.now, ev.ID, m, &p.out); err != nil {
		p.t.Fatal(err)
	}
	var back Batch
	for d := range p.out.All() {
		p.client.Receive(p.now, bytes.Clone(d), &back)
	}
	for d := range back.All() {
		p.server.Receive(p.now, bytes.Clone(d), &p.out)
	}
}

// TestPool: a request is the application's until it is answered, whatever comes meanwhile, and
// what is used again is another's.
func TestPool(t *testing.T) {
	p := newPooled(t)
	quick := func(times int) {
		t.Helper()
		for range times {
			ev := p.ask("quick")
			if got := string(ev.Message.Options[0].Value); got != "quick" {
				t.Fatalf("asked for %q", got)
			}
			p.answer(ev, Message{Code: codes.Content})
		}
	}
	quick(2 * maxAnswered)
	held := p.ask("held")
	quick(tokenSpread / 2)
	if got := string(held.Message.Options[0].Value); got != "held" {
		t.Errorf("the request has become one for %q", got)
	}
	p.answer(held, Message{Code: codes.Content})
	if len(p.pool.free) > 2 || len(p.server.server.entries) > maxAnswered+1 {
		t.Errorf("%d kept, %d in use", len(p.pool.free), len(p.server.server.entries))
	}
	p.now = p.now.Add(2 * entryLifetime)
	p.server.Advance(p.now, &p.out)
	if n := len(p.pool.free); n < maxAnswered || n > maxAnswered+3 || len(p.server.server.entries) != 0 {
		t.Errorf("%d kept when all is forgotten, %d in use", n, len(p.server.server.entries))
	}
}

// TestPoolLeaves: what copies or the application may still refer to is not used again.
func TestPoolLeaves(t *testing.T) {
	for name, request := range map[string]func(p *pooled){
		"separate": func(p *pooled) {
			ev := p.ask("slow")
			p.now = p.now.Add(time.Second)
			p.server.Advance(p.now, &p.out) // acknowledged
			p.answer(ev, Message{Code: codes.Content})
		},
		"observed": func(p *pooled) {
			ev := p.ask("watched", message.Option{ID: message.Observe})
			p.answer(ev, Message{Code: codes.Content, Options: message.Options{{ID: message.Observe}}})
			p.server.EndObservation(p.now, ev.ID)
		},
		"long options": func(p *pooled) {
			var many message.Options
			for range pooledBytes/200 + 1 {
				many = append(many, uriPath(string(bytes.Repeat([]byte("x"), 200)))...)
			}
			p.answer(p.ask("end", many...), Message{Code: codes.Content})
		},
	} {
		p := newPooled(t)
		request(p)
		p.now = p.now.Add(3 * entryLifetime)
		p.server.Advance(p.now, &p.out)
		if len(p.pool.free) != 0 || len(p.server.server.entries) != 0 {
			t.Errorf("%s: %d kept, %d in use", name, len(p.pool.free), len(p.server.server.entries))
		}
	}
}

// TestPoolAllocations: a request and its answer cost the server nothing once its like has come.
func TestPoolAllocations(t *testing.T) {
	p := newPooled(t)
	response := Message{Code: codes.Content, Payload: []byte("21.5")}
	for range 2 * maxAnswered {
		p.answer(p.ask("temperature"), response)
	}
	var datagrams [][]byte
	for range 200 {
		p.out.Reset()
		if _, err := p.client.Request(p.now, Message{Code: codes.GET, Options: uriPath("temperature")}, RequestOptions{}, &p.out); err != nil {
			t.Fatal(err)
		}
		for d := range p.out.All() {
			datagrams = append(datagrams, bytes.Clone(d))
		}
		if len(p.client.open) == nstart { // they are never answered
			p.client = NewConn(Config{Secure: true, Rand: testRand(3)})
			p.client.token = p.server.server.seen.newest + uint64(len(datagrams))
		}
	}
	next := 0
	n := testing.AllocsPerRun(len(datagrams)-1, func() {
		p.out.Reset()
		p.server.Receive(p.now, datagrams[next], &p.out)
		next++
		if ev, ok := p.server.Next(); ok {
			p.server.Respond(p.now, ev.ID, response, &p.out)
		}
		p.server.Next()
	})
	if n != 0 || next != len(datagrams) {
		t.Errorf("%v allocations a request, of %d", n, next)
	}
}
