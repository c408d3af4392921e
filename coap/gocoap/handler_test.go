package gocoap

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

func nothing(mux.ResponseWriter, *mux.Message) {}

func TestHandler(t *testing.T) {
	p := newPeer(t)
	r := p.request(coap.POST, message.Option{ID: message.URIPath, Value: []byte("a")}, message.Option{ID: message.URIQuery, Value: []byte("b=1")})
	r.Payload = []byte("up")
	router := mux.NewRouter()
	router.HandleFunc("/{name}", func(w mux.ResponseWriter, m *mux.Message) {
		body, err := m.ReadBody()
		queries, _ := m.Queries()
		if m.Code() != coap.POST || string(body) != "up" || err != nil || m.RouteParams.Vars["name"] != "a" ||
			len(queries) != 1 || len(m.Token()) == 0 || m.Sequence() == 0 {
			t.Errorf("request %v, body %q, %v, vars %v, queries %v", m, body, err, m.RouteParams.Vars, queries)
		}
		w.SetResponse(coap.Changed, message.TextPlain, bytes.NewReader([]byte("down")), message.Option{ID: message.ETag, Value: []byte{7}})
	})
	got := Handler(router).ServeCoAP(t.Context(), r)
	etag, err := got.Options.GetBytes(message.ETag)
	format, _ := got.Options.ContentFormat()
	if got.Code != coap.Changed || string(got.Payload) != "down" || err != nil || !bytes.Equal(etag, []byte{7}) || format != message.TextPlain {
		t.Errorf("response %v", got)
	}
}

// TestHandlerOverload: beyond MaxOpen requests without a response no handler is called.
func TestHandlerOverload(t *testing.T) {
	p := newPeer(t)
	calls := 0
	for i := range MaxOpen + 5 {
		got := serve(t, p.request(coap.GET), func(mux.ResponseWriter, *mux.Message) { calls++ })
		if i < MaxOpen && got != nil || i >= MaxOpen && (got == nil || got.Code != coap.ServiceUnavailable) {
			t.Errorf("request %d: %v", i, got)
		}
	}
	if calls != MaxOpen {
		t.Errorf("%d calls, want %d", calls, MaxOpen)
	}
	other := newPeer(t)
	if got := serve(t, other.request(coap.GET), func(w mux.ResponseWriter, _ *mux.Message) {
		w.SetResponse(coap.Changed, 0, nil)
	}); got == nil || got.Code != coap.Changed {
		t.Errorf("another session: %v", got)
	}
}

// TestHandlerPanics: the panic goes on to who answers it, and nothing stays open.
func TestHandlerPanics(t *testing.T) {
	p := newPeer(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		serve(t, p.request(coap.GET), func(mux.ResponseWriter, *mux.Message) { panic("as the test wants it") })
	}()
	if c := connOf(p); len(c.exchanges) != 0 || c.unanswered != 0 {
		t.Errorf("%d exchanges, %d unanswered", len(c.exchanges), c.unanswered)
	}
}

// TestHijack: a request that the handler keeps is not used again.
func TestHijack(t *testing.T) {
	p := newPeer(t)
	var kept *mux.Message
	serve(t, p.request(coap.GET, message.Option{ID: message.URIPath, Value: []byte("kept")}), func(_ mux.ResponseWriter, m *mux.Message) {
		m.Hijack()
		kept = m
	})
	for range 5 {
		serve(t, p.request(coap.PUT, message.Option{ID: message.URIPath, Value: []byte("other")}), nothing)
	}
	if path, err := kept.Path(); kept.Code() != coap.GET || path != "/kept" {
		t.Errorf("%v %q, %v", kept.Code(), path, err)
	}
}

// TestBodyThatStreams: it is read before the handler is called, and where it breaks off the
// handler is not.
func TestBodyThatStreams(t *testing.T) {
	for _, broken := range []bool{false, true} {
		p := newPeer(t)
		r := p.request(coap.PUT)
		r.Body = strings.NewReader("body")
		if broken {
			r.Body = io.MultiReader(r.Body, iotest.ErrReader(io.ErrUnexpectedEOF))
		}
		got := serve(t, r, func(w mux.ResponseWriter, m *mux.Message) {
			if body, err := m.ReadBody(); string(body) != "body" || err != nil || broken {
				t.Errorf("broken %v: body %q, %v", broken, body, err)
			}
			w.SetResponse(coap.Changed, 0, nil)
		})
		if want := map[bool]coap.Code{false: coap.Changed, true: codes.RequestEntityIncomplete}[broken]; got == nil || got.Code != want {
			t.Errorf("broken %v: %v, want %v", broken, got, want)
		}
	}
}

// TestHostileRequests: nothing that a device sends as options harms more than its request.
func TestHostileRequests(t *testing.T) {
	long := bytes.Repeat([]byte{0xff}, 255)
	many := make(message.Options, 128)
	for i := range many {
		many[i] = message.Option{ID: message.URIPath, Value: long}
	}
	router := mux.NewRouter()
	router.HandleFunc("/things/{name}", func(w mux.ResponseWriter, m *mux.Message) {
		w.SetResponse(coap.ContentCode, message.TextPlain, strings.NewReader(m.String()))
	})
	for name, options := range map[string]message.Options{
		"none": nil, "long path": many, "empty segments": {{ID: message.URIPath}, {ID: message.URIPath}},
		"not UTF-8":        {{ID: message.URIPath, Value: []byte("things")}, {ID: message.URIPath, Value: long}},
		"slash in segment": {{ID: message.URIPath, Value: []byte("things/a/b")}},
		"unknown options":  {{ID: message.URIPath, Value: []byte("things")}, {ID: message.URIPath, Value: []byte("a")}, {ID: 65000, Value: bytes.Repeat(long, 4)}},
		"dots":             {{ID: message.URIPath, Value: []byte("things")}, {ID: message.URIPath, Value: []byte("..")}},
		"If-None-Match":    {{ID: message.IfNoneMatch}, {ID: message.URIPath, Value: []byte("{name}")}},
	} {
		for _, code := range []coap.Code{coap.GET, 5, 7, 31} {
			p := newPeer(t)
			got := Handler(router).ServeCoAP(t.Context(), p.request(code, options...))
			if got == nil || got.Code != coap.ContentCode && got.Code != coap.NotFound || connOf(p).unanswered != 0 {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}
