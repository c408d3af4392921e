package server

import (
	"context"
	"crypto/rand"
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
	"github.com/pqcoap/pqcoap/internal/session"
)

var (
	serverAddr = netip.MustParseAddrPort("192.0.2.1:5688")
	deviceAddr = netip.MustParseAddrPort("198.51.100.7:40000")
)

// testKeys are those of a server and a device of the quickest suite.
var testKeys = sync.OnceValues(func() (serverKey, deviceKey *handshake.PrivateKey) {
	for _, k := range []**handshake.PrivateKey{&serverKey, &deviceKey} {
		var err error
		if *k, err = handshake.GenerateKey(rand.Reader, handshake.MLKEM512); err != nil {
			panic(err)
		}
	}
	return serverKey, deviceKey
})

// A device is one session over a simulated network, that can sleep: then it hears nothing and
// says nothing.
type device struct {
	t      *testing.T
	socket *simnet.Conn

	mu      sync.Mutex
	session *session.Device
	out     session.Outbox
	timer   *time.Timer
	asleep  bool
	sent    int
	serve   func(m coap.Message) *coap.Message // nil: no answer
	asked   []coap.Message                     // what the server has asked
	noted   []coap.Message                     // states of what it observes
	answers map[uint64]chan session.Event
	ticket  *handshake.ResumptionState
	ended   chan error
}

// connect has a device begin a session, with a ticket or without.
func (w *bench) connect(ticket *handshake.ResumptionState) *device {
	w.t.Helper()
	d := w.device(ticket)
	d.get()
	return d
}

// halfOpen is a device that has got its m2, and sleeps before its first record.
func (w *bench) halfOpen() *device {
	w.t.Helper()
	before := w.server.Stats().HalfOpened
	d := w.device(nil)
	for w.server.Stats().HalfOpened == before {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(15 * time.Millisecond) // m2 has come, and the first ping has not left
	d.sleep(true)
	return d
}

func (w *bench) device(ticket *handshake.ResumptionState) *device {
	w.t.Helper()
	_, key := testKeys()
	return w.dial(session.DeviceConfig{Server: w.key.ServerCredential(), Key: key, Resume: ticket})
}

// dial has a device begin a session of its own kind. Only one is there at a time.
func (w *bench) dial(cfg session.DeviceConfig) *device {
	w.t.Helper()
	return w.dialFrom(deviceAddr, cfg)
}

func (w *bench) dialFrom(addr netip.AddrPort, cfg session.DeviceConfig) *device {
	w.t.Helper()
	cfg.Suite, cfg.Rand = handshake.MLKEM512, rand.Reader
	d := &device{
		t: w.t, socket: w.net.Listen(addr), answers: make(map[uint64]chan session.Event), ended: make(chan error, 1),
		serve: func(coap.Message) *coap.Message { return coap.Status(coap.Changed) },
	}
	d.timer = time.AfterFunc(time.Hour, d.tick)
	var err error
	d.session, err = session.NewDevice(time.Now(), cfg, &d.out)
	if err != nil {
		w.t.Fatal(err)
	}
	go d.read()
	d.tick()
	return d
}

func (d *device) read() {
	buf := make([]byte, 1<<16)
	for {
		n, _, err := d.socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		d.mu.Lock()
		if !d.asleep {
			d.session.Receive(time.Now(), buf[:n], &d.out)
			d.flush()
		}
		d.mu.Unlock()
	}
}

func (d *device) tick() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.asleep {
		d.session.Advance(time.Now(), &d.out)
		d.flush()
	}
}

// flush sends and takes events. The caller holds the lock.
func (d *device) flush() {
	now := time.Now()
	for ev, ok := d.session.Next(); ok; ev, ok = d.session.Next() {
		switch ev.Kind {
		case session.EventRequest:
			d.asked = append(d.asked, ev.Message)
			if m := d.serve(ev.Message); m != nil {
				d.session.Respond(now, ev.ID, *m, nil, &d.out)
			}
		case session.EventResponse:
			d.answers[ev.ID] <- ev
		case session.EventNotification:
			d.noted = append(d.noted, ev.Message)
		case session.EventTicket:
			d.ticket = ev.Ticket
		case session.EventClosed:
			d.ended <- ev.Err
		}
	}
	for _, b := range d.out.All() {
		d.sent++
		d.socket.WriteToUDPAddrPort(b, serverAddr)
	}
	d.out.Reset()
	if at := d.session.Deadline(); !at.IsZero() {
		d.timer.Reset(max(0, at.Sub(now)))
	}
}

// request sends one when the session is open, and returns what the answer comes by.
func (d *device) request(m coap.Message) chan session.Event {
	for {
		d.mu.Lock()
		id, err := d.session.Request(time.Now(), m, coap.RequestOptions{}, &d.out)
		if err == nil {
			answer := make(chan session.Event, 1)
			d.answers[id] = answer
			d.flush()
			d.mu.Unlock()
			return answer
		}
		d.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// get has the server answer, whatever with.
func (d *device) get() coap.Message {
	d.t.Helper()
	ev := <-d.request(coap.Message{Code: coap.GET, Options: path("x")})
	if ev.Err != nil {
		d.t.Error(ev.Err)
	}
	return ev.Message
}

func (d *device) sleep(asleep bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asleep = asleep
}

// heard is what the server has asked so far, by its payloads.
func (d *device) heard() (payloads []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.asked {
		payloads = append(payloads, string(m.Payload))
	}
	return payloads
}

func (d *device) newestTicket() *handshake.ResumptionState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ticket
}

func (d *device) close() {
	d.sleep(true)
	d.timer.Stop()
	d.socket.Close()
}

func path(name string) message.Options {
	return message.Options{{ID: message.URIPath, Value: []byte(name)}}
}

func put(payload string) coap.Message {
	return coap.Message{Code: coap.PUT, Options: path("x"), Payload: []byte(payload)}
}

// A bench is a server on a simulated network, in a bubble.
type bench struct {
	t      *testing.T
	net    *simnet.Network
	key    *handshake.PrivateKey
	server *Server
	done   chan error
}

var errStranger = errors.New("stranger")

// authorize knows one device.
func authorize(_ handshake.Suite, c handshake.ClientCredential) (Client, error) {
	if _, key := testKeys(); c.ID == key.Public().DeviceID() {
		return Client{Name: "a", Key: key.Public()}, nil
	}
	return Client{}, errStranger
}

// onBench runs f with a server, whose handler answers nothing but that it has no such resource.
func onBench(t *testing.T, f func(t *testing.T, w *bench), change ...func(*Config)) {
	synctest.Test(t, func(t *testing.T) {
		key, _ := testKeys()
		w := &bench{t: t, net: simnet.New(1, simnet.Link{Delay: 10 * time.Millisecond}), key: key}
		w.net.TraceOnFailure(t)
		cfg := Config{
			Keys: []*handshake.PrivateKey{key}, Authorize: authorize, Workers: 1,
			Handler: coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return nil }),
		}
		for _, c := range change {
			c(&cfg)
		}
		w.start(cfg)
		f(t, w)
		w.server.Close()
		<-w.done
		w.net.Close()
	})
}

// start starts a server, also behind one that has ended.
func (w *bench) start(cfg Config) {
	w.t.Helper()
	srv, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server, w.done = srv, make(chan error, 1)
	socket := w.net.Listen(serverAddr)
	done := w.done
	go func() { done <- srv.Serve(socket) }()
	synctest.Wait()
}
