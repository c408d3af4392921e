package gocoap

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
)

// get fails unless the answer is what it has to be.
func get(t *testing.T, c mux.Conn, path string, code codes.Code, body string) {
	t.Helper()
	answer, err := c.Get(guard(t), path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	check(t, path, answer, code, body)
	c.ReleaseMessage(answer)
}

func check(t *testing.T, what string, answer *pool.Message, code codes.Code, body string) {
	t.Helper()
	got, err := answer.ReadBody()
	if err != nil || answer.Code() != code || string(got) != body {
		t.Errorf("%s: %v, %d bytes %.40q, %v: want %v, %d bytes %.40q", what, answer.Code(), len(got), got, err, code, len(body), body)
	}
}

// TestExamples: simple, options, dtls/psk, dtls/cid and, by its own address, mcast.
func TestExamples(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		var mu sync.Mutex
		var lines []string
		c := b.dial(t, Examples(time.Millisecond, func(line string) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, line)
		}))
		get(t, c, "/a", codes.Content, "hello world")
		get(t, c, "/b", codes.Content, "B hello world")
		get(t, c, "/oic/res", codes.Content, "mcast response")
		get(t, c, "/some/path", codes.Content, "now")
		get(t, c, "/c", codes.NotFound, "")
		mu.Lock()
		defer mu.Unlock()
		if len(lines) != 5 || !strings.HasPrefix(lines[0], "127.0.0.1:") || !strings.HasSuffix(lines[0], " GET /a") {
			t.Errorf("middleware has logged %q", lines)
		}
	})
}

// TestExampleIdentity: dtls/pki and options, where a handler finds what was set when the client
// connected, and AddOnClose.
func TestExampleIdentity(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		closed := make(chan struct{})
		dial := b.serve(t, Examples(time.Millisecond, func(string) {}), func(c mux.Conn) {
			Identify(c, "sensor-1", func() { close(closed) })
		})
		c := dial(t, mux.NewRouter())
		get(t, c, "/who", codes.Content, "sensor-1")
		get(t, c, "/who", codes.Content, "sensor-1")
		if b.name == "go-coap, UDP" {
			return // where nobody tells the server that a client has gone: see TestDifferences
		}
		c.Close()
		<-closed
	})
}

// TestExampleObserve: observe, until the client has ten states and cancels.
func TestExampleObserve(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		c := b.dial(t, Examples(5*time.Millisecond, func(string) {}))
		states := make(chan string, 1000)
		o, err := c.Observe(guard(t), "/some/path", func(m *pool.Message) {
			body, _ := m.ReadBody()
			states <- string(body)
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			state := <-states
			if i == 0 && state != "state 0" {
				t.Errorf("first %q", state)
			}
		}
		if err := o.Cancel(guard(t)); err != nil || !o.Canceled() {
			t.Errorf("cancel: %v, canceled %v", err, o.Canceled())
		}
	})
}

// TestOneConn: all requests of a client see the same mux.Conn, and another client's another.
func TestOneConn(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		seen := make(chan mux.Conn, 1)
		dial := b.serve(t, mux.HandlerFunc(func(w mux.ResponseWriter, _ *mux.Message) {
			seen <- w.Conn()
			respond(w, codes.Changed, "")
		}), nil)
		var of [3]mux.Conn
		first, second := dial(t, mux.NewRouter()), dial(t, mux.NewRouter())
		for i, c := range []mux.Conn{first, first, second} {
			get(t, c, "/", codes.Changed, "")
			of[i] = <-seen
		}
		if of[0] != of[1] || of[1] == of[2] {
			t.Errorf("conns %p, %p of one client, %p of another", of[0], of[1], of[2])
		}
	})
}
