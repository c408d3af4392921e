package plain

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
)

// What others send to the socket is not the server's.
func TestStrangers(t *testing.T) {
	called := make(chan struct{}, 1)
	h := coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message {
		called <- struct{}{}
		return nil
	})
	run(t, simnet.Link{}, Config{Handler: echo}, func(t *testing.T, w *world) {
		c := w.dial(Config{Handler: h})
		w.net.Inject(netip.MustParseAddrPort("192.0.2.66:5683"), c.LocalAddr(), datagram(t, coap.Message{Code: coap.GET}))
		synctest.Wait()
		if len(called) != 0 {
			t.Error("a stranger's request has reached the handler")
		}
		w.net.Inject(serverAddr, c.LocalAddr(), datagram(t, coap.Message{Code: coap.GET}))
		synctest.Wait()
		if len(called) != 1 {
			t.Error("the server's request has not reached the handler")
		}
	})
}

// The connection stays, however long nothing happens.
func TestConnStays(t *testing.T) {
	run(t, simnet.Link{}, Config{Handler: echo}, func(_ *testing.T, w *world) {
		c := w.dial(Config{})
		w.echoed(c, 1)
		time.Sleep(30 * 24 * time.Hour)
		w.echoed(c, 1)
		if c.RemoteAddr() != serverAddr {
			t.Errorf("remote address %v", c.RemoteAddr())
		}
	})
}

func TestConnClose(t *testing.T) {
	run(t, simnet.Link{}, Config{}, func(t *testing.T, w *world) {
		c := DialOn(w.net.Listen(netip.AddrPortFrom(clientAddr, 0)), netip.MustParseAddrPort("192.0.2.9:1"), Config{})
		failed := make(chan error, 1)
		go func() {
			_, err := c.Do(t.Context(), coap.Message{Code: coap.GET})
			failed <- err
		}()
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-failed; !errors.Is(err, ErrClosed) {
			t.Errorf("what waited: %v", err)
		}
		if _, err := c.Do(t.Context(), coap.Message{Code: coap.GET}); !errors.Is(err, ErrClosed) {
			t.Errorf("behind it: %v", err)
		}
		if err := c.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("Close again: %v", err)
		}
	})
}

// Of real sockets: one that is not there is known at once.
func TestRefused(t *testing.T) {
	gone, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := gone.LocalAddr().(*net.UDPAddr).AddrPort()
	gone.Close()
	c, err := Dial(addr, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err = c.Do(t.Context(), coap.Message{Code: coap.GET}); !errors.Is(err, ErrRefused) {
		t.Errorf("error %v", err)
	}
	select {
	case <-c.Done():
	default:
		t.Error("the connection goes on")
	}
}

func TestSockets(t *testing.T) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(Config{Handler: echo})
	done := make(chan error, 1)
	go func() { done <- l.Serve(socket) }()
	c, err := Dial(socket.LocalAddr().(*net.UDPAddr).AddrPort(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t}
	w.echoed(c, 20_000)
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	c.Close()
	l.Close()
	<-done
}

// An observation of the server's goes on until it is cancelled.
func TestWatch(t *testing.T) {
	var observers coap.Observers
	h := coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
		observers.Add(r.Observe())
		return coap.Content(message.TextPlain, []byte("0"))
	})
	run(t, simnet.Link{Delay: time.Millisecond, Loss: .2}, Config{Handler: h}, func(t *testing.T, w *world) {
		watch, err := w.dial(Config{}).Observe(t.Context(), coap.Message{Code: coap.GET})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"0", "1", "2", "3"} {
			if want != "0" {
				observers.Notify(coap.Content(message.TextPlain, []byte(want)))
			}
			if m, err := watch.Next(t.Context()); err != nil || string(m.Payload) != want {
				t.Fatalf("state %q, %v, want %q", m.Payload, err, want)
			}
		}
		watch.Cancel()
		time.Sleep(time.Minute)
		if observers.Len() != 0 {
			t.Error("the observation goes on")
		}
	})
}
