package coap

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func peerMode(c *Config) { c.Secure, c.Peer = false, true }

func observeOption(v byte) message.Options {
	value := []byte{}
	if v > 0 {
		value = []byte{v}
	}
	return message.Options{{ID: message.Observe, Value: value}, {ID: message.URIPath, Value: []byte("a")}}
}

// observe registers end 0, and the other agrees with this body.
func (p *testPair) observe(body []byte) uint64 {
	p.t.Helper()
	p.respond = func(m Message) Message {
		return Message{Code: codes.Content, Payload: body, Options: message.Options{{ID: message.Observe}}}
	}
	var out Batch
	id, err := p.conns[0].Request(p.now, Message{Code: codes.GET, Options: observeOption(0)}, RequestOptions{}, &out)
	if err != nil {
		p.t.Fatal(err)
	}
	p.carry(0, &out)
	p.finish(0, id)
	return id
}

// watched returns the server's ID of the observation.
func (p *testPair) watched() uint64 {
	p.t.Helper()
	if n := len(p.conns[1].server.observed); n != 1 {
		p.t.Fatalf("%d observations", n)
	}
	return p.conns[1].server.observed[0].key
}

func (p *testPair) notify(m Message) error {
	var out Batch
	err := p.conns[1].Notify(p.now, p.watched(), m, &out)
	p.carry(1, &out)
	return err
}

// Whatever is lost, the observer sees states in their order, and the last for certain.
func TestObserve(t *testing.T) {
	modes := map[string][]func(*Config){"records": nil, "peer": {peerMode}}
	for name, mode := range modes {
		for _, loss := range []float64{0, .1, .4} {
			t.Run(fmt.Sprintf("%s %.0f%%", name, loss*100), func(t *testing.T) {
				for seed := range uint64(6) {
					p := newTestPair(t, seed, loss, mode...)
					p.jitter, p.dup = 10*ms, loss/4
					testStates(t, p)
				}
			})
		}
	}
}

func testStates(t *testing.T, p *testPair) {
	states := [][]byte{testBody(10, 100)}
	p.observe(states[0])
	for i := range 40 {
		body := testBody(p.rng.IntN(10)*p.rng.IntN(400), uint32(i))
		states = append(states, body)
		m := Message{Code: codes.Content, Payload: body}
		if i%3 == 0 && i < 39 {
			m.Type = message.NonConfirmable
		}
		if err := p.notify(m); err != nil {
			t.Fatal(err)
		}
		pause := p.now.Add(time.Duration(p.rng.IntN(400)) * ms)
		for p.now.Before(pause) && p.step() {
		}
	}
	last := states[len(states)-1]
	p.run(5*time.Minute, func() bool {
		return len(p.news[0]) > 0 && bytes.Equal(p.news[0][len(p.news[0])-1].Message.Payload, last)
	})
	next := 0
	for _, e := range p.news[0] {
		for next < len(states) && !bytes.Equal(states[next], e.Message.Payload) {
			next++
		}
		if next == len(states) {
			t.Fatalf("%d states seen, one of them (%d bytes) out of order or cut", len(p.news[0]), len(e.Message.Payload))
		}
	}
	if p.loss == 0 && len(p.news[0]) < 20 {
		t.Errorf("%d of %d states arrived without loss", len(p.news[0]), len(states))
	}
}

func TestObserveCancel(t *testing.T) {
	for name, mode := range map[string][]func(*Config){"records": nil, "peer": {peerMode}} {
		t.Run(name, func(t *testing.T) {
			p := newTestPair(t, 1, .2, mode...)
			id := p.observe(testBody(3000, 1))
			server := p.watched()
			var out Batch
			p.conns[0].Cancel(p.now, id, &out)
			p.carry(0, &out)
			p.run(time.Minute, func() bool { return len(p.news[1]) > 0 && len(p.conns[0].byID) == 0 })
			if e := p.news[1][0]; e.Kind != EventCancelled || e.ID != server || e.Err != nil {
				t.Errorf("the server learnt %+v", e)
			}
			if err := p.conns[1].Notify(p.now, server, Message{Code: codes.Content}, &out); !errors.Is(err, ErrUnknownRequest) {
				t.Errorf("Notify after the end: %v", err)
			}
			if len(p.news[0]) != 1 {
				t.Errorf("%d events of a cancelled observation", len(p.news[0]))
			}
		})
	}
}

// Whoever gives up before there is a response leaves no observation behind, whatever is lost.
func TestObserveGivenUp(t *testing.T) {
	for seed := range uint64(60) {
		p := newTestPair(t, seed, .3)
		p.respond = func(m Message) Message {
			return Message{Code: codes.Content, Payload: testBody(3000, 1), Options: message.Options{{ID: message.Observe}}}
		}
		var out Batch
		id, err := p.conns[0].Request(p.now, Message{Code: codes.GET, Options: observeOption(0)}, RequestOptions{}, &out)
		if err != nil {
			t.Fatal(err)
		}
		p.carry(0, &out)
		for range seed % 6 {
			p.step()
		}
		if _, done := p.done[0][id]; done {
			continue
		}
		p.conns[0].Cancel(p.now, id, &out)
		p.carry(0, &out)
		p.run(2*time.Minute, func() bool { return len(p.conns[0].byID) == 0 })
		p.run(time.Minute, func() bool { return len(p.conns[1].server.observed) == 0 })
		if len(p.done[0])+len(p.news[0]) != 0 {
			t.Errorf("seed %d: an event of what was given up", seed)
		}
	}
}

