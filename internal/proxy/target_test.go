package proxy

import (
	"net/url"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

func servesExample(c *Config) {
	c.Serves = func(scheme, host string, port uint16) bool {
		return (host == "example.org" || host == "2001:db8::1") && (scheme == SchemeCoAP || port == 5688)
	}
}

// text writes the resource that options name, with escapes.
func text(options message.Options) string {
	var b strings.Builder
	for _, o := range options {
		switch o.ID {
		case message.URIPath:
			b.WriteString("/" + url.PathEscape(string(o.Value)))
		case message.URIQuery:
			b.WriteString("?" + url.PathEscape(string(o.Value)))
		default:
			b.WriteString("!")
		}
	}
	return b.String()
}

func TestProxyURI(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		uri  string
		want string // of what goes on
		code coap.Code
	}{
		{"coap://example.org", "", 0},
		{"coap://example.org/", "", 0},
		{"coap://example.org/time", "/time", 0},
		{"COAP://EXAMPLE.ORG/Time", "/Time", 0},
		{"coap://example.org:5683/time", "/time", 0},
		{"coap://example.org:61616/time", "/time", 0},
		{"coap://[2001:db8::1]/time", "/time", 0},
		{"coap+pq://example.org/time", "/time", 0},
		{"coap+pq://example.org:5688/time", "/time", 0},
		{"coap://example.org/a/b/?x=1&y", "/a/b/?x=1?y", 0},
		{"coap://example.org?x", "?x", 0},
		{"coap://example.org/a%2Fb/%C3%A9?a%26b=c", "/a%2Fb/%C3%A9?a&b=c", 0},
		{"coap://example.org//a", "//a", 0},
		{"coap://example.org/a/../b/./c", "/b/c", 0},
		{"coap://example.org/../../a", "/a", 0},
		{"coap://example.org/a/..", "", 0},
		{"coap://example.org/a/b/..", "/a/", 0},

		{"coap+pq://example.org:1/time", "", codes.ProxyingNotSupported},
		{"coap://other.org/time", "", codes.ProxyingNotSupported},
		{"coap://example.org.evil/time", "", codes.ProxyingNotSupported},
		{"coaps://example.org/time", "", codes.ProxyingNotSupported},
		{"http://example.org/", "", codes.ProxyingNotSupported},
		{"coap+tcp://example.org/", "", codes.ProxyingNotSupported},

		{"/time", "", codes.BadRequest},
		{"example.org", "", codes.BadRequest},
		{"coap:time", "", codes.BadRequest},
		{"coap:///time", "", codes.BadRequest},
		{"coap://user@example.org/", "", codes.BadRequest},
		{"coap://example.org/#x", "", codes.BadRequest},
		{"coap://example.org/#", "", codes.BadRequest},
		{"coap://example.org:0/", "", codes.BadRequest},
		{"coap://example.org:65536/", "", codes.BadRequest},
		{"coap://example.org/%2e%2e/a", "", codes.BadRequest},
		{"coap://example.org/%zz", "", codes.BadRequest},
		{"coap://example.org/" + long, "", codes.BadRequest},
		{"coap://example.org/?" + long, "", codes.BadRequest},
		{"coap://exam\x00ple.org/", "", codes.BadRequest},
	} {
		peer := &fakePeer{}
		w := newWorld(t, peer, servesExample)
		answer := w.serve(t, coap.Message{Code: coap.GET, Options: message.Options{
			{ID: message.URIHost, Value: []byte("ignored")}, {ID: message.URIPath, Value: []byte("ignored")},
			{ID: message.URIQuery, Value: []byte("ignored")}, {ID: message.ProxyURI, Value: []byte(c.uri)},
		}})
		switch {
		case c.code != 0 && (len(peer.sent) != 0 || answer.Code != c.code):
			t.Errorf("%q: %d sent, answer %v, want %v", c.uri, len(peer.sent), answer.Code, c.code)
		case c.code == 0 && len(peer.sent) != 1:
			t.Errorf("%q: answer %v", c.uri, answer.Code)
		case c.code == 0 && text(peer.sent[0].Options) != c.want:
			t.Errorf("%q goes on as %q, want %q", c.uri, text(peer.sent[0].Options), c.want)
		}
	}
}

