package node

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/bare"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

var (
	serverAddr = netip.MustParseAddrPort("192.0.2.1:5688")
	deviceAddr = netip.MustParseAddrPort("198.51.100.7:40000")
)

const delay = 50 * time.Millisecond

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

// A world is a server and a device's file on a network in memory.
type world struct {
	t      *testing.T
	net    *simnet.Network
	server *bare.Server
	state  string // the device's file
	log    strings.Builder
	logger *slog.Logger

	mu     sync.Mutex
	asked  []coap.Message
	answer func(m coap.Message) *coap.Message
}

// inWorld runs f in a bubble with a world.
func inWorld(t *testing.T, link simnet.Link, f func(t *testing.T, w *world), change ...func(*session.ServerConfig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: simnet.New(1, link), state: filepath.Join(t.TempDir(), "state")}
		w.logger = slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		defer w.net.Close()
		w.net.TraceOnFailure(t)
		serverKey, deviceKey := testKeys()
		cfg := session.ServerConfig{
			Identities: []handshake.Identity{serverKey.Identity()},
			Authorize: func(_ handshake.Suite, c handshake.ClientCredential) (session.Client, error) {
				if c.Mode == handshake.ModeNone {
					return session.Client{}, nil
				}
				return session.Client{Name: "device", Key: deviceKey.Public()}, nil
			},
		}
		for _, f := range change {
			f(&cfg)
		}
		var err error
		if w.server, err = bare.Serve(w.net.Listen(serverAddr), cfg, w.serve); err != nil {
			t.Fatal(err)
		}
		defer w.server.Close()
		f(t, w)
	})
}

var quiet = simnet.Link{Delay: delay}

func (w *world) serve(_ string, m coap.Message) *coap.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, m)
	if w.answer != nil {
		return w.answer(m)
	}
	return coap.Content(0, m.Payload)
}

// config is the device's, with a state file.
func (w *world) config() Config {
	serverKey, deviceKey := testKeys()
	return Config{
		Suite: handshake.MLKEM512, Trust: serverKey.ServerCredential(), Key: deviceKey, State: w.state,
		Log: w.logger,
	}
}

func (w *world) dial(cfg Config) *Conn {
	w.t.Helper()
	c, err := DialOn(w.t.Context(), w.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0)), serverAddr, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// ask makes a request that has to succeed.
func (w *world) ask(c *Conn) {
	w.t.Helper()
	if m, err := c.Post(w.t.Context(), "/a", 0, []byte("21.5")); err != nil || string(m.Payload) != "21.5" {
		w.t.Errorf("answer %q, %v", m.Payload, err)
	}
}

// kill ends a device as SIGKILL does: nothing is told and nothing is written.
func (c *Conn) kill() {
	c.mu.Lock()
	c.closed = true
	for _, l := range []*strand{c.active, c.fresh, c.old} {
		if l != nil {
			l.timer.Stop()
		}
	}
	close(c.gone)
	c.cancel()
	c.chores.Stop()
	c.mu.Unlock()
	c.socket.Close()
	c.tasks.Wait()
}

// crash has the server lose its sessions.
func (w *world) crash() { w.server.Crash() }

// count is how many datagrams pass the network while f runs and things settle.
func (w *world) count(f func()) (n int) {
	w.net.Filter(func(simnet.Datagram) simnet.Verdict { n++; return simnet.Verdict{} })
	f()
	synctest.Wait()
	w.net.Filter(nil)
	return n
}

// within limits a request.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// by checks how the current session has begun.
func (c *Conn) by(t *testing.T, want string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := c.active.origin(); got != want {
		t.Errorf("the session has begun by %s, want %s", got, want)
	}
}

var errTest = errors.New("as the test wants it")
