package interop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/pqcoap/pqcoap/conformance/relay"
)

// A world is a proxy of a device, a server of ours, and the server behind it that is not
// ours. What is tried in it may be tried at once: each test takes paths of its own.
type world struct {
	proxy    string // address of the proxy
	upstream string // of the server behind
	log      *transcript
}

// startWorld starts both programs before an upstream, or none, with a link of that kind
// between them.
func startWorld(t *testing.T, upstream string, log *transcript, link relay.Link) *world {
	t.Helper()
	h := newHome(t)
	var flags []string
	if upstream != "" {
		flags = []string{"-upstream", "coap://" + upstream}
	}
	addr := h.serve(t, flags...)
	server, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	between, err := relay.Listen(relay.Config{Server: server, Up: link, Down: link, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { between.Close() })
	return &world{h.proxy(t, between.Addr().String()), upstream, log}
}

// proxy starts the proxy of the device on a port of the kernel's choice.
func (h *home) proxy(t *testing.T, server string) (addr string) {
	t.Helper()
	p := start(t, ours("pqcoap-node"), "proxy", "-c", h.file, "-server", server, "-listen", "127.0.0.1:0")
	return p.await(t, `(?m)^listening on (\S+)$`)[1]
}

var paths atomic.Int64

// path is one that no other test has.
func newPath() string { return fmt.Sprintf("/r%d", paths.Add(1)) }

// at is the URI of a path as the clients of the proxy see it.
func (w *world) at(path string) string { return "coap://" + w.proxy + path }

// keep puts a body at the upstream, not through the proxy.
func (w *world) keep(t *testing.T, path string, body []byte) {
	t.Helper()
	r := gocoap{}.do(t, request{method: "put", uri: "coap://" + w.upstream + path, body: body})
	if r.code != "2.01" && r.code != "2.04" {
		t.Fatalf("PUT at the upstream: %s", r.code)
	}
}

// kept checks what the upstream has, not through the proxy.
func (w *world) kept(t *testing.T, path string, want []byte) {
	t.Helper()
	r := gocoap{}.do(t, request{method: "get", uri: "coap://" + w.upstream + path})
	if want == nil && r.code == "4.04" {
		return
	}
	if r.code != "2.05" || !bytes.Equal(r.body, want) {
		t.Errorf("the upstream has %s, %d bytes, want %d", r.code, len(r.body), len(want))
	}
}

// large is a body of 100 kB, not the same twice.
func large() []byte {
	b := make([]byte, 100_000)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// want checks an answer.
func (r response) want(t *testing.T, code string, body []byte) {
	t.Helper()
	if r.code != code || !bytes.Equal(r.body, body) {
		t.Errorf("got %s, %d bytes %.40q, want %s, %d bytes", r.code, len(r.body), r.body, code, len(body))
	}
}
