package gocoap

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap/gocoap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

var (
	serverAddr = netip.MustParseAddrPort("192.0.2.1:5688")
	deviceAddr = netip.MustParseAddrPort("198.51.100.7:40000")
)

// simulate runs a test over pqcoap on a simulated network. At its end nothing may be left that
// waits.
func simulate(t *testing.T, loss float64, handler func() mux.Handler, test func(t *testing.T, w *world)) {
	simulateOn(t, 1, simnet.Link{Delay: 50 * time.Millisecond, Loss: loss}, handler, test)
}

func simulateOn(t *testing.T, seed uint64, link simnet.Link, handler func() mux.Handler, test func(t *testing.T, w *world)) {
	keys() // outside of the bubble's time
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(seed, link)
		n.TraceOnFailure(t)
		s, err := server.New(server.Config{
			Keys: []*handshake.PrivateKey{keys()[0]}, Handler: gocoap.Handler(handler()), Authorize: authorize, Workers: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		socket := n.Listen(serverAddr)
		go func() { done <- s.Serve(socket) }()
		test(t, &world{t, n, s})
		s.Close()
		<-done
		n.Close()
	})
}

// A world is a server on a simulated network.
type world struct {
	t      *testing.T
	net    *simnet.Network
	server *server.Server
}

// dial connects sensor-1.
func (w *world) dial() mux.Conn {
	c, err := node.DialOn(w.t.Context(), w.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0)), serverAddr,
		node.Config{Trust: keys()[0].ServerCredential(), Key: keys()[1]})
	if err != nil {
		w.t.Fatal(err)
	}
	return gocoap.Conn(c)
}

// TestNeverAnswered: a handler that returns and writes nothing costs the device MaxWait, and then
// the answer is 5.00. Others are served meanwhile.
func TestNeverAnswered(t *testing.T) {
	simulate(t, 0.1, func() mux.Handler {
		r := NewStore().Router()
		r.HandleFunc("/never", func(mux.ResponseWriter, *mux.Message) {})
		return r
	}, func(t *testing.T, w *world) {
		c := w.dial()
		began := time.Now()
		var never sync.WaitGroup
		for range 10 {
			never.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2*gocoap.MaxWait)
				defer cancel()
				if answer, err := c.Get(ctx, "/never"); err != nil || answer.Code() != codes.InternalServerError {
					t.Errorf("answer %v, %v", answer, err)
				}
			})
		}
		for range 10 {
			ask(t, c, codes.GET, "/nothing", "", codes.NotFound, "no such thing")
		}
		if took := time.Since(began); took >= gocoap.MaxWait {
			t.Errorf("others had to wait %v", took)
		}
		never.Wait()
		if took := time.Since(began); took < gocoap.MaxWait || took > gocoap.MaxWait+20*time.Second {
			t.Errorf("answered after %v", took)
		}
		c.Close()
	})
}

// TestObserveUnderLoss: states come in order and the newest does come, whatever is lost.
func TestObserveUnderLoss(t *testing.T) {
	s := NewStore()
	s.put("a", []byte("000"))
	simulate(t, 0.2, func() mux.Handler { return s.Router() }, func(t *testing.T, w *world) {
		c := w.dial()
		o, states := observe(t, c, "/things/a")
		var last string
		for i := range 50 {
			last = string([]byte{'1', byte('0' + i/10), byte('0' + i%10)})
			s.put("a", []byte(last))
			time.Sleep(200 * time.Millisecond)
		}
		expect(t, states, state{codes.Content, last}, "000")
		if err := o.Cancel(t.Context()); err != nil {
			t.Error(err)
		}
		eventually(t, s, 0, 1)
		c.Close()
	})
}

