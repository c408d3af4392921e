package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/plain"
)

// ErrRoute is wrapped by every error about a route.
var ErrRoute = errors.New("route")

// BuiltIn is the Upstream of paths that the server's own application answers.
const BuiltIn = "builtin"

// A Route says where requests for a path, and what is below it, go. The longest one decides.
type Route struct {
	Path     string `toml:"path"`     // "/" or "/a/b"
	Upstream string `toml:"upstream"` // coap://host:port, or BuiltIn
	// Identity says how the upstream learns the device's name: "query:NAME", "option:NUMBER",
	// or "none".
	Identity string `toml:"identity"`
	// Unencrypted allows an upstream that is not on loopback.
	Unencrypted bool `toml:"unencrypted"`
}

// A route is a Route that has been checked.
type route struct {
	segments []string
	builtIn  bool
	address  netip.AddrPort
	host     string // Uri-Host; empty: none
	identity identity
}

// check takes a Route apart, and finds the address of its upstream.
func (r *Route) check(ctx context.Context) (route, error) {
	var out route
	if !strings.HasPrefix(r.Path, "/") {
		return out, fmt.Errorf("%w: path: want one that begins with a slash", ErrRoute)
	}
	if path := strings.TrimSuffix(r.Path[1:], "/"); path != "" {
		out.segments = strings.Split(path, "/")
	}
	var err error
	if out.identity, err = parseIdentity(r.Identity); err != nil {
		return out, fmt.Errorf("%w %s: %w", ErrRoute, r.Path, err)
	}
	if r.Upstream == BuiltIn {
		out.builtIn = true
		return out, nil
	}
	if out.address, err = plain.Resolve(ctx, r.Upstream); err != nil {
		return out, fmt.Errorf("%w %s: upstream: %w", ErrRoute, r.Path, err)
	}
	if !out.address.Addr().IsLoopback() && !r.Unencrypted {
		return out, fmt.Errorf("%w %s: upstream %s is not loopback: what goes there is not encrypted, which unencrypted = true allows",
			ErrRoute, r.Path, out.address)
	}
	out.host = virtualHost(r.Upstream)
	return out, nil
}

// checkAll checks routes, and that no two are for one path. Of each there is a route or an error.
func checkAll(ctx context.Context, list []Route) ([]route, []error) {
	routes, errs := make([]route, len(list)), make([]error, len(list))
	for i := range list {
		routes[i], errs[i] = list[i].check(ctx)
		if errs[i] == nil && slices.ContainsFunc(routes[:i], func(r route) bool { return r.valid() && slices.Equal(r.segments, routes[i].segments) }) {
			errs[i] = fmt.Errorf("%w: path %s stands twice", ErrRoute, list[i].Path)
		}
	}
	return routes, errs
}

// Check says what is wrong with each of the routes of a Config; nil: nothing.
func Check(ctx context.Context, routes []Route) []error {
	_, errs := checkAll(ctx, routes)
	return errs
}

// valid tells a route that has been checked from the zero value.
func (r *route) valid() bool { return r.builtIn || r.address.IsValid() }

// virtualHost is the Uri-Host of a URI: none for an address, and for this machine (RFC 7252
// section 6.4).
func virtualHost(uri string) string {
	host, _, _ := plain.ParseURI(uri) // has been parsed
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return ""
	}
	return strings.ToLower(host)
}

// matches tells whether a path is the route's, or below it.
func (r *route) matches(path []string) bool {
	return len(path) >= len(r.segments) && slices.Equal(path[:len(r.segments)], r.segments)
}

// segments are the Uri-Path options of a request. A slash within one is not one between two.
func segments(options message.Options) (path []string) {
	for _, o := range options {
		if o.ID == message.URIPath {
			path = append(path, string(o.Value))
		}
	}
	return path
}

// An identity is how a device's name goes with its requests. The zero value is: not at all.
type identity struct {
	query  string
	option message.OptionID
}

// errIdentity says what a Route's Identity may be.
var errIdentity = errors.New(`identity: want "none", "query:NAME" with a NAME of letters, digits, "-" and "_", ` +
	`or "option:NUMBER" with a NUMBER of 2048 to 65535 that is safe to forward and elective`)

// firstPrivate is the first option number that no standard of the IETF gets without a review
// of experts (RFC 7252 section 12.2).
const firstPrivate = 2048

func parseIdentity(text string) (id identity, err error) {
	kind, value, _ := strings.Cut(text, ":")
	switch kind {
	case "query":
		if value == "" || strings.Trim(value, letters) != "" {
			return id, errIdentity
		}
		return identity{query: value}, nil
	case "option":
		n, err := strconv.ParseUint(value, 10, 16)
		number := message.OptionID(n)
		if err != nil || n < firstPrivate || n&1 == 1 || !coap.SafeToForward(number) {
			return id, errIdentity
		}
		return identity{option: number}, nil
	case "", "none":
		if value == "" {
			return id, nil
		}
	}
	return id, errIdentity
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
