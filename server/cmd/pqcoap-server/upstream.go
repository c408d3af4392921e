package main

import (
	"flag"
	"slices"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/upstream"
)

// upstreamFlags are the flags that make a route of "/".
type upstreamFlags struct {
	uri, identity string
	unencrypted   bool
}

func (u *upstreamFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&u.uri, "upstream", "", "`URI` of a plain CoAP server, coap://HOST:PORT, for all paths that no [[route]] "+
		"in server.toml is for")
	fs.StringVar(&u.identity, "identity", "none", "`KIND` of the device's authenticated name at that server: query:NAME, "+
		"option:NUMBER or none. What the device sends itself under that name is removed")
	fs.BoolVar(&u.unencrypted, "unencrypted", false, "let that server be elsewhere than on loopback. What goes there is not "+
		"encrypted, and whoever can send in its name answers for it")
}

// apply puts the route in the place of the one that server.toml has for "/".
func (u *upstreamFlags) apply(s *server.Settings) error {
	if u.uri == "" {
		if u.identity != "none" || u.unencrypted {
			return cli.Usagef("-identity and -unencrypted go with -upstream")
		}
		return nil
	}
	s.Routes = slices.DeleteFunc(s.Routes, func(r upstream.Route) bool { return r.Path == "/" })
	s.Routes = append(s.Routes, upstream.Route{
		Path: "/", Upstream: u.uri, Identity: u.identity, Unencrypted: u.unencrypted,
	})
	return nil
}
