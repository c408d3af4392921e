package gocoap

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

// content is a body that differs from byte to byte.
func content(size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return string(b)
}

// ask makes a request of a code, and checks its answer.
func ask(t *testing.T, c mux.Conn, code codes.Code, path, body string, want codes.Code, answered string, opts ...message.Option) {
	t.Helper()
	answer, err := request(t, c, code, path, body, opts...)
	if err != nil {
		t.Fatalf("%v %s: %v", code, path, err)
	}
	check(t, code.String()+" "+path, answer, want, answered)
	c.ReleaseMessage(answer)
}

func request(t *testing.T, c mux.Conn, code codes.Code, path, body string, opts ...message.Option) (*pool.Message, error) {
	switch code {
	case codes.PUT:
		return c.Put(guard(t), path, message.AppOctets, bytes.NewReader([]byte(body)), opts...)
	case codes.POST:
		return c.Post(guard(t), path, message.AppOctets, bytes.NewReader([]byte(body)), opts...)
	case codes.DELETE:
		return c.Delete(guard(t), path, opts...)
	}
	return c.Get(guard(t), path, opts...)
}

// TestMethods: all methods of a mux.Conn, with bodies of one datagram and of many, both ways.
func TestMethods(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		c := b.dial(t, NewStore().Router())
		for _, size := range []int{1, 1000, 1024, 1025, 40_000} {
			body := content(size)
			ask(t, c, codes.PUT, "/things/a", body, codes.Created, "")
			ask(t, c, codes.GET, "/things/a", "", codes.Content, body)
			ask(t, c, codes.PUT, "/things/a", body, codes.Changed, "")
			ask(t, c, codes.POST, "/things/a", body, codes.Changed, body+body)
			ask(t, c, codes.GET, "/things/b", "", codes.NotFound, "") // another route variable
			ask(t, c, codes.DELETE, "/things/a", "", codes.Deleted, "")
			ask(t, c, codes.GET, "/things/a", "", codes.NotFound, "")
		}
		ask(t, c, codes.GET, "/nothing", "", codes.NotFound, "no such thing")
		ask(t, c, codes.GET, "/no/route", "", codes.NotFound, "")
		ask(t, c, codes.GET, "/later", "", codes.Content, "later")
		ping(guard(t), t, b, c)
	})
}

// ping asks for a sign of life. Of go-coap that is not asked: its client gives a ping back to the
// pool when the answer is here, which may be while the ping is still being written, and the race
// detector finds that (AsyncPing in udp/client/conn.go of v3.5.5).
func ping(ctx context.Context, t *testing.T, b backend, c mux.Conn) {
	t.Helper()
	if b.name != "pqcoap" {
		return
	}
	if err := c.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
}

// TestQueries: as they were sent, in order.
func TestQueries(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		c := b.dial(t, NewStore().Router())
		ask(t, c, codes.GET, "/query", "", codes.Content, "a=1\nb\nc=x y",
			message.Option{ID: message.URIQuery, Value: []byte("a=1")},
			message.Option{ID: message.URIQuery, Value: []byte("b")},
			message.Option{ID: message.URIQuery, Value: []byte("c=x y")})
	})
}

// TestETag: a handler's own reaches the client, and the client's brings 2.03.
func TestETag(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		c := b.dial(t, NewStore().Router())
		for _, size := range []int{10, 5000} {
			body := content(size)
			ask(t, c, codes.PUT, "/things/a", body, codes.Created, "")
			answer, err := c.Get(guard(t), "/things/a")
			if err != nil {
				t.Fatal(err)
			}
			got, err := answer.ETag()
			want, _ := message.GetETag(bytes.NewReader([]byte(body)))
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("ETag %x, %v: want %x", got, err, want)
			}
			if format, err := answer.ContentFormat(); err != nil || format != message.AppOctets {
				t.Errorf("Content-Format %v, %v", format, err)
			}
			ask(t, c, codes.GET, "/things/a", "", codes.Valid, "", message.Option{ID: message.ETag, Value: want})
			ask(t, c, codes.GET, "/things/a", "", codes.Content, body, message.Option{ID: message.ETag, Value: []byte{1}})
			ask(t, c, codes.DELETE, "/things/a", "", codes.Deleted, "")
		}
	})
}