// TestNewestBehindState: the newest state of an observation arrives, and its end, also where an
// older one is on its way or has been lost.
func TestNewestBehindState(t *testing.T) {
	for seed := range uint64(160) {
		s := NewStore()
		s.put("a", []byte("0"))
		change, want := func() { s.remove("a") }, state{codes.NotFound, ""}
		if seed%2 == 1 {
			change, want = func() { s.put("a", []byte("2")) }, state{codes.Content, "2"}
		}
		link := simnet.Link{Delay: 50 * time.Millisecond, Loss: 0.3}
		simulateOn(t, seed, link, func() mux.Handler { return s.Router() }, func(t *testing.T, w *world) {
			c := w.dial()
			_, states := observe(t, c, "/things/a")
			s.put("a", []byte("1"))
			time.Sleep(time.Duration(seed%40) * 10 * time.Millisecond)
			change()
			for got := (state{}); got != want; {
				select {
				case got = <-states:
				case <-time.After(50 * time.Second): // then the device asks anew
					t.Errorf("seed %d: %v does not come", seed, want)
					got = want
				}
			}
			c.Close()
		})
	}
}

// TestDeviceVanishes: a program's loop of notifications ends, since WriteMessage fails, and what
// belongs to the session does.
func TestDeviceVanishes(t *testing.T) {
	var ended chan error
	var closed chan struct{}
	h := func(w mux.ResponseWriter, r *mux.Message) {
		if value, err := r.Observe(); err != nil || value != 0 {
			return
		}
		w.Conn().AddOnClose(func() { close(closed) })
		go func(c mux.Conn, token message.Token) {
			for obs := int64(2); ; obs++ {
				if err := sendState(c, token, "state", obs); err != nil {
					ended <- err
					return
				}
				time.Sleep(10 * time.Second)
			}
		}(w.Conn(), r.Token())
	}
	begin := func() mux.Handler { // in the bubble
		ended, closed = make(chan error, 1), make(chan struct{})
		return mux.HandlerFunc(h)
	}
	simulate(t, 0, begin, func(t *testing.T, w *world) {
		c := w.dial()
		_, states := observe(t, c, "/")
		expect(t, states, state{codes.Content, "state"})
		w.net.SetLink(serverAddr.Addr(), deviceAddr.Addr(), simnet.Link{Loss: 1})
		w.net.SetLink(deviceAddr.Addr(), serverAddr.Addr(), simnet.Link{Loss: 1})
		if err := <-ended; !errors.Is(err, gocoap.ErrNoRequest) {
			t.Errorf("loop ended by %v", err)
		}
		<-closed
		c.Close()
	})
}

// TestSessionReplaced: a device that comes again has another mux.Conn, and the old one ends.
func TestSessionReplaced(t *testing.T) {
	conns := make(chan mux.Conn, 2)
	h := func() mux.Handler {
		return mux.HandlerFunc(func(w mux.ResponseWriter, _ *mux.Message) {
			conns <- w.Conn()
			respond(w, codes.Changed, "")
		})
	}
	simulate(t, 0, h, func(t *testing.T, w *world) {
		first, second := w.dial(), w.dial()
		for _, c := range []mux.Conn{first, second} {
			if answer, err := c.Get(t.Context(), "/"); err != nil || answer.Code() != codes.Changed {
				t.Fatalf("%v, %v", answer, err)
			}
			if c == first {
				c.Close()
			}
		}
		a, b := <-conns, <-conns
		<-a.Done()
		if a == b || a.Context().Err() == nil || b.Context().Err() != nil {
			t.Errorf("one conn, or ended wrongly: %v, %v", a.Context().Err(), b.Context().Err())
		}
		second.Close()
	})
}

// TestConnOfDevice: what a server's Device returns and what a handler has are one mux.Conn.
func TestConnOfDevice(t *testing.T) {
	var conn mux.Conn
	h := func() mux.Handler {
		return mux.HandlerFunc(func(w mux.ResponseWriter, _ *mux.Message) {
			conn = w.Conn()
			respond(w, codes.Changed, "")
		})
	}
	simulate(t, 0, h, func(t *testing.T, w *world) {
		c := w.dial()
		if gocoap.Conn(w.server.Device("sensor-1")) != nil {
			t.Error("connected before its first record")
		}
		if err := c.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := gocoap.Conn(w.server.Device("sensor-1"))
		if name := gocoap.Device(first.Context()); name != "" {
			t.Errorf("device %q before its first request", name)
		}
		get(t, c, "/", codes.Changed, "")
		if conn != first || gocoap.Device(first.Context()) != "sensor-1" {
			t.Errorf("conn %p of device %q, want %p", conn, gocoap.Device(first.Context()), first)
		}
		c.Close()
	})
}
