package app

import (
	"slices"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// A link of the link format (RFC 6690 section 2). An attribute may have several values.
type link struct {
	href       string
	attributes []attribute
}

type attribute struct {
	name   string
	values []string
}

// observable is the attribute of a resource worth observing, which has no value (RFC 7641
// section 6). As a filter it passes as if that were empty.
var observable = attribute{name: "obs"}

// links are what a device can discover.
var links = []link{
	{"/time", []attribute{{"rt", []string{"pqcoap.time"}}, {"ct", []string{"0"}}, observable}},
	{"/echo", []attribute{{"rt", []string{"pqcoap.echo"}}}},
	{"/telemetry", []attribute{{"rt", []string{"pqcoap.telemetry"}}, {"ct", []string{"110", "112"}}, observable}},
}

// links answers /.well-known/core. Each query is a filter that a link must pass
// (RFC 6690 section 4.1); where none passes, the list is empty.
func (a *App) links(r *coap.Request) *coap.Message {
	if !accepts(r, message.AppLinkFormat) {
		return status(codes.NotAcceptable, "")
	}
	var passed []string
	for _, l := range links {
		if l.passes(queries(r)) {
			passed = append(passed, l.String())
		}
	}
	return content(message.AppLinkFormat, []byte(strings.Join(passed, ",")))
}

func queries(r *coap.Request) []string {
	var all []string
	for _, o := range r.Options {
		if o.ID == message.URIQuery {
			all = append(all, string(o.Value))
		}
	}
	return all
}

func (l link) String() string {
	var b strings.Builder
	b.WriteString("<" + l.href + ">")
	for _, a := range l.attributes {
		b.WriteString(";" + a.name)
		if len(a.values) > 0 {
			b.WriteString(`="` + strings.Join(a.values, " ") + `"`)
		}
	}
	return b.String()
}

func (l link) passes(filters []string) bool {
	for _, f := range filters {
		name, pattern, _ := strings.Cut(f, "=")
		if !slices.ContainsFunc(l.values(name), func(v string) bool { return matches(v, pattern) }) {
			return false
		}
	}
	return true
}

// values gives those of an attribute; href is the target.
func (l link) values(name string) []string {
	if name == "href" {
		return []string{l.href}
	}
	for _, a := range l.attributes {
		switch {
		case a.name == name && len(a.values) == 0:
			return []string{""}
		case a.name == name:
			return a.values
		}
	}
	return nil
}

// matches compares whole, or the beginning where the pattern ends in an asterisk.
func matches(v, pattern string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(v, prefix)
	}
	return v == pattern
}
