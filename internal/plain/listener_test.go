package plain

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
)

// datagram is a message as it travels.
func datagram(t *testing.T, m coap.Message) []byte {
	t.Helper()
	b, err := coap.Append(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inject sends a datagram from the n-th address of a client that does not exist.
func (w *world) inject(n int, b []byte) {
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), 1000)
	w.net.Inject(from, serverAddr, b)
	synctest.Wait()
}

// Only what a client may begin with makes us remember it.
func TestBegins(t *testing.T) {
	request := coap.Message{Code: coap.GET, MessageID: 7}
	non := request
	non.Type = message.NonConfirmable
	for name, c := range map[string]struct {
		datagram []byte
		want     int
	}{
		"nothing":  {nil, 0},
		"CON":      {datagram(t, request), 1},
		"NON":      {datagram(t, non), 1},
		"ping":     {datagram(t, coap.Message{}), 1},
		"ACK":      {datagram(t, coap.Message{Type: message.Acknowledgement}), 0},
		"RST":      {datagram(t, coap.Message{Type: message.Reset}), 0},
		"response": {datagram(t, coap.Message{Code: coap.ContentCode}), 0},
		"record":   {[]byte{0x2c, 0, 0, 0, 0, 0}, 0},
		"short":    {[]byte{0x40, 1, 0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, simnet.Link{}, Config{Handler: echo}, func(t *testing.T, w *world) {
				w.inject(1, c.datagram)
				if n := w.peers(); n != c.want {
					t.Errorf("%d clients known, want %d", n, c.want)
				}
			})
		})
	}
}

// A client that wants nothing is forgotten; one that observes is not.
func TestIdle(t *testing.T) {
	var observers coap.Observers
	h := coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
		observers.Add(r.Observe())
		return coap.Content(message.TextPlain, []byte("0"))
	})
	run(t, simnet.Link{}, Config{Handler: h, IdleTimeout: time.Minute}, func(t *testing.T, w *world) {
		c := w.dial(Config{})
		if _, err := c.Do(t.Context(), coap.Message{Code: coap.GET}); err != nil {
			t.Fatal(err)
		}
		watch, err := w.dial(Config{}).Observe(t.Context(), coap.Message{Code: coap.GET})
		if err != nil || w.peers() != 2 {
			t.Fatalf("%d clients, %v", w.peers(), err)
		}
		time.Sleep(time.Minute + time.Second)
		if n := w.peers(); n != 1 {
			t.Errorf("%d clients known, want the one that observes", n)
		}
		time.Sleep(time.Hour)
		watch.Next(t.Context()) // the first
		observers.Notify(coap.Content(message.TextPlain, []byte("1")))
		if m, err := watch.Next(t.Context()); err != nil || string(m.Payload) != "1" {
			t.Errorf("after an hour: %q, %v", m.Payload, err)
		}
		watch.Cancel()
		time.Sleep(2*time.Minute + time.Second)
		if n := w.peers(); n != 0 || observers.Len() != 0 {
			t.Errorf("%d clients, %d observers", n, observers.Len())
		}
		if _, err := c.Do(t.Context(), coap.Message{Code: coap.GET}); err != nil {
			t.Errorf("the one that was forgotten asks again: %v", err)
		}
	})
}

// An observer that vanishes is forgotten too.
func TestObserverVanishes(t *testing.T) {
	var observers coap.Observers
	h := coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
		observers.Add(r.Observe())
		return coap.Content(message.TextPlain, []byte("0"))
	})
	run(t, simnet.Link{}, Config{Handler: h, IdleTimeout: time.Minute}, func(t *testing.T, w *world) {
		c := w.dial(Config{})
		if _, err := c.Observe(t.Context(), coap.Message{Code: coap.GET}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		observers.Notify(coap.Content(message.TextPlain, []byte("1")))
		time.Sleep(5 * time.Minute)
		if n := w.peers(); n != 0 || observers.Len() != 0 {
			t.Errorf("%d clients, %d observers", n, observers.Len())
		}
	})
}

