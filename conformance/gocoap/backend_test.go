package gocoap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	piondtls "github.com/pion/dtls/v3"
	"github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"
	udpclient "github.com/plgd-dev/go-coap/v3/udp/client"

	"github.com/pqcoap/pqcoap/coap/gocoap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// A backend serves a mux.Handler on a loopback socket, and returns what connects a client
// that has a mux.Handler too.
type backend struct {
	name  string
	serve func(t *testing.T, h mux.Handler, connected func(mux.Conn)) (dial func(t *testing.T, h mux.Handler) mux.Conn)
}

var backends = []backend{
	{"go-coap, UDP", servePlain},
	{"go-coap, DTLS", serveDTLS},
	{"pqcoap", servePQ},
}

// each runs a test over every backend.
func each(t *testing.T, test func(t *testing.T, b backend)) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) { test(t, b) })
	}
}

// dial is serve and one client, where nothing else matters.
func (b backend) dial(t *testing.T, h mux.Handler) mux.Conn {
	t.Helper()
	return b.serve(t, h, nil)(t, mux.NewRouter())
}

const patience = 30 * time.Second // an upper guard

func guard(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

var quiet = options.WithErrors(func(error) {}) // they show at the client

// onNewConn is an option of go-coap's servers.
func onNewConn(connected func(mux.Conn)) options.OnNewConnOpt[func(*udpclient.Conn)] {
	return options.WithOnNewConn(func(c *udpclient.Conn) {
		if connected != nil {
			connected(c)
		}
	})
}

func servePlain(t *testing.T, h mux.Handler, connected func(mux.Conn)) func(*testing.T, mux.Handler) mux.Conn {
	l, err := coapnet.NewListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := udp.NewServer(options.WithMux(h), quiet, onNewConn(connected))
	run(t, func() error { return s.Serve(l) }, s.Stop)
	return func(t *testing.T, h mux.Handler) mux.Conn {
		c, err := udp.Dial(l.LocalAddr().String(), options.WithMux(h), quiet)
		return closing(t, c, err)
	}
}

func serveDTLS(t *testing.T, h mux.Handler, connected func(mux.Conn)) func(*testing.T, mux.Handler) mux.Conn {
	key := piondtls.WithPSK(func([]byte) ([]byte, error) { return []byte{0xab, 0xc1, 0x23}, nil })
	hint := piondtls.WithPSKIdentityHint([]byte("sensor-1"))
	suites := piondtls.WithCipherSuites(piondtls.TLS_PSK_WITH_AES_128_CCM_8)
	l, err := coapnet.NewDTLSListener("udp4", "127.0.0.1:0", coapnet.NewDTLSServerOptions(key, hint, suites))
	if err != nil {
		t.Fatal(err)
	}
	s := dtls.NewServer(options.WithMux(h), quiet, onNewConn(connected))
	run(t, func() error { return s.Serve(l) }, s.Stop)
	return func(t *testing.T, h mux.Handler) mux.Conn {
		c, err := dtls.Dial(l.Addr().String(), dtls.NewDTLSClientOptions(key, hint, suites), options.WithMux(h), quiet)
		return closing(t, c, err)
	}
}

// keys are the server's and those of two devices: slow to make, and they never change.
var keys = sync.OnceValue(func() []*handshake.PrivateKey {
	k := make([]*handshake.PrivateKey, 3)
	for i := range k {
		var err error
		if k[i], err = handshake.GenerateKey(rand.Reader, handshake.XWing); err != nil {
			panic(err)
		}
	}
	return k
})

// authorize knows sensor-1 and sensor-2.
func authorize(_ handshake.Suite, c handshake.ClientCredential) (server.Client, error) {
	for i, k := range keys()[1:] {
		if c.Mode == handshake.ModeKEM && c.ID == k.Public().DeviceID() {
			return server.Client{Name: fmt.Sprintf("sensor-%d", i+1), Key: k.Public()}, nil
		}
	}
	return server.Client{}, errors.New("not enrolled")
}

func servePQ(t *testing.T, h mux.Handler, connected func(mux.Conn)) func(*testing.T, mux.Handler) mux.Conn {
	s, err := server.New(server.Config{
		Keys: []*handshake.PrivateKey{keys()[0]}, Handler: gocoap.Handler(greeting(h, connected)), Authorize: authorize,
	})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	run(t, func() error { s.Serve(socket); return nil }, func() { s.Close() })
	devices := keys()[1:]
	return func(t *testing.T, h mux.Handler) mux.Conn {
		c, err := node.Dial(guard(t), socket.LocalAddr().String(), node.Config{
			Trust: keys()[0].ServerCredential(), Key: devices[0], Handler: gocoap.Handler(h),
		})
		if err != nil {
			t.Fatal(err)
		}
		devices = devices[1:]
		return closing(t, gocoap.Conn(c), nil)
	}
}

// greeting stands for OnNewConn: the first request of a session finds it not greeted.
func greeting(next mux.Handler, connected func(mux.Conn)) mux.Handler {
	var mu sync.Mutex
	greeted := make(map[mux.Conn]bool)
	return mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
		mu.Lock()
		if connected != nil && !greeted[w.Conn()] {
			greeted[w.Conn()] = true
			connected(w.Conn())
		}
		mu.Unlock()
		next.ServeCOAP(w, r)
	})
}

// run serves until the end of the test.
func run(t *testing.T, serve func() error, stop func()) {
	done := make(chan error, 1)
	go func() { done <- serve() }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

func closing(t *testing.T, c mux.Conn, err error) mux.Conn {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