func TestProxyScheme(t *testing.T) {
	option := func(id message.OptionID, value string) message.Option {
		return message.Option{ID: id, Value: []byte(value)}
	}
	for _, c := range []struct {
		scheme, host, port string
		code               coap.Code
	}{
		{"coap", "example.org", "", 0},
		{"CoAP", "Example.ORG", "", 0},
		{"coap", "example.org", "\x16\x38", 0},
		{"coap+pq", "example.org", "", 0},
		{"coap+pq", "example.org", "\x16\x38", 0},
		{"coap", "", "", 0}, // the proxy itself, which stands for the server
		{"coap+pq", "example.org", "\x01", codes.ProxyingNotSupported},
		{"coap", "other.org", "", codes.ProxyingNotSupported},
		{"coaps", "example.org", "", codes.ProxyingNotSupported},
		{"http", "", "", codes.ProxyingNotSupported},
	} {
		var options message.Options
		if c.host != "" {
			options = append(options, option(message.URIHost, c.host))
		}
		if c.port != "" {
			options = append(options, option(message.URIPort, c.port))
		}
		options = append(options, option(message.URIPath, "time"), option(message.ProxyScheme, c.scheme))
		peer := &fakePeer{}
		answer := newWorld(t, peer, servesExample).serve(t, coap.Message{Code: coap.GET, Options: options})
		if c.code != 0 && answer.Code != c.code || c.code == 0 && (len(peer.sent) != 1 || text(peer.sent[0].Options) != "/time") {
			t.Errorf("%+v: answer %v, sent %v", c, answer.Code, peer.sent)
		}
	}
}

// Who is no forward proxy says so (RFC 7252 section 5.10.2).
func TestNoForwardProxy(t *testing.T) {
	for _, id := range []message.OptionID{message.ProxyURI, message.ProxyScheme} {
		peer := &fakePeer{}
		answer := newWorld(t, peer).serve(t, coap.Message{Code: coap.GET, Options: message.Options{{ID: id, Value: []byte("coap://example.org/")}}})
		if len(peer.sent) != 0 || answer.Code != codes.ProxyingNotSupported {
			t.Errorf("option %d: answer %v", id, answer.Code)
		}
	}
}

// What has been taken apart is well-formed, and the same when it has been put together again.
func FuzzProxyURI(f *testing.F) {
	for _, seed := range []string{"coap://h/a/b?c&d", "coap+pq://[::1]:5/..//%2f", "coap://h?%", "http://h", "coap://h:99999/", "coap://%41/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		scheme, host, port, options, err := decompose(uri)
		if err != nil {
			return
		}
		if (scheme != SchemeCoAP && scheme != SchemePQ) || host == "" || port == 0 {
			t.Fatalf("%q has scheme %q, host %q, port %d", uri, scheme, host, port)
		}
		var path, query []string
		for _, o := range options {
			if len(o.Value) > maxSegment || o.ID == message.URIPath && (string(o.Value) == "." || string(o.Value) == "..") {
				t.Fatalf("%q has option %d of %q", uri, o.ID, o.Value)
			}
			if escaped := url.PathEscape(string(o.Value)); o.ID == message.URIPath {
				path = append(path, escaped)
			} else {
				query = append(query, strings.ReplaceAll(escaped, "&", "%26"))
			}
		}
		again := scheme + "://example.org/" + strings.Join(path, "/")
		if len(query) > 0 {
			again += "?" + strings.Join(query, "&")
		}
		_, _, _, same, err := decompose(again)
		if err != nil || text(same) != text(options) {
			t.Fatalf("%q is %q, and as %q it is %q, %v", uri, text(options), again, text(same), err)
		}
	})
}
