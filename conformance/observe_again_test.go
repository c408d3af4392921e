package conformance

import (
	"context"
	"errors"
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
