package server

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A wire is a socket whose other end is the test.
type wire struct {
	in   chan []byte
	out  chan sentDatagram
	gone chan struct{}
}

type sentDatagram struct {
	size int
	b    [1500]byte
}

var wireEnds = [2]netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:5688"), netip.MustParseAddrPort("198.51.100.7:40000")}

func (w *wire) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-w.in:
		return copy(b, d), wireEnds[1], nil
	case <-w.gone:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (w *wire) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) {
	var d sentDatagram
	d.size = copy(d.b[:], b)
	select {
	case w.out <- d:
	default: // nobody takes it
	}
	return len(b), nil
}

func (w *wire) SetReadDeadline(time.Time) error { return nil }

func (w *wire) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(wireEnds[0]) }

func (w *wire) Close() error {
	close(w.gone)
	return nil
}

// A wired device is at the other end.
type wired struct {
	t      *testing.T
	wire   *wire
	device *session.Device
	out    session.Outbox
	got    sentDatagram
}

// deliver gives the server what the device has to send.
func (w *wired) deliver() {
	for _, b := range w.out.All() {
		w.wire.in <- b
	}
	w.out.Reset()
}

// answer waits for a datagram of the server.
func (w *wired) answer() []byte {
	w.got = <-w.wire.out
	return w.got.b[:w.got.size]
}

// opened begins a session.
func (w *wired) opened(cfg session.DeviceConfig) {
	w.t.Helper()
	var err error
	if w.device, err = session.NewDevice(time.Now(), cfg, &w.out); err != nil {
		w.t.Fatal(err)
	}
	w.deliver()
	for w.device.Result() == nil {
		w.device.Receive(time.Now(), w.answer(), &w.out)
	}
	w.device.Next()
	w.out.Reset() // pulls that nobody needs any more
}

// get asks for a path, and returns how many allocations the server has made for it.
func (w *wired) get(m coap.Message) uint64 {
	w.t.Helper()
	var before, after runtime.MemStats
	if _, err := w.device.Request(time.Now(), m, coap.RequestOptions{}, &w.out); err != nil {
		w.t.Fatal(err)
	}
	runtime.ReadMemStats(&before)
	w.deliver()
	d := w.answer()
	runtime.ReadMemStats(&after)
	for !w.received(d) { // of the handshake still, or a ticket
		d = w.answer()
	}
	w.out.Reset()
	return after.Mallocs - before.Mallocs
}

// received gives the device a datagram, and tells whether the response was in it.
func (w *wired) received(d []byte) (found bool) {
	w.t.Helper()
	w.device.Receive(time.Now(), d, &w.out)
	for ev, ok := w.device.Next(); ok; ev, ok = w.device.Next() {
		if ev.Kind == session.EventResponse {
			if found = true; ev.Err != nil || ev.Message.Code != coap.ContentCode {
				w.t.Fatalf("answer %v, %v", ev.Message.Code, ev.Err)
			}
		}
	}
	return found
}

// A GET with a small answer costs no allocation, from the datagram that comes to the one that
// leaves: neither here nor in what lies beneath.
func TestGetAllocatesNothing(t *testing.T) {
	serverKey, deviceKey := testKeys()
	answer := coap.Content(message.TextPlain, []byte("21.5"))
	srv, err := New(Config{
		Keys: []*handshake.PrivateKey{serverKey},
		Authorize: func(handshake.Suite, handshake.ClientCredential) (Client, error) {
			return Client{Name: "a", Key: deviceKey.Public()}, nil
		},
		Handler: coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return answer }),
	})
	if err != nil {
		t.Fatal(err)
	}
	socket := &wire{in: make(chan []byte), out: make(chan sentDatagram, 64), gone: make(chan struct{})}
	done := make(chan error)
	go func() { done <- srv.Serve(socket) }()
	w := &wired{t: t, wire: socket}
	w.opened(session.DeviceConfig{Server: serverKey.ServerCredential(), Key: deviceKey, Rand: rand.Reader})
	get := coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("temperature")}}}
	for range 600 { // until the server has all that it uses again
		w.get(get)
	}
	const times = 500
	var sum uint64
	for range times {
		sum += w.get(get)
	}
	if sum > times/10 { // the runtime's own
		t.Errorf("%d allocations in %d requests", sum, times)
	}
	t.Logf("%d allocations in %d requests", sum, times)
	srv.Close()
	<-done
}
