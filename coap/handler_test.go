package coap

import (
	"context"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
)

func TestRequestPath(t *testing.T) {
	for _, test := range []struct {
		segments []string
		want     string
	}{
		{nil, "/"}, {[]string{"a"}, "/a"}, {[]string{"a", "b"}, "/a/b"}, {[]string{"", ""}, "//"},
	} {
		var r Request
		for _, s := range test.segments {
			r.Options = append(r.Options, message.Option{ID: message.URIPath, Value: []byte(s)})
		}
		if got := r.Path(); got != test.want {
			t.Errorf("%q: %q, want %q", test.segments, got, test.want)
		}
	}
}

func TestRequestQuery(t *testing.T) {
	var r Request
	for _, q := range []string{"a=1", "b", "c=x=y", "a=2"} {
		r.Options = append(r.Options, message.Option{ID: message.URIQuery, Value: []byte(q)})
	}
	for _, test := range []struct {
		name, want string
		ok         bool
	}{{"a", "1", true}, {"b", "", true}, {"c", "x=y", true}, {"d", "", false}, {"", "", false}} {
		if got, ok := r.Query(test.name); got != test.want || ok != test.ok {
			t.Errorf("%q: %q, %v", test.name, got, ok)
		}
	}
}

func TestHandlerFunc(t *testing.T) {
	var h Handler = HandlerFunc(func(_ context.Context, r *Request) *Message {
		if r.Device != "d" {
			return Status(Forbidden)
		}
		return Content(message.AppCBOR, []byte("body"))
	})
	m := h.ServeCoAP(t.Context(), &Request{Device: "d"})
	if format, ok := optionUint(m.Options, message.ContentFormat); m.Code != ContentCode || !ok || format != 60 || string(m.Payload) != "body" {
		t.Errorf("%v", m)
	}
	if m := h.ServeCoAP(t.Context(), &Request{}); m.Code != Forbidden || m.Payload != nil {
		t.Errorf("%v", m)
	}
}
