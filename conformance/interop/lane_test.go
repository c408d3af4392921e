package interop

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
)

// A home is a server's folder, with one device that is enrolled.
type home struct {
	dir, file string
	device    node.Config
}

func newHome(t *testing.T) *home {
	t.Helper()
	dir := t.TempDir()
	h := &home{dir: filepath.Join(dir, "server"), file: filepath.Join(dir, "sensor-1.toml")}
	run(t, ours("pqcoap-server"), "init", "-dir", h.dir)
	run(t, ours("pqcoap-server"), "enroll", "-dir", h.dir, "-out", h.file, "-server", "127.0.0.1:5688", "sensor-1")
	var err error
	if h.device, err = node.LoadConfig(h.file); err != nil {
		t.Fatal(err)
	}
	return h
}

// serve starts our server on a port of the kernel's choice.
func (h *home) serve(t *testing.T, args ...string) (addr string) {
	t.Helper()
	p := start(t, ours("pqcoap-server"), append([]string{"run", "-dir", h.dir, "-listen", "127.0.0.1:0"}, args...)...)
	return p.await(t, `(?m)^listening on (\S+)$`)[1]
}

// A host is a server of ours that runs.
type host struct {
	*home
	addr string
}

func startHost(t *testing.T, args ...string) *host {
	t.Helper()
	h := newHome(t)
	return &host{h, h.serve(t, args...)}
}

// A lane is the plain lane of two servers: one asks for a proven address under load only, the
// other always.
type lane struct{ auto, always *host }

func startLane(t *testing.T) *lane {
	t.Helper()
	return &lane{startHost(t), startHost(t, "-echo", "always")}
}

// initiator is a handshake that has an m1.
func (h *host) initiator(t *testing.T) *handshake.Initiator {
	t.Helper()
	i, err := handshake.NewInitiator(rand.Reader, handshake.InitiatorConfig{Server: h.device.Trust, Key: h.device.Key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// m1 is the request that carries it.
func m1(i *handshake.Initiator, addr string, block int) request {
	return request{
		method: "post", uri: "coap://" + addr + "/hs", body: i.M1(), block: block,
		options: []option{{optContentFormat, []byte{60}}},
	}
}

// post has a client POST an m1 to an address of the host; what comes back has to be the m2
// that opens it.
func (h *host) post(t *testing.T, c client, addr string, block int) {
	t.Helper()
	i := h.initiator(t)
	r := c.do(t, m1(i, addr, block))
	if r.code != "2.04" {
		t.Fatalf("m1 was answered with %q and %d bytes", r.code, len(r.body))
	}
	if _, err := i.Finish(r.body); err != nil {
		t.Errorf("an m2 of %d bytes: %v", len(r.body), err)
	}
}

// links is what /.well-known/core of the plain lane lists.
const links = `</hs>;rt="pqcoap.hs";ct=60`

func (l *lane) core(t *testing.T, c client) {
	for _, addr := range []string{l.auto.addr, l.always.addr} {
		r := c.do(t, request{method: "get", uri: "coap://" + addr + "/.well-known/core"})
		if r.code != "2.05" || string(r.body) != links {
			t.Errorf("%+v, body %q", r, r.body)
		}
	}
}

// key is the server's credential, in one block size and another.
func (l *lane) key(t *testing.T, c client) {
	want := l.auto.device.Trust.Bytes()
	for _, block := range []int{0, 64, 256} {
		r := c.do(t, request{method: "get", uri: "coap://" + l.auto.addr + "/hs?s=1", block: block})
		if r.code != "2.05" || !bytes.Equal(r.body, want) {
			t.Errorf("blocks of %d: %s, %d bytes, want %d", block, r.code, len(r.body), len(want))
		}
	}
}

func (l *lane) valid(t *testing.T, c client) {
	uri := "coap://" + l.auto.addr + "/.well-known/core"
	first := c.do(t, request{method: "get", uri: uri})
	if len(first.etag) != 8 {
		t.Fatalf("ETag %q", first.etag)
	}
	etag, err := hex.DecodeString(first.etag)
	if err != nil {
		t.Fatal(err)
	}
	again := c.do(t, request{method: "get", uri: uri, options: []option{{optETag, etag}}})
	if again.code != "2.03" || len(again.body) != 0 || again.etag != first.etag {
		t.Errorf("%+v", again)
	}
}

// posts has m1 in blocks of a size, with and without a demand for an Echo.
func posts(block int) func(*lane, *testing.T, client) {
	return func(l *lane, t *testing.T, c client) { l.auto.post(t, c, l.auto.addr, block) }
}

func (l *lane) echo(t *testing.T, c client) {
	for _, block := range []int{64, 1024} {
		l.always.post(t, c, l.always.addr, block)
	}
}

// lossy loses a block of m1 on its way, and an answer on the way back.
func (l *lane) lossy(t *testing.T, c client) {
	h := startHole(t, l.auto.addr, []int{2}, []int{4})
	l.auto.post(t, c, h.addr(), 1024)
	if up, down := h.count(); up <= 2 || down < 4 {
		t.Errorf("%d datagrams up, %d down: none was lost", up, down)
	}
}

// refused is what the plain lane does not serve.
func (l *lane) refused(t *testing.T, c client) {
	for _, test := range []struct {
		method, path, code string
		options            []option
	}{
		{"get", "/time", "4.01", nil}, // the application is reached through records only
		{"put", "/.well-known/core", "4.05", nil},
		{"get", "/.well-known/core", "4.02", []option{{65003, []byte{1}}}},
		{"get", "/.well-known/core", "2.05", []option{{65000, []byte{1}}}},
		{"post", "/hs", "4.15", []option{{optContentFormat, []byte{50}}}},
	} {
		r := request{method: test.method, uri: "coap://" + l.auto.addr + test.path, options: test.options}
		if test.method != "get" {
			r.body = []byte("body")
		}
		if got := c.do(t, r); got.code != test.code {
			t.Errorf("%s %s: %q, want %s", test.method, test.path, got.code, test.code)
		}
	}
}
