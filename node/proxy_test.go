package node

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/pqcoap/pqcoap/conformance/simnet"
)

func TestAuthority(t *testing.T) {
	for text, want := range map[string]struct {
		host string
		port uint16
	}{
		"example.org":                  {"example.org", 5688},
		"example.org:1234":             {"example.org", 1234},
		"coap+pq://example.org:1234/":  {"example.org", 1234},
		"coap+pq://example.org":        {"example.org", 5688},
		"[2001:db8::1]:7":              {"2001:db8::1", 7},
		"2001:db8::1":                  {"2001:db8::1", 5688},
		"192.0.2.1":                    {"192.0.2.1", 5688},
		"coap+pq://[2001:db8::1]:5688": {"2001:db8::1", 5688},
	} {
		if host, port := authority(text); host != want.host || port != want.port {
			t.Errorf("%s is %s, port %d", text, host, port)
		}
	}
}

// Which URIs are the server's.
func TestProxyServes(t *testing.T) {
	p := NewProxy(ProxyConfig{Device: Config{Server: "coap+pq://Example.org:7000"}})
	defer p.Close()
	for _, c := range []struct {
		scheme, host string
		port         uint16
		want         bool
	}{
		{"coap", "example.org", 5683, true},
		{"coap", "example.org", 61616, true},
		{"coap+pq", "example.org", 7000, true},
		{"coap+pq", "example.org", 5688, false},
		{"coap", "example.com", 5683, false},
		{"coap", "192.0.2.1", 5683, false}, // as long as nobody knows where the server is
		{"coap", "", 5683, false},
	} {
		if got := p.serves(c.scheme, c.host, c.port); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestProxyClosed(t *testing.T) {
	p := NewProxy(ProxyConfig{Device: Config{Server: "example.org"}, Serve: netip.MustParseAddrPort("127.0.0.1:5685")})
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("Close again: %v", err)
	}
	network := simnet.New(1, simnet.Link{})
	defer network.Close()
	if err := p.Serve(network.Listen(netip.MustParseAddrPort("127.0.0.1:5683"))); !errors.Is(err, ErrClosed) {
		t.Errorf("Serve after Close: %v", err)
	}
}