// A registration whose time passes while its answer is on the way is taken back.
func TestObserveTimeout(t *testing.T) {
	p := newTestPair(t, 1, 0)
	p.respond = func(m Message) Message {
		return Message{Code: codes.Content, Options: message.Options{{ID: message.Observe}}}
	}
	var out Batch
	id, err := p.conns[0].Request(p.now, Message{Code: codes.GET, Options: observeOption(0)}, RequestOptions{Timeout: 60 * ms}, &out)
	if err != nil {
		t.Fatal(err)
	}
	p.carry(0, &out)
	p.run(time.Second, func() bool { return len(p.conns[1].server.observed) == 1 })
	p.run(time.Second, func() bool { return len(p.conns[1].server.observed) == 0 && len(p.conns[0].byID) == 0 })
	if e := p.done[0][id]; !errors.Is(e.Err, ErrTimeout) || len(p.news[0]) != 0 {
		t.Errorf("event %+v, and %d more", e, len(p.news[0]))
	}
}

// What is cancelled while the application has it never begins, and the application is told.
func TestObserveWithdrawn(t *testing.T) {
	p := newProbe(t, Config{})
	p.send(get(1, observeOption(0)...))
	e := p.request()
	p.send(get(1, observeOption(1)...))
	m := p.only(p.respond(e.ID, Message{Code: codes.Content, Options: message.Options{{ID: message.Observe}}}), message.Acknowledgement, codes.Content)
	if hasObserve(&m) || len(p.conn.server.observed) != 0 {
		t.Error("it observes")
	}
	if got, ok := p.conn.Next(); !ok || got.Kind != EventCancelled || got.ID != e.ID || got.Err != nil {
		t.Errorf("the application learnt %+v", got)
	}
}

// An error ends an observation for both.
func TestObserveError(t *testing.T) {
	p := newTestPair(t, 1, .2)
	p.observe([]byte("one"))
	if err := p.notify(Message{Code: codes.NotFound}); err != nil {
		t.Fatal(err)
	}
	p.run(time.Minute, func() bool { return len(p.news[0]) == 2 })
	if e := p.news[0][1]; e.Kind != EventNotification || e.Message.Code != codes.NotFound {
		t.Errorf("the last event is %d with %v", e.Kind, e.Message.Code)
	}
	if len(p.conns[0].byID) != 0 || len(p.conns[1].server.observed) != 0 {
		t.Error("the observation goes on")
	}
}

// An observer that is gone is forgotten, also when it is told by NON only.
func TestObserverGone(t *testing.T) {
	p := newTestPair(t, 1, 0)
	p.observe([]byte("one"))
	p.loss = 1
	for range quietNotifications + 1 {
		if err := p.notify(Message{Code: codes.Content, Type: message.NonConfirmable}); err != nil {
			t.Fatal(err)
		}
	}
	begin := p.now
	p.run(5*time.Minute, func() bool { return len(p.news[1]) > 0 })
	if e := p.news[1][0]; !errors.Is(e.Err, ErrTimeout) || p.now.Sub(begin) != observerTimeout {
		t.Errorf("error %v after %v", e.Err, p.now.Sub(begin))
	}
}

// An observer that has lost its state says so by RST.
func TestObserverForgot(t *testing.T) {
	for _, kind := range []message.Type{message.Confirmable, message.NonConfirmable} {
		p := newTestPair(t, 1, 0)
		id := p.observe([]byte("one"))
		p.conns[0].remove(p.conns[0].byID[id])
		if err := p.notify(Message{Code: codes.Content, Type: kind}); err != nil {
			t.Fatal(err)
		}
		p.run(time.Minute, func() bool { return len(p.news[1]) > 0 })
		if len(p.conns[1].server.observed) != 0 {
			t.Errorf("type %v: the observation goes on", kind)
		}
	}
}

// More observations than there is room for are answered as ordinary requests.
func TestObserveRoom(t *testing.T) {
	p := newTestPair(t, 1, 0)
	for range maxObserved + 3 {
		p.observe([]byte("one"))
	}
	if n := len(p.conns[1].server.observed); n != maxObserved || p.conns[1].Room() {
		t.Errorf("%d observations, room for more: %v", n, p.conns[1].Room())
	}
	if len(p.news[0]) != maxObserved {
		t.Errorf("%d requests were told that they observe", len(p.news[0]))
	}
}

func TestObserveOnlyWhereAsked(t *testing.T) {
	p := newTestPair(t, 1, 0)
	p.respond = func(m Message) Message {
		return Message{Code: codes.Content, Options: message.Options{{ID: message.Observe}}}
	}
	id := p.request(0, nil, RequestOptions{}) // a POST
	p.finish(0, id)
	if e := p.done[0][id]; e.Kind != EventResponse || len(e.Message.Options) != 0 || len(p.conns[1].server.observed) != 0 {
		t.Errorf("a POST observes: %+v", e)
	}
}

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		before, value uint32
		after         time.Duration
		want          bool
	}{
		{1, 2, 0, true}, {2, 1, 0, false}, {2, 2, 0, false}, {observeMask, 0, 0, true}, {0, observeMask, 0, false},
		{1, observeHalf, 0, true}, {1, 1 + observeHalf, 0, false}, {2, 1, 129 * time.Second, true},
	} {
		x := &exchange{watch: watch{value: c.before, valueAt: testStart}}
		if got := x.newer(testStart.Add(c.after), c.value); got != c.want {
			t.Errorf("%d after %d, %v later: newer %v", c.value, c.before, c.after, got)
		}
	}
}
