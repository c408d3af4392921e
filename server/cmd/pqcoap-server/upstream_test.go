package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/upstream"
)

func TestUpstreamErrors(t *testing.T) {
	dir := newFolder(t, "3")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"-identity query:device", 2, "go with -upstream"},
		{"-unencrypted", 2, "go with -upstream"},
		{"-upstream coap://192.0.2.1", 1, "not loopback"},
		{"-upstream http://127.0.0.1", 1, "want coap://HOST"},
		{"-upstream coap://127.0.0.1 -identity name", 1, "identity: want"},
	} {
		args := append([]string{"run", "-dir", dir, "-listen", "127.0.0.1:0"}, strings.Fields(c.args)...)
		code, out, errs := command(t, args...)
		if code != c.code || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%s: code %d, output %q, errors %q; want %d and %q", c.args, code, out, errs, c.code, c.want)
		}
	}
}

// The flag is a route of "/", and those of server.toml for other paths stay.
func TestUpstreamFlags(t *testing.T) {
	own := upstream.Route{Path: "/telemetry", Upstream: upstream.BuiltIn}
	s := server.Settings{Routes: []upstream.Route{{Path: "/", Upstream: "coap://127.0.0.1:1"}, own}}
	u := upstreamFlags{uri: "coap://127.0.0.1:2", identity: "query:device", unencrypted: true}
	if err := u.apply(&s); err != nil {
		t.Fatal(err)
	}
	want := []upstream.Route{own, {Path: "/", Upstream: "coap://127.0.0.1:2", Identity: "query:device", Unencrypted: true}}
	if !slices.Equal(s.Routes, want) {
		t.Errorf("routes %+v", s.Routes)
	}
	before := slices.Clone(s.Routes)
	if err := (&upstreamFlags{identity: "none"}).apply(&s); err != nil || !slices.Equal(s.Routes, before) {
		t.Errorf("without the flag: %+v, %v", s.Routes, err)
	}
}
