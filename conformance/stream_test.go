package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// firmware is a body that nobody holds: each byte follows from its place.
type firmware struct {
	size   int64
	closed chan struct{} // closed by Close; nil: it is not awaited
}

func (f *firmware) Size() int64 { return f.size }

func (f *firmware) ReadAt(b []byte, at int64) (int, error) {
	for i := range b {
		n := at + int64(i)
		b[i] = byte(n ^ n>>7 ^ n>>13)
	}
	return len(b), nil
}

func (f *firmware) Close() error {
	if f.closed != nil {
		close(f.closed)
	}
	return nil
}

// sum is the digest of a body as it is read.
func sum(r io.Reader) string {
	h := fnv.New64a()
	n, err := io.Copy(h, r)
	return fmt.Sprintf("%d bytes, %x, %v", n, h.Sum64(), err)
}

func (f *firmware) sum() string { return sum(io.NewSectionReader(f, 0, f.size)) }

// A store answers with what it has read of a body, and with a body.
type store struct {
	body *firmware
	max  int
}

func (s *store) Streams(m *coap.Message) int { return s.max }

func (s *store) ServeCoAP(ctx context.Context, r *coap.Request) *coap.Message {
	switch r.Path() {
	case "/get":
		r.Content = s.body
		return coap.Status(coap.ContentCode)
	case "/pull": // the server asks the device for its body
		m := coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("get")}}}
		_, body, err := r.Peer.Stream(ctx, m, nil)
		if err != nil {
			return coap.Status(coap.InternalServerError)
		}
		defer body.Close()
		return coap.Content(message.TextPlain, []byte(sum(body)))
	case "/half":
		io.CopyN(io.Discard, r.Reader(), 100_000)
		return coap.Status(coap.BadRequest)
	}
	return coap.Content(message.TextPlain, []byte(sum(r.Reader())))
}

func streamRequest(code coap.Code, path string) coap.Message {
	return coap.Message{Code: code, Options: message.Options{{ID: message.URIPath, Value: []byte(path)}}}
}

