package conformance

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
)

// A topic is a resource of numbered states, which can be observed. A state says its number
// first, and its other bytes follow from that.
type topic struct {
	maxAge uint32

	mu        sync.Mutex
	number    uint32
	size      int
	observers coap.Observers
	asked     int
	last      coap.Observation
}

func newTopic() *topic { return &topic{maxAge: 60} }

func (p *topic) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if o := r.Observe(); o != nil {
		p.last = o
		p.observers.Add(o)
	}
	return p.state()
}

func (p *topic) state() *coap.Message {
	body := append(binary.BigEndian.AppendUint32(nil, p.number), pattern(p.number, p.size)...)
	m := coap.Content(message.AppOctets, body)
	m.Options = append(m.Options, message.Option{ID: message.MaxAge, Value: binary.BigEndian.AppendUint32(nil, p.maxAge)})
	return m
}

// set makes the next state, of so many bytes, and tells.
func (p *topic) set(size int, kind message.Type) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number, p.size = p.number+1, size
	m := p.state()
	m.Type = kind
	p.observers.Notify(m)
}

// counts are how often the topic was asked, and how many observe it.
func (p *topic) counts() (asked, observed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, p.observers.Len()
}

// numberOf is that of a state which is whole.
func numberOf(t *testing.T, m coap.Message) uint32 {
	t.Helper()
	if m.Code != coap.ContentCode || len(m.Payload) < 4 {
		t.Fatalf("a state of %v and %d bytes", m.Code, len(m.Payload))
	}
	n := binary.BigEndian.Uint32(m.Payload)
	if string(m.Payload[4:]) != string(pattern(n, len(m.Payload)-4)) {
		t.Fatalf("state %d, of %d bytes, has those of another", n, len(m.Payload))
	}
	return n
}

// follow looks at states until the last, which has to come, and returns how many it has seen.
// They come in their order.
func follow(t *testing.T, w coap.Watch, last uint32) (seen int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for newest := uint32(0); newest < last; seen++ {
		m, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("behind state %d of %d: %v", newest, last, err)
		}
		n := numberOf(t, m)
		if n < newest {
			t.Fatalf("state %d behind state %d", n, newest)
		}
		newest = n
	}
	return seen
}

// watchIt observes the topic.
func watchIt(t *testing.T, p coap.Peer) coap.Watch {
	t.Helper()
	w, err := p.Observe(t.Context(), request(coap.GET, "topic", nil))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestObserveStates: what is seen is in order, and the last is always seen.
func TestObserveStates(t *testing.T) {
	for _, kind := range []message.Type{message.Confirmable, message.NonConfirmable} {
		topics := make(chan *topic, 1)
		inBothRoles(t, func() coap.Handler { return oneOf(topics) }, func(t *testing.T, m *meeting) {
			p := <-topics
			w := watchIt(t, m.asker)
			defer w.Cancel()
			const last = 60
			go func() {
				for i := range last {
					time.Sleep(time.Duration(i%7) * 40 * time.Millisecond)
					p.set(i%5*(i%11)*7, kind)
				}
				p.mu.Lock() // what is NON may be lost for good; the last is not
				defer p.mu.Unlock()
				p.observers.Notify(p.state())
			}()
			if seen := follow(t, w, last); seen < last/3 {
				t.Errorf("%d of %d states seen", seen, last)
			}
		})
	}
}

func oneOf(topics chan *topic) *topic {
	p := newTopic()
	topics <- p
	return p
}

// TestObserveLarge: states of many blocks, which change while they are fetched. None that is
// seen is made of two.
func TestObserveLarge(t *testing.T) {
	topics := make(chan *topic, 1)
	inBothRoles(t, func() coap.Handler { return oneOf(topics) }, func(t *testing.T, m *meeting) {
		p := <-topics
		w := watchIt(t, m.asker)
		defer w.Cancel()
		draw := rand.New(rand.NewPCG(1, 1))
		const last = 40
		var sizes [last]int
		var pauses [last]time.Duration
		for i := range last {
			sizes[i], pauses[i] = 1000+draw.IntN(40000), time.Duration(draw.IntN(900))*time.Millisecond
		}
		go func() {
			for i := range last {
				time.Sleep(pauses[i])
				p.set(sizes[i], message.Confirmable)
			}
		}()
		follow(t, w, last)
	})
}

// TestObserveCancelled: whoever ends it, the other learns of it, and requests go on.
func TestObserveCancelled(t *testing.T) {
	topics := make(chan *topic, 1)
	inBothRoles(t, func() coap.Handler { return oneOf(topics) }, func(t *testing.T, m *meeting) {
		p := <-topics
		w := watchIt(t, m.asker)
		p.set(10, message.Confirmable)
		follow(t, w, 1)
		w.Cancel()
		time.Sleep(time.Minute) // repeats of the loss
		if _, n := p.counts(); n != 0 {
			t.Errorf("%d observe behind Cancel", n)
		}
		if _, err := w.Next(t.Context()); !errors.Is(err, coap.ErrObservationEnded) {
			t.Errorf("Next behind Cancel: %v", err)
		}
		w = watchIt(t, m.asker)
		follow(t, w, 1)
		p.mu.Lock()
		p.observers.Notify(coap.Status(coap.NotFound))
		p.mu.Unlock()
		if answer, err := w.Next(t.Context()); err != nil || answer.Code != coap.NotFound {
			t.Errorf("the last: %v, %v", answer.Code, err)
		}
		if _, err := w.Next(t.Context()); !errors.Is(err, coap.ErrObservationEnded) {
			t.Errorf("behind the last: %v", err)
		}
		if _, n := p.counts(); n != 0 {
			t.Errorf("%d observe behind the last", n)
		}
		if answer, err := m.asker.Do(t.Context(), request(coap.GET, "topic", nil)); err != nil || numberOf(t, answer) != 1 {
			t.Errorf("a request behind it: %v", err)
		}
	})
}

// TestObserverGone: an observer that has vanished is forgotten, whatever it is told by.
func TestObserverGone(t *testing.T) {
	for _, kind := range []message.Type{message.Confirmable, message.NonConfirmable} {
		topics := make(chan *topic, 1)
		inBothRoles(t, func() coap.Handler { return oneOf(topics) }, func(t *testing.T, m *meeting) {
			p := <-topics
			watchIt(t, m.asker)
			m.net.Filter(func(simnet.Datagram) simnet.Verdict { return simnet.Verdict{Drop: true} })
			p.mu.Lock()
			o := p.last
			p.mu.Unlock()
			for began := time.Now(); ; time.Sleep(time.Second) {
				p.set(5, kind)
				select {
				case <-o.Done():
				default:
					if time.Since(began) > 10*time.Minute {
						t.Fatal("it is told still")
					}
					continue
				}
				if took := time.Since(began); took < 90*time.Second || took > 200*time.Second {
					t.Errorf("forgotten after %v", took)
				}
				return
			}
		})
	}
}
