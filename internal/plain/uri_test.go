package plain

import (
	"errors"
	"testing"
)

func TestParseURI(t *testing.T) {
	for uri, want := range map[string]string{
		"coap://127.0.0.1":           "127.0.0.1 5683",
		"coap://127.0.0.1:5685":      "127.0.0.1 5685",
		"coap://[::1]:5685/":         "::1 5685",
		"COAP://localhost":           "localhost 5683",
		"":                           "",
		"127.0.0.1:5683":             "",
		"coap:5683":                  "",
		"coap://":                    "",
		"coap://:5683":               "",
		"coaps://127.0.0.1":          "",
		"coap://127.0.0.1/path":      "",
		"coap://127.0.0.1?x":         "",
		"coap://127.0.0.1#x":         "",
		"coap://user@127.0.0.1":      "",
		"coap://127.0.0.1:port":      "",
		"http://127.0.0.1":           "",
		"coap+pq://127.0.0.1:5688":   "",
		"coap://127.0.0.1:5683/%zz":  "",
		"coap://exam ple.org:5683/x": "",
	} {
		host, port, err := ParseURI(uri)
		if want == "" && !errors.Is(err, ErrURI) || want != "" && (err != nil || host+" "+port != want) {
			t.Errorf("%q: %q %q, %v", uri, host, port, err)
		}
	}
}

func TestResolve(t *testing.T) {
	if at, err := Resolve(t.Context(), "coap://[::ffff:127.0.0.1]:7"); err != nil || at.String() != "127.0.0.1:7" {
		t.Errorf("%v, %v", at, err)
	}
	for _, uri := range []string{"coap://127.0.0.1:99999", "http://127.0.0.1"} {
		if at, err := Resolve(t.Context(), uri); err == nil {
			t.Errorf("%s is %v", uri, at)
		}
	}
}