// TestStreams: bodies of 10 MiB go both ways, in requests and in responses, while neither end
// holds more than a window of them.
func TestStreams(t *testing.T) {
	const large = 10 << 20
	link := quiet
	link.Delay = 10 * time.Millisecond
	for _, loss := range []float64{0, .1} {
		size := int64(large)
		if loss > 0 && testing.Short() {
			size = 1 << 20
		}
		link.Loss = loss
		body := &firmware{size: size}
		handler := &store{body: body, max: large}
		t.Run(fmt.Sprintf("%.0f%%", loss*100), func(t *testing.T) {
			scenario(t, link, func(t *testing.T, w *world) {
				cfg := config(handshake.XWing, handshake.ModeKEM)
				cfg.Handler = handler
				c := w.mustDial(cfg)
				defer c.Close()
				up, content, err := c.Stream(t.Context(), streamRequest(coap.PUT, "put"), body)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(content); up.Code != coap.ContentCode || string(got) != body.sum() {
					t.Errorf("up: %v: %s, %v; want %s", up.Code, got, err, body.sum())
				}
				down, content, err := c.Stream(t.Context(), streamRequest(coap.GET, "get"), nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := sum(content); down.Code != coap.ContentCode || got != body.sum() {
					t.Errorf("down: %v: %s, want %s", down.Code, got, body.sum())
				}
				content.Close()
				if answer, err := c.Get(t.Context(), "/pull"); err != nil || string(answer.Payload) != body.sum() {
					t.Errorf("pulled by the server: %s, %v; want %s", answer.Payload, err, body.sum())
				}
			}, func(cfg *server.Config) { cfg.Handler = handler })
		})
	}
}

// TestStreamEnds: what ends a body before its end is told to who reads or sends it.
func TestStreamEnds(t *testing.T) {
	closed := make(chan struct{})
	body := &firmware{size: 10 << 20, closed: closed}
	handler := &store{body: body, max: 1 << 20}
	scenario(t, quiet, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		for _, put := range []struct {
			path string
			size int64
			want coap.Code
		}{{"put", 2 << 20, coap.EntityTooLarge}, {"half", 1 << 20, coap.BadRequest}} {
			answer, _, err := c.Stream(t.Context(), streamRequest(coap.PUT, put.path), &firmware{size: put.size})
			if err != nil || answer.Code != put.want {
				t.Errorf("%s: %v, %v; want %v", put.path, answer.Code, err, put.want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, content, err := c.Stream(ctx, streamRequest(coap.GET, "get"), nil)
		if err != nil {
			t.Fatal(err)
		}
		io.CopyN(io.Discard, content, 1<<20)
		cancel()
		if _, err := io.Copy(io.Discard, content); !errors.Is(err, context.Canceled) {
			t.Errorf("read behind the end of the context: %v", err)
		}
		_, content, err = c.Stream(t.Context(), streamRequest(coap.GET, "get"), nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(rtt)
			w.server.Close()
		}()
		if _, err := io.Copy(io.Discard, content); err == nil {
			t.Error("read to the end of a session that was closed")
		}
		<-closed // with the session
	}, func(cfg *server.Config) { cfg.Handler = &oneBody{store: handler} })
}

// A oneBody gives its body once, and another afterwards.
type oneBody struct {
	*store
	given bool
}

func (o *oneBody) ServeCoAP(ctx context.Context, r *coap.Request) *coap.Message {
	m := o.store.ServeCoAP(ctx, r)
	if r.Content != nil {
		if !o.given {
			r.Content = &firmware{size: o.body.size}
		}
		o.given = true
	}
	return m
}

// TestStreamSlowReader: a handler that reads slowly is not overrun, and others are not held up.
func TestStreamSlowReader(t *testing.T) {
	body := &firmware{size: 1 << 20}
	handler := slow{&store{max: 10 << 20}}
	scenario(t, simnet.Link{Delay: 10 * time.Millisecond, Loss: .05}, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		done := make(chan string, 1)
		go func() {
			_, content, err := c.Stream(t.Context(), streamRequest(coap.PUT, "put"), body)
			if err != nil {
				done <- err.Error()
				return
			}
			got, _ := io.ReadAll(content)
			done <- string(got)
		}()
		for range 20 {
			if answer, err := c.Post(t.Context(), "/x", message.TextPlain, []byte("abc")); err != nil || answer.Code != coap.ContentCode {
				t.Errorf("beside it: %v, %v", answer.Code, err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got := <-done; got != body.sum() {
			t.Errorf("%s, want %s", got, body.sum())
		}
	}, func(cfg *server.Config) { cfg.Handler = handler })
}

type slow struct{ *store }

func (s slow) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	return coap.Content(message.TextPlain, []byte(sum(&tired{r.Reader()})))
}

// A tired reader sleeps before each read.
type tired struct{ io.Reader }

func (r *tired) Read(b []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return r.Reader.Read(b[:min(len(b), 8192)])
}

// TestStreamSmallBody: a handler need not know how a body has come.
func TestStreamSmallBody(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		for _, size := range []int64{0, 1, 1024, 1100, 3000} {
			body := &firmware{size: size}
			_, content, err := c.Stream(t.Context(), streamRequest(coap.PUT, "put"), body)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(content); string(got) != body.sum() {
				t.Errorf("%d bytes: %s, %v; want %s", size, got, err, body.sum())
			}
			whole := make([]byte, size)
			body.ReadAt(whole, 0)
			answer, err := c.Put(t.Context(), "/put", message.AppOctets, whole)
			if err != nil || !bytes.Equal(answer.Payload, []byte(body.sum())) {
				t.Errorf("%d bytes whole: %s, %v", size, answer.Payload, err)
			}
		}
	}, func(cfg *server.Config) { cfg.Handler = &store{max: 10 << 20} })
}

var _ coap.Peer = (*node.Conn)(nil)