// TestUnknownCriticalOption: the handler is not called.
func TestUnknownCriticalOption(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		c := b.dial(t, NewStore().Router())
		answer, err := c.Get(guard(t), "/nothing", message.Option{ID: 65001, Value: []byte{1}})
		if err != nil || answer.Code() != codes.BadOption {
			t.Errorf("answer %v, %v", answer, err)
		}
	})
}

// TestDo: a message that a program has made itself.
func TestDo(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		c := b.dial(t, NewStore().Router())
		put, err := c.NewPutRequest(guard(t), "/things/a", message.TextPlain, bytes.NewReader([]byte("x")))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.Do(put)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "PUT", answer, codes.Created, "")
		if !bytes.Equal(answer.Token(), put.Token()) {
			t.Errorf("token %v, want %v", answer.Token(), put.Token())
		}
		c.ReleaseMessage(answer)
		c.ReleaseMessage(put)
		post, err := c.NewPostRequest(guard(t), "/things/a", message.TextPlain, bytes.NewReader([]byte("y")))
		if err != nil {
			t.Fatal(err)
		}
		if answer, err = c.Do(post); err != nil {
			t.Fatal(err)
		}
		check(t, "POST", answer, codes.Changed, "xy")
	})
}

// TestRequestToDevice: a handler asks the one who asks it.
func TestRequestToDevice(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		device := mux.NewRouter()
		body := content(3000)
		device.HandleFunc("/device", func(w mux.ResponseWriter, _ *mux.Message) { respond(w, codes.Content, body) })
		c := b.serve(t, NewStore().Router(), nil)(t, device)
		for range 3 {
			get(t, c, "/device", codes.Content, body)
		}
	})
}

// TestOtherMethods: those of RFC 8132, which a mux.Conn has no functions for.
func TestOtherMethods(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		c := b.dial(t, mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
			body, _ := r.ReadBody()
			respond(w, codes.Changed, fmt.Sprintf("%d %s", r.Code(), body))
		}))
		for _, code := range []codes.Code{coap.FETCH, coap.PATCH, coap.IPATCH} {
			m, err := c.NewPutRequest(guard(t), "/a", message.TextPlain, bytes.NewReader([]byte("x")))
			if err != nil {
				t.Fatal(err)
			}
			m.SetCode(code)
			answer, err := c.Do(m)
			if err != nil {
				t.Fatal(err)
			}
			check(t, code.String(), answer, codes.Changed, fmt.Sprintf("%d x", code))
		}
	})
}

// TestDeviceObserved: a handler observes the one who asks it, and pings it.
func TestDeviceObserved(t *testing.T) {
	each(t, func(t *testing.T, b backend) {
		device := NewStore()
		device.put("a", []byte("0"))
		states := make(chan state, 10)
		h := mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
			ping(r.Context(), t, b, w.Conn())
			_, err := w.Conn().Observe(r.Context(), "/things/a", func(m *pool.Message) {
				body, _ := m.ReadBody()
				states <- state{m.Code(), string(body)}
			})
			if err != nil {
				t.Errorf("observe: %v", err)
			}
			respond(w, codes.Changed, "")
		})
		c := b.serve(t, h, nil)(t, device.Router())
		get(t, c, "/", codes.Changed, "")
		expect(t, states, state{codes.Content, "0"})
		for _, body := range []string{"1", content(5000), "2"} {
			device.put("a", []byte(body))
			expect(t, states, state{codes.Content, body})
		}
	})
}

// TestFile: a handler that answers with a file, of many blocks.
func TestFile(t *testing.T) {
	body := content(700_000)
	name := filepath.Join(t.TempDir(), "firmware")
	if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, b backend) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c := b.dial(t, mux.HandlerFunc(func(w mux.ResponseWriter, _ *mux.Message) {
			w.SetResponse(codes.Content, message.AppOctets, f)
		}))
		get(t, c, "/firmware", codes.Content, body)
	})
}