// Any number of addresses finds room for the newest, and those that wait for something stay.
func TestManyClients(t *testing.T) {
	const room = 16
	var hold chan struct{}
	h := coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
		if r.Path() == "/slow" {
			<-hold
		}
		return &coap.Message{Code: coap.Changed}
	})
	run(t, simnet.Link{}, Config{Handler: h, MaxPeers: room}, func(t *testing.T, w *world) {
		hold = make(chan struct{}) // of this bubble
		slow := w.dial(Config{})
		answered := make(chan error, 1)
		go func() {
			_, err := slow.Do(t.Context(), coap.Message{Code: coap.GET, Options: path("slow")})
			answered <- err
		}()
		synctest.Wait()
		request := datagram(t, coap.Message{Code: coap.GET, MessageID: 1})
		for n := range 3000 {
			w.inject(n, request)
			if w.peers() > room {
				t.Fatalf("%d clients known", w.peers())
			}
		}
		w.echoless(w.dial(Config{}))
		close(hold)
		if err := <-answered; err != nil {
			t.Errorf("the one that waited: %v", err)
		}
	})
}

// echoless is a request that must be answered.
func (w *world) echoless(c *Conn) {
	w.t.Helper()
	if answer, err := c.Do(w.t.Context(), coap.Message{Code: coap.GET}); err != nil || answer.Code != coap.Changed {
		w.t.Errorf("answer %v, %v", answer.Code, err)
	}
}

// Where all wait for something, others do not get in, and nobody is forgotten.
func TestAllBusy(t *testing.T) {
	const room = 4
	var hold chan struct{}
	h := coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message {
		<-hold
		return &coap.Message{Code: coap.Changed}
	})
	run(t, simnet.Link{}, Config{Handler: h, MaxPeers: room}, func(t *testing.T, w *world) {
		hold = make(chan struct{})
		request := datagram(t, coap.Message{Code: coap.GET, MessageID: 1})
		for n := range 100 {
			w.inject(n, request)
		}
		if n := w.peers(); n != room {
			t.Errorf("%d clients known", n)
		}
		close(hold)
		synctest.Wait()
		w.echoless(w.dial(Config{}))
	})
}

// Bodies that are never finished are kept within a bound, and so are those that handlers have.
func TestHeldBound(t *testing.T) {
	const bound = 64 << 10
	var hold chan struct{}
	h := coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message {
		<-hold
		return &coap.Message{Code: coap.Changed}
	})
	first := coap.Message{
		Code: coap.PUT, MessageID: 1, Payload: make([]byte, 1024),
		Options: message.Options{{ID: message.Block1, Value: []byte{0x0e}}}, // block 0 of 1024 bytes, more follow
	}
	whole := coap.Message{Code: coap.PUT, MessageID: 2, Payload: make([]byte, 1000)}
	run(t, simnet.Link{}, Config{Handler: h, MaxHeld: bound, MaxPeers: 5000}, func(t *testing.T, w *world) {
		hold = make(chan struct{})
		for n := range 1000 {
			w.inject(n, datagram(t, first))
			if w.held() > bound {
				t.Fatalf("%d bytes held", w.held())
			}
		}
		if w.held() < bound/2 {
			t.Fatalf("only %d bytes held", w.held())
		}
		for n := range 1000 {
			w.inject(10_000+n, datagram(t, whole))
			if w.held() > bound {
				t.Fatalf("%d bytes held, those of handlers among them", w.held())
			}
		}
		c := w.dial(Config{})
		answer, err := c.Do(t.Context(), coap.Message{Code: coap.PUT, Payload: body(4000)})
		if err != nil || answer.Code != codes.ServiceUnavailable {
			t.Errorf("one more: %v, %v", answer.Code, err)
		}
		close(hold)
		time.Sleep(time.Minute)
		w.echoless(c)
		time.Sleep(10 * time.Minute)
		if w.held() != 0 || w.peers() != 0 {
			t.Errorf("%d bytes of %d clients are held at the end", w.held(), w.peers())
		}
	})
}

func TestServeTwice(t *testing.T) {
	run(t, simnet.Link{}, Config{}, func(t *testing.T, w *world) {
		if err := w.listener.Serve(w.net.Listen(netip.AddrPortFrom(clientAddr, 1))); err == nil || errors.Is(err, ErrClosed) {
			t.Errorf("Serve again: %v", err)
		}
		if got := w.listener.Addr().String(); got != serverAddr.String() {
			t.Errorf("address %s", got)
		}
	})
	l := NewListener(Config{})
	l.Close()
	network := simnet.New(1, simnet.Link{})
	defer network.Close()
	if err := l.Serve(network.Listen(serverAddr)); !errors.Is(err, ErrClosed) || l.Addr() != nil {
		t.Errorf("Serve after Close: %v", err)
	}
}
