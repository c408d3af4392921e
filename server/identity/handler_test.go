package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// streamer is an application that takes all, also while it comes.
type streamer struct{ asked []string }

func (s *streamer) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	s.asked = append(s.asked, r.Path())
	return coap.Status(coap.Valid)
}

func (s *streamer) Streams(*coap.Message) int { return 1 << 30 }

// handler knows the device "a", which may GET /a.
func handler(app coap.Handler) *Handler {
	return New(Config{
		Application: app,
		Allows: func(device string, m *coap.Message) bool {
			r := coap.Request{Message: *m}
			return device == "a" && m.Code == coap.GET && r.Path() == "/a"
		},
		Server: func(device string, query []string) ([]byte, message.MediaType, bool) {
			return fmt.Appendf(nil, "%s %v", device, query), message.AppCBOR, len(query) > 0 && query[0] == "s=3"
		},
		Enroll: func(_ *coap.Request, code [16]byte, key *handshake.PublicKey) (*Answer, error) {
			if code[0] != 1 {
				return nil, ErrDenied
			}
			return &Answer{Name: "a", Token: key.Bytes()}, nil
		},
		Renew: func(r *coap.Request) (*Answer, error) {
			switch r.Device {
			case "a":
				return &Answer{Token: []byte("t")}, nil
			case "b":
				return nil, fmt.Errorf("%w: b", ErrDenied)
			case "c":
				return nil, ErrUnavailable
			case "e":
				return nil, ErrTooOften
			}
			return nil, errors.New("disk")
		},
	})
}

func request(device string, code coap.Code, options ...message.Option) *coap.Request {
	return &coap.Request{Message: coap.Message{Code: code, Options: options}, Device: device}
}

func segments(names ...string) (options []message.Option) {
	for _, name := range names {
		options = append(options, message.Option{ID: message.URIPath, Value: []byte(name)})
	}
	return options
}

func with(options []message.Option, id message.OptionID, values ...string) []message.Option {
	for _, v := range values {
		options = append(options, message.Option{ID: id, Value: []byte(v)})
	}
	return options
}

func TestServeCoAP(t *testing.T) {
	proxyURI := with(segments("a"), message.ProxyURI, "coap://x/admin")
	for name, test := range map[string]struct {
		request *coap.Request
		want    coap.Code
		reaches bool
	}{
		"allowed":                     {request("a", coap.GET, segments("a")...), coap.Valid, true},
		"method":                      {request("a", coap.POST, segments("a")...), coap.Forbidden, false},
		"path":                        {request("a", coap.GET, segments("b")...), coap.Forbidden, false},
		"device":                      {request("b", coap.GET, segments("a")...), coap.Forbidden, false},
		"Uri-Host":                    {request("a", coap.GET, with(segments("a"), message.URIHost, "x")...), coap.Valid, true},
		"Uri-Host does not help":      {request("a", coap.GET, with(segments("b"), message.URIHost, "a")...), coap.Forbidden, false},
		"Proxy-Uri":                   {request("a", coap.GET, proxyURI...), codes.ProxyingNotSupported, false},
		"Proxy-Scheme":                {request("a", coap.GET, with(segments("a"), message.ProxyScheme, "coap")...), codes.ProxyingNotSupported, false},
		"Proxy-Uri to /hs":            {request("a", coap.GET, with(segments("hs"), message.ProxyURI, "coap://x/a")...), codes.ProxyingNotSupported, false},
		"enroll in another session":   {request("a", coap.POST, segments("enroll")...), coap.Forbidden, false},
		"enroll without a name":       {request("", coap.POST, segments("enroll")...), coap.Forbidden, false},
		"below a resource of ours":    {request("a", coap.POST, segments("renew", "x")...), coap.Forbidden, false},
		"slash in a segment":          {request("a", coap.GET, segments("/hs")...), coap.Forbidden, false},
		"renew":                       {request("a", coap.POST, segments("renew")...), coap.Changed, false},
		"renew, GET":                  {request("a", coap.GET, segments("renew")...), coap.MethodNotAllowed, false},
		"renew, denied":               {request("b", coap.POST, segments("renew")...), coap.Forbidden, false},
		"renew, no authority":         {request("c", coap.POST, segments("renew")...), coap.ServiceUnavailable, false},
		"renew, failure":              {request("d", coap.POST, segments("renew")...), coap.InternalServerError, false},
		"renew, too often":            {request("e", coap.POST, segments("renew")...), coap.TooManyRequests, false},
		"renew without a name":        {request("", coap.POST, segments("renew")...), coap.Forbidden, false},
		"hs, POST":                    {request("a", coap.POST, segments("hs")...), coap.MethodNotAllowed, false},
		"hs":                          {request("a", coap.GET, with(segments("hs"), message.URIQuery, "s=3")...), coap.ContentCode, false},
		"hs without a name":           {request("", coap.GET, with(segments("hs"), message.URIQuery, "s=3")...), coap.ContentCode, false},
		"hs, a suite that it has not": {request("a", coap.GET, with(segments("hs"), message.URIQuery, "s=1")...), coap.NotFound, false},
		"hs without a suite":          {request("a", coap.GET, segments("hs")...), coap.NotFound, false},
	} {
		app := &streamer{}
		m := handler(app).ServeCoAP(context.Background(), test.request)
		if m.Code != test.want || len(app.asked) > 0 != test.reaches {
			t.Errorf("%s: %v, the application was asked for %q; want %v", name, m.Code, app.asked, test.want)
		}
		if m.Code > 128 && (len(m.Payload) > 0 || len(m.Options) > 0) {
			t.Errorf("%s: a refusal says %q %v", name, m.Payload, m.Options)
		}
	}
}

func TestServerAsked(t *testing.T) {
	r := request("a", coap.GET, with(segments("hs"), message.URIQuery, "s=3", "f=cwt")...)
	if m := handler(&streamer{}).ServeCoAP(context.Background(), r); string(m.Payload) != "a [s=3 f=cwt]" {
		t.Errorf("asked for %q", m.Payload)
	}
}

func TestStreams(t *testing.T) {
	h := handler(&streamer{})
	for path, want := range map[string]int{"enroll": MaxBody, "renew": MaxBody, "hs": MaxBody, "a": 1 << 30} {
		if got := h.Streams(&coap.Message{Code: coap.POST, Options: segments(path)}); got != want {
			t.Errorf("/%s: %d bytes, want %d", path, got, want)
		}
	}
	whole := handler(coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return nil }))
	if got := whole.Streams(&coap.Message{Options: segments("a")}); got != 0 {
		t.Errorf("an application that takes bodies whole is given up to %d bytes", got)
	}
}

func TestRenewAnswers(t *testing.T) {
	m := handler(&streamer{}).ServeCoAP(context.Background(), request("a", coap.POST, segments("renew")...))
	if want := []byte("\xa1\x02\x41t"); !bytes.Equal(m.Payload, want) {
		t.Errorf("%x, want %x", m.Payload, want)
	}
}
