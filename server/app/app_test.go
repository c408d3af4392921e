package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"go.uber.org/goleak"

	"github.com/pqcoap/pqcoap/coap"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	goleak.VerifyTestMain(m)
}

var testNow = time.Date(2027, 1, 15, 8, 0, 0, 0, time.FixedZone("", 3600)) // 1.8e9 - 3600 s

// testApp has its readings in a folder of its own.
func testApp(t *testing.T) *App {
	t.Helper()
	return openApp(t, t.TempDir())
}

func openApp(t *testing.T, dir string) *App {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	a.now = func() time.Time { return testNow }
	t.Cleanup(func() { a.Close() })
	return a
}

// request makes one of a method, a URI and options in the order of their numbers.
func request(code codes.Code, uri string, options ...message.Option) *coap.Request {
	r := &coap.Request{Device: "sensor-1"}
	r.Code = code
	path, query, _ := strings.Cut(uri, "?")
	for _, segment := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		r.Options = r.Options.Add(message.Option{ID: message.URIPath, Value: []byte(segment)})
	}
	for _, q := range strings.FieldsFunc(query, func(c rune) bool { return c == '&' }) {
		r.Options = r.Options.Add(message.Option{ID: message.URIQuery, Value: []byte(q)})
	}
	for _, o := range options {
		r.Options = r.Options.Add(o)
	}
	return r
}

func number(id message.OptionID, n uint16) message.Option {
	value := []byte{byte(n >> 8), byte(n)}
	return message.Option{ID: id, Value: bytes.TrimLeft(value, "\x00")}
}

func withBody(r *coap.Request, body string) *coap.Request {
	r.Payload = []byte(body)
	return r
}

func (a *App) do(r *coap.Request) *coap.Message { return a.ServeCoAP(context.Background(), r) }

// wantFormat checks the content format of a response, -1 for none.
func wantFormat(t *testing.T, what string, m *coap.Message, want int) {
	t.Helper()
	got := -1
	if f, err := m.Options.ContentFormat(); err == nil {
		got = int(f)
	}
	if got != want {
		t.Errorf("%s: content format %d, want %d", what, got, want)
	}
}

func TestTime(t *testing.T) {
	m := testApp(t).do(request(codes.GET, "/time"))
	if m.Code != codes.Content || string(m.Payload) != "2027-01-15T07:00:00Z" {
		t.Errorf("%v %q", m.Code, m.Payload)
	}
	wantFormat(t, "time", m, 0)
	if age, err := m.Options.GetUint32(message.MaxAge); err != nil || age != 0 {
		t.Errorf("Max-Age %d, %v: a cache would serve the time of yesterday", age, err)
	}
}

func TestEcho(t *testing.T) {
	a := testApp(t)
	large := strings.Repeat("0123456789abcdef", 1000)
	for _, c := range []struct {
		what    string
		options []message.Option
		body    string
		format  int
	}{
		{"bare", nil, "hello", -1},
		{"empty", nil, "", -1},
		{"text", []message.Option{number(message.ContentFormat, 0)}, "hello", 0},
		{"a format of two bytes", []message.Option{number(message.ContentFormat, 11542)}, "\x00\xff", 11542},
		{"accepted", []message.Option{number(message.ContentFormat, 60), number(message.Accept, 60)}, "x", 60},
		{"more than a block", []message.Option{number(message.ContentFormat, 42)}, large, 42},
	} {
		m := a.do(withBody(request(codes.POST, "/echo", c.options...), c.body))
		if m.Code != codes.Changed || string(m.Payload) != c.body {
			t.Errorf("%s: %v, %d bytes", c.what, m.Code, len(m.Payload))
		}
		wantFormat(t, c.what, m, c.format)
	}
}

func TestRefused(t *testing.T) {
	a := testApp(t)
	for _, c := range []struct {
		what string
		r    *coap.Request
		code codes.Code
	}{
		{"no path", &coap.Request{Message: coap.Message{Code: codes.GET}}, codes.NotFound},
		{"another path", request(codes.GET, "/times"), codes.NotFound},
		{"a path below", request(codes.GET, "/time/x"), codes.NotFound},
		{"a slash behind", request(codes.GET, "/time/"), codes.NotFound},
		{"other case", request(codes.GET, "/Time"), codes.NotFound},
		{"POST /time", request(codes.POST, "/time"), codes.MethodNotAllowed},
		{"GET /echo", request(codes.GET, "/echo"), codes.MethodNotAllowed},
		{"PUT /telemetry", request(codes.PUT, "/telemetry"), codes.MethodNotAllowed},
		{"DELETE /telemetry", request(codes.DELETE, "/telemetry"), codes.MethodNotAllowed},
		{"FETCH /telemetry", request(coap.FETCH, "/telemetry"), codes.MethodNotAllowed},
		{"PUT /.well-known/core", request(codes.PUT, "/.well-known/core"), codes.MethodNotAllowed},
		{"If-Match", request(codes.GET, "/time", message.Option{ID: message.IfMatch}), codes.BadOption},
		{"If-None-Match", request(codes.POST, "/echo", message.Option{ID: message.IfNoneMatch}), codes.BadOption},
		{"Proxy-Uri", request(codes.GET, "/time", message.Option{ID: message.ProxyURI, Value: []byte("coap://a")}), codes.BadOption},
		{"a critical option of the future", request(codes.GET, "/time", message.Option{ID: 65001}), codes.BadOption},
		{"an elective option of the future", request(codes.GET, "/time", message.Option{ID: 65000}), codes.Content},
		{"time as CBOR", request(codes.GET, "/time", number(message.Accept, 60)), codes.NotAcceptable},
		{"time as text", request(codes.GET, "/time", number(message.Accept, 0)), codes.Content},
		{"links as JSON", request(codes.GET, "/.well-known/core", number(message.Accept, 50)), codes.NotAcceptable},
		{"echo in another format", request(codes.POST, "/echo", number(message.ContentFormat, 50), number(message.Accept, 60)), codes.NotAcceptable},
		{"echo of no format in one", request(codes.POST, "/echo", number(message.Accept, 0)), codes.NotAcceptable},
		{"telemetry as text", request(codes.GET, "/telemetry", number(message.Accept, 0)), codes.NotAcceptable},
	} {
		if m := a.do(c.r); m.Code != c.code {
			t.Errorf("%s: %v, want %v", c.what, m.Code, c.code)
		}
	}
}

func TestWhoHasNoNameMayUseTheRest(t *testing.T) {
	a := testApp(t)
	for _, c := range []struct {
		r    *coap.Request
		code codes.Code
	}{
		{request(codes.GET, "/time"), codes.Content},
		{request(codes.GET, "/.well-known/core"), codes.Content},
		{request(codes.POST, "/echo"), codes.Changed},
		{request(codes.GET, "/telemetry"), codes.Unauthorized},
		{withBody(request(codes.POST, "/telemetry", number(message.ContentFormat, 110)), `[{"n":"a","v":1}]`), codes.Unauthorized},
	} {
		c.r.Device = ""
		if m := a.do(c.r); m.Code != c.code {
			t.Errorf("%v %s: %v, want %v", c.r.Code, c.r.Path(), m.Code, c.code)
		}
	}
}
