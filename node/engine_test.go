package node

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
	"github.com/pqcoap/pqcoap/server"
)

// A counter is a resource that changes each second, and is observed.
type counter struct {
	mu        sync.Mutex
	value     byte
	observers coap.Observers
}

func (c *counter) state() *coap.Message {
	m := coap.Content(message.AppOctets, []byte{c.value})
	m.Options = append(m.Options, message.Option{ID: message.MaxAge, Value: []byte{250}})
	return m
}

func (c *counter) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observers.Add(r.Observe())
	return c.state()
}

func (c *counter) run(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(time.Second)
		c.mu.Lock()
		c.value++
		c.observers.Notify(c.state())
		c.mu.Unlock()
	}
}

// Observations move to the session with fresh secrets: no state is late by more than a moment.
func TestFreshObservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(1, quiet)
		defer net.Close()
		serverKey, deviceKey := testKeys()
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer stop()
		c := &counter{}
		all.Go(func() { c.run(ctx) })
		srv, err := server.New(server.Config{
			Keys: []*handshake.PrivateKey{serverKey}, Handler: c, Workers: 1,
			Authorize: func(handshake.Suite, handshake.ClientCredential) (server.Client, error) {
				return server.Client{Name: "device", Key: deviceKey.Public()}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { srv.Serve(net.Listen(serverAddr)) })
		defer srv.Close()
		conn, err := DialOn(t.Context(), net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0)), serverAddr, Config{
			Suite: handshake.MLKEM512, Trust: serverKey.ServerCredential(), Key: deviceKey, FreshAfter: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		watch, err := conn.Watch(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		defer watch.Cancel()
		ids := make(map[[16]byte]bool)
		last := time.Now()
		for range 200 {
			m, err := watch.Next(t.Context())
			if err != nil || len(m.Payload) != 1 {
				t.Fatalf("%q, %v", m.Payload, err)
			}
			if gap := time.Since(last); gap > 2*time.Second {
				t.Errorf("no state for %v", gap)
			}
			last = time.Now()
			ids[conn.Session().SessionID] = true
		}
		if len(ids) < 3 {
			t.Errorf("%d sessions", len(ids))
		}
	})
}

// A handler of the device may end the session that its request came in, once.
func TestEngineClose(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := w.dial(w.config())
		defer c.Close()
		w.ask(c)
		e := &engine{c.active}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := e.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("again: %v", err)
		}
		w.ask(c)
		if n := w.server.Opened(); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}
