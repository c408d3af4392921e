package upstream

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
)

func TestCheck(t *testing.T) {
	const here = "coap://127.0.0.1:5683"
	for _, c := range []struct {
		route Route
		want  string // of the error; empty: none
	}{
		{Route{Path: "/", Upstream: here}, ""},
		{Route{Path: "/a/b", Upstream: "coap://[::1]", Identity: "query:device"}, ""},
		{Route{Path: "/a/", Upstream: BuiltIn, Identity: "none"}, ""},
		{Route{Path: "/", Upstream: "coap://192.0.2.1", Unencrypted: true}, ""},
		{Route{Path: "/", Upstream: "coap://192.0.2.1"}, "not loopback"},
		{Route{Path: "/", Upstream: "coap://0.0.0.0"}, "not loopback"},
		{Route{Path: "", Upstream: here}, "begins with a slash"},
		{Route{Path: "a", Upstream: here}, "begins with a slash"},
		{Route{Path: "/", Upstream: ""}, "want coap://"},
		{Route{Path: "/", Upstream: "coaps://127.0.0.1"}, "want coap://"},
		{Route{Path: "/", Upstream: here, Identity: "device"}, "identity: want"},
	} {
		got, err := c.route.check(t.Context())
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrRoute) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.route, err, c.want)
		}
		if err == nil && got.builtIn != (c.route.Upstream == BuiltIn) {
			t.Errorf("%+v: built in is %v", c.route, got.builtIn)
		}
	}
}

func TestMatches(t *testing.T) {
	path := func(segments ...string) (options message.Options) {
		for _, s := range segments {
			options = append(options, message.Option{ID: message.URIPath, Value: []byte(s)})
		}
		return options
	}
	for _, c := range []struct {
		route string
		path  message.Options
		want  bool
	}{
		{"/", path(), true}, {"/", path("a"), true}, {"/", path(""), true},
		{"/a", path("a"), true}, {"/a/", path("a", "b"), true}, {"/a", path("a", ""), true},
		{"/a", path(), false}, {"/a", path("ab"), false}, {"/a", path("b", "a"), false}, {"/a", path("A"), false},
		{"/a/b", path("a/b"), false}, // one segment with a slash in it
		{"/a/b", path("a"), false},
	} {
		r, err := (&Route{Path: c.route, Upstream: BuiltIn}).check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := r.matches(segments(c.path)); got != c.want {
			t.Errorf("%s matches %v: %v", c.route, segments(c.path), got)
		}
	}
}

func TestParseIdentity(t *testing.T) {
	for text, want := range map[string]identity{
		"": {}, "none": {}, "query:device": {query: "device"}, "query:d-1_X": {query: "d-1_X"}, "option:65000": {option: 65000},
		"option:2048": {option: 2048},
	} {
		if got, err := parseIdentity(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	// An option that the standards give a meaning, is critical, or is not safe to forward.
	for _, text := range []string{
		"none:x", "query", "query:", "query:a=b", "query:a&b", "query:é", "option:", "option:x", "option:15", "option:2047",
		"option:65001", "option:65002", "option:65536", "header:x", "device",
	} {
		if got, err := parseIdentity(text); !errors.Is(err, errIdentity) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestVirtualHost(t *testing.T) {
	for uri, want := range map[string]string{
		"coap://127.0.0.1": "", "coap://[::1]:1": "", "coap://localhost": "", "coap://Things.example": "things.example",
	} {
		if got := virtualHost(uri); got != want {
			t.Errorf("%s: %q", uri, got)
		}
	}
}

func TestSegments(t *testing.T) {
	got := segments(message.Options{
		{ID: message.URIHost, Value: []byte("h")}, {ID: message.URIPath, Value: []byte("a")}, {ID: message.URIPath, Value: nil},
		{ID: message.URIQuery, Value: []byte("q")},
	})
	if !slices.Equal(got, []string{"a", ""}) {
		t.Errorf("segments %q", got)
	}
}
