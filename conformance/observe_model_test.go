package conformance

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// modelSteps is how many things happen to one observation.
const modelSteps = 40

// TestObserveModel draws what happens: changes small and large, more and less loss, silence on
// the path, servers that close or crash, cancellation and new registration. The model is
// simple: what is seen never goes back and is whole; when the trouble is over the newest state
// is seen, one observation is open at the server, and none behind Cancel.
func TestObserveModel(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) { runModel(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A model is one run, and what it has come to.
type model struct {
	*world
	draw   *rand.Rand
	topic  *topic
	conn   *node.Conn
	watch  coap.Watch
	newest uint32 // that was seen
	did    []string
}

func runModel(t *testing.T, seed uint64) {
	p := newTopic()
	p.maxAge = 30
	w := newWorld(t, seed, lossy(0.1), func(cfg *server.Config) { cfg.Handler = p })
	defer func() { w.close() }()
	m := &model{world: w, draw: rand.New(rand.NewPCG(seed, 7)), topic: p}
	m.conn = w.mustDial(config(handshake.XWing, handshake.ModeKEM))
	defer m.conn.Close()
	m.watch = watchIt(t, m.conn)
	for range modelSteps {
		m.step(t)
	}
	if m.settle(t); t.Failed() {
		t.Logf("it did %v", m.did)
	}
}

func (m *model) step(t *testing.T) {
	switch n := m.draw.IntN(20); {
	case n < 8:
		kind := message.Confirmable
		if n%2 == 0 {
			kind = message.NonConfirmable
		}
		m.did = append(m.did, "set")
		m.topic.set(m.draw.IntN(200), kind)
	case n < 10:
		m.did = append(m.did, "set large")
		m.topic.set(m.draw.IntN(20000), message.Confirmable)
	case n < 12:
		m.did = append(m.did, "loss")
		m.loss([]float64{0, 0.1, 0.3}[m.draw.IntN(3)])
	case n == 12:
		m.did = append(m.did, "silence")
		m.loss(1)
		m.look(t, time.Duration(m.draw.IntN(200))*time.Second)
		m.loss(0.1)
	case n == 13:
		m.did = append(m.did, "restart")
		m.server.Close()
		<-m.done
		m.look(t, time.Duration(m.draw.IntN(30))*time.Second)
		m.serve()
	case n == 14:
		m.did = append(m.did, "crash")
		m.restart()
	case n == 15:
		m.did = append(m.did, "again")
		m.watch.Cancel()
		w, err := m.conn.Observe(t.Context(), request(coap.GET, "topic", nil))
		for range 2 { // in a session that the server had forgotten, of which something came still
			if err != nil {
				w, err = m.conn.Observe(t.Context(), request(coap.GET, "topic", nil))
			}
		}
		if err != nil {
			t.Fatalf("%v: %v", m.did, err)
		}
		m.watch = w
	default:
		m.look(t, time.Duration(m.draw.IntN(5000))*time.Millisecond)
	}
}

func (m *model) loss(loss float64) {
	link := lossy(loss)
	m.net.SetLink(deviceAddr.Addr(), serverAddr.Addr(), link)
	m.net.SetLink(serverAddr.Addr(), deviceAddr.Addr(), link)
}

// look takes what comes within a time.
func (m *model) look(t *testing.T, within time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		s, err := m.watch.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.Fatalf("%v: %v", m.did, err)
		}
		n := numberOf(t, s)
		if n < m.newest {
			t.Fatalf("%v: state %d behind state %d", m.did, n, m.newest)
		}
		m.newest = n
	}
}

// settle has the trouble end, and compares.
func (m *model) settle(t *testing.T) {
	m.loss(0)
	m.look(t, 10*time.Minute)
	if m.newest != m.topic.number {
		t.Errorf("the newest that was seen is %d of %d", m.newest, m.topic.number)
	}
	m.topic.set(100, message.Confirmable)
	m.look(t, 10*time.Second)
	if _, n := m.topic.counts(); n != 1 || m.newest != m.topic.number {
		t.Errorf("%d observations, state %d of %d seen", n, m.newest, m.topic.number)
	}
	m.watch.Cancel()
	time.Sleep(10 * time.Second)
	if _, n := m.topic.counts(); n != 0 {
		t.Errorf("%d observations behind Cancel", n)
	}
}
