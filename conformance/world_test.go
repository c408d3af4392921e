package conformance

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

var (
	serverAddr = netip.MustParseAddrPort("192.0.2.1:5688")
	deviceAddr = netip.MustParseAddrPort("198.51.100.7:40000")
)

// identities are keys that tests share, since they are slow to make and never change.
type identities struct {
	server map[handshake.Suite]*handshake.PrivateKey
	device map[handshake.Suite]*handshake.PrivateKey
	psk    *handshake.PSK
}

var keys = sync.OnceValue(func() identities {
	id := identities{
		server: make(map[handshake.Suite]*handshake.PrivateKey),
		device: make(map[handshake.Suite]*handshake.PrivateKey),
	}
	var err error
	for _, suite := range handshake.Suites() {
		if id.server[suite], err = handshake.GenerateKey(rand.Reader, suite); err != nil {
			panic(err)
		}
		if id.device[suite], err = handshake.GenerateKey(rand.Reader, suite); err != nil {
			panic(err)
		}
	}
	if id.psk, err = handshake.GeneratePSK(rand.Reader); err != nil {
		panic(err)
	}
	return id
})

// authorize knows one device by KEM key in each suite, one by PSK, and takes anonymous ones.
func authorize(suite handshake.Suite, c handshake.ClientCredential) (server.Client, error) {
	id := keys()
	switch {
	case c.Mode == handshake.ModeNone:
		return server.Client{}, nil
	case c.Mode == handshake.ModeKEM && c.ID == id.device[suite].Public().DeviceID():
		return server.Client{Name: "kem-device", Key: id.device[suite].Public()}, nil
	case c.Mode == handshake.ModePSK && c.ID == id.psk.ID:
		return server.Client{Name: "psk-device", PSK: id.psk}, nil
	}
	return server.Client{}, fmt.Errorf("not enrolled")
}

// A world is a server on a simulated network. It belongs to one synctest bubble.
type world struct {
	t       *testing.T
	net     *simnet.Network
	server  *server.Server
	socket  server.PacketConn
	done    chan error
	handler *tally
	change  []func(*server.Config)
}

func newWorld(t *testing.T, seed uint64, link simnet.Link, change ...func(*server.Config)) *world {
	t.Helper()
	w := &world{t: t, net: simnet.New(seed, link), done: make(chan error, 1), handler: newTally(), change: change}
	w.net.TraceOnFailure(t)
	w.serve()
	return w
}

// serve starts a server, also in the place of one that has been closed.
func (w *world) serve() {
	w.t.Helper()
	cfg := server.Config{Authorize: authorize, Handler: w.handler, Workers: 1}
	for _, suite := range handshake.Suites() {
		cfg.Keys = append(cfg.Keys, keys().server[suite])
	}
	for _, f := range w.change {
		f(&cfg)
	}
	srv, err := server.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = srv
	w.socket = w.net.Listen(serverAddr)
	go func(socket server.PacketConn) { w.done <- srv.Serve(socket) }(w.socket)
}

// crash ends the server without a word to anybody.
func (w *world) crash() {
	w.socket.Close()
	<-w.done
}

// close ends the server and the network, so that the bubble can end.
func (w *world) close() {
	w.server.Close()
	<-w.done
	w.net.Close()
}

// config is that of a device in a suite and mode, with the server's key pinned.
func config(suite handshake.Suite, mode handshake.Mode) node.Config {
	cfg := node.Config{Suite: suite, Trust: keys().server[suite].ServerCredential()}
	switch mode {
	case handshake.ModeKEM:
		cfg.Key = keys().device[suite]
	case handshake.ModePSK:
		cfg.PSK = keys().psk
	}
	return cfg
}

func (w *world) dial(ctx context.Context, cfg node.Config) (*node.Conn, error) {
	return node.DialOn(ctx, w.net.Listen(deviceAddr), serverAddr, cfg)
}

func (w *world) mustDial(cfg node.Config) *node.Conn {
	w.t.Helper()
	c, err := w.dial(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatalf("dial: %v", err)
	}
	return c
}

// A tally is a handler that answers with what it is asked to, and counts its calls by the
// number that each request carries.
type tally struct {
	mu    sync.Mutex
	calls map[uint32]int
	slow  time.Duration
	name  string // of the last caller
}

func newTally() *tally { return &tally{calls: make(map[uint32]int)} }

// ServeCoAP takes number || size || payload and answers size bytes that depend on number.
func (h *tally) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	if len(r.Payload) < 8 {
		return coap.Status(coap.BadRequest)
	}
	number, size := binary.BigEndian.Uint32(r.Payload), binary.BigEndian.Uint32(r.Payload[4:])
	h.mu.Lock()
	h.calls[number]++
	h.name = r.Device
	slow := h.slow
	h.mu.Unlock()
	if slow > 0 {
		time.Sleep(slow)
	}
	if want := pattern(number, len(r.Payload)-8); string(r.Payload[8:]) != string(want) {
		return coap.Status(coap.BadRequest)
	}
	return coap.Content(message.AppOctets, pattern(number+1, int(size)))
}

// once fails unless each of n requests has reached the handler exactly once.
func (h *tally) once(t *testing.T, n int) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range n {
		if got := h.calls[uint32(i)]; got != 1 {
			t.Errorf("request %d: handler called %d times, want once", i, got)
		}
	}
}

// pattern is a body that differs from byte to byte and from request to request.
func pattern(number uint32, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(uint32(i)*7 + number*31 + uint32(i)>>8)
	}
	return b
}

// exchange makes one request of a number, up bytes there and down bytes back.
func exchange(ctx context.Context, c *node.Conn, number uint32, up, down int) error {
	body := binary.BigEndian.AppendUint32(nil, number)
	body = binary.BigEndian.AppendUint32(body, uint32(down))
	body = append(body, pattern(number, up)...)
	answer, err := c.Post(ctx, "/tally", message.AppOctets, body)
	if err != nil {
		return fmt.Errorf("request %d: %w", number, err)
	}
	if answer.Code != coap.ContentCode {
		return fmt.Errorf("request %d: answered %v", number, answer.Code)
	}
	if string(answer.Payload) != string(pattern(number+1, down)) {
		return fmt.Errorf("request %d: wrong body of %d bytes, want %d", number, len(answer.Payload), down)
	}
	return nil
}
