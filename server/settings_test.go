package server

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/server/upstream"
)

func TestSettingsRoutes(t *testing.T) {
	s, err := ParseSettings([]byte(`
		listen = ":1"
		[[route]]
		path = "/"
		upstream = "coap://127.0.0.1:5683"
		identity = "query:device"
		[[route]]
		path = "/far"
		upstream = "coap://192.0.2.1"
		unencrypted = true
		[[route]]
		path = "/telemetry"
		upstream = "builtin"
	`))
	want := []upstream.Route{
		{Path: "/", Upstream: "coap://127.0.0.1:5683", Identity: "query:device"},
		{Path: "/far", Upstream: "coap://192.0.2.1", Unencrypted: true},
		{Path: "/telemetry", Upstream: upstream.BuiltIn},
	}
	if err != nil || !reflect.DeepEqual(s.Routes, want) {
		t.Errorf("%+v, %v", s.Routes, err)
	}
	d := Dir{Settings: s}
	if !d.Config(nil).Forward || new(Dir).Config(nil).Forward {
		t.Error("only a server with routes is a proxy")
	}
}

func TestSettingsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"[[route]]\npath = \"/\"\nto = \"x\"": `unknown key "route.to"`,
		"[[route]]\npath = 1":                 "wrong type",
		"route = 1":                           "wrong type",
		"port = 1":                            `unknown key "port"`,
		"echo = \"never\"":                    "echo: want",
		"listen = \"\"":                       "listen: want",
		"max_udp_payload = 79":                "max_udp_payload: want",
		"idle_timeout = 0":                    "idle_timeout: want",
	} {
		if _, err := ParseSettings([]byte(text)); !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// The example in the file that init writes is true.
func TestDefaultSettingsExample(t *testing.T) {
	_, example, found := strings.Cut(defaultSettings, "# [[route]]")
	if !found {
		t.Fatal("no example")
	}
	lines := "[[route]]"
	for line := range strings.Lines(example) {
		lines += strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ")
	}
	s, err := ParseSettings([]byte(lines))
	if err != nil || len(s.Routes) != 2 {
		t.Fatalf("%+v, %v", s.Routes, err)
	}
	h, err := upstream.New(t.Context(), upstream.Config{Routes: s.Routes})
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
}
