package conformance

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
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

// restart puts another server in the place of the one there is, which tells nobody: it has
// crashed.
func (w *world) restart() {
	w.net.Filter(func(d simnet.Datagram) simnet.Verdict { return simnet.Verdict{Drop: !toServer(d)} })
	w.server.Close()
	<-w.done
	w.net.Filter(nil)
	w.serve()
}

// observing runs f with a device that observes a topic of its server's and has seen one state.
func observing(t *testing.T, loss float64, maxAge uint32, f func(t *testing.T, w *world, p *topic, watch coap.Watch)) {
	p := newTopic()
	p.maxAge = maxAge
	link := simnet.Link{Loss: loss, Delay: rtt / 2, Jitter: rtt / 20}
	scenario(t, link, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		watch := watchIt(t, c)
		defer watch.Cancel()
		if m, err := watch.Next(t.Context()); err != nil || numberOf(t, m) != 0 {
			t.Fatalf("the first state: %v", err)
		}
		f(t, w, p, watch)
	}, func(cfg *server.Config) { cfg.Handler = p })
}

// TestObserveRestart: the server closes and comes back. The device registers anew, in a new
// session, and sees what has changed.
func TestObserveRestart(t *testing.T) {
	for _, loss := range losses {
		observing(t, loss, 60, func(t *testing.T, w *world, p *topic, watch coap.Watch) {
			go func() {
				time.Sleep(time.Second)
				w.server.Close()
				<-w.done
				p.set(20, message.Confirmable)
				time.Sleep(10 * time.Second)
				w.serve()
				time.Sleep(3 * time.Minute)
				p.set(3000, message.Confirmable)
			}()
			follow(t, watch, 2)
			if _, n := p.counts(); n != 1 {
				t.Errorf("%.0f%%: %d observe", loss*100, n)
			}
		})
	}
}

// TestObserveCrash: the server has forgotten the session and says nothing. That is found out
// when the state is too old, or when the device asks for anything else.
func TestObserveCrash(t *testing.T) {
	for _, loss := range losses {
		observing(t, loss, 60, func(t *testing.T, w *world, p *topic, watch coap.Watch) {
			began := time.Now()
			w.restart()
			p.set(20, message.Confirmable)
			follow(t, watch, 1)
			if took := time.Since(began); took < 60*time.Second || took > 4*time.Minute {
				t.Errorf("%.0f%%: found out after %v", loss*100, took)
			}
			if _, n := p.counts(); n != 1 {
				t.Errorf("%.0f%%: %d observe", loss*100, n)
			}
		})
	}
}

// TestObserveStale: where nothing comes, the server is asked anew when Max-Age has passed, and
// the registrations do not add up.
func TestObserveStale(t *testing.T) {
	for _, loss := range losses {
		observing(t, loss, 10, func(t *testing.T, w *world, p *topic, watch coap.Watch) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			for ctx.Err() == nil {
				if m, err := watch.Next(ctx); err == nil && numberOf(t, m) != 0 {
					t.Error("a state that never was")
				}
			}
			time.Sleep(time.Minute) // the last of the old ones may be on its way out
			asked, n := p.counts()
			if n != 1 || asked < 140 || asked > 245 { // every 15 to 25 s, and a little more under loss
				t.Errorf("%.0f%%: asked %d times in an hour, %d observe", loss*100, asked, n)
			}
		})
	}
}

// TestObserveMany: the observations of a session are bounded. Who finds no room is answered
// once.
func TestObserveMany(t *testing.T) {
	p := newTopic()
	scenario(t, quiet, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		var wg sync.WaitGroup
		over := make(chan struct{}, 100)
		for range 70 {
			wg.Go(func() {
				watch := watchIt(t, c)
				if m, err := watch.Next(t.Context()); err != nil || numberOf(t, m) != 0 {
					t.Errorf("the first state: %v", err)
				}
				if _, err := watch.Next(t.Context()); errors.Is(err, coap.ErrObservationEnded) {
					over <- struct{}{}
				}
			})
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if _, n := p.counts(); n != 64 || len(over) != 6 {
			t.Errorf("%d observe, %d were answered once: want 64 and 6", n, len(over))
		}
		p.set(1, message.Confirmable)
		wg.Wait()
	}, func(cfg *server.Config) { cfg.Handler = p })
}

// TestObserveManyDevices: a state goes to all who observe.
func TestObserveManyDevices(t *testing.T) {
	p := newTopic()
	scenario(t, simnet.Link{Delay: rtt / 2, Loss: 0.1}, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		for range 10 {
			socket := w.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0))
			wg.Go(func() {
				c, err := node.DialOn(t.Context(), socket, serverAddr, config(handshake.XWing, handshake.ModeNone))
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				follow(t, watchIt(t, c), 20)
			})
		}
		for i := range 20 {
			time.Sleep(time.Second)
			p.set(i, message.Confirmable)
		}
		wg.Wait()
	}, func(cfg *server.Config) { cfg.Handler = p })
}
