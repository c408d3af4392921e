package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server/upstream"
)

// TestSidecarMethods: all methods go from a plain client to a plain server, and the answers back.
func TestSidecarMethods(t *testing.T) {
	beside(t, shape{link: lossy(.1)}, func(_ *testing.T, s *sidecar) {
		c := s.client()
		s.ask(c, coap.NotFound, get("/x"))
		s.ask(c, coap.Changed, put("/x", []byte("1")))
		if got := s.ask(c, coap.ContentCode, get("/x")); got != "1" {
			s.t.Errorf("state %q", got)
		}
		for _, code := range []coap.Code{coap.POST, coap.PATCH, coap.IPATCH} {
			s.ask(c, coap.Changed, coap.Message{Code: code, Options: pathOf("/x"), Payload: []byte(code.String())})
			if got := s.ask(c, coap.ContentCode, coap.Message{Code: coap.FETCH, Options: pathOf("/x")}); got != code.String() {
				s.t.Errorf("behind %v: %q", code, got)
			}
		}
		s.ask(c, coap.Deleted, coap.Message{Code: coap.DELETE, Options: pathOf("/x")})
		s.ask(c, coap.NotFound, get("/x"))
		if calls, _ := s.thing.count(); calls != 11 {
			s.t.Errorf("the program behind was called %d times, want 11", calls)
		}
	})
}

// TestSidecarBodies: 100 kB each way, over a link that loses every tenth datagram.
func TestSidecarBodies(t *testing.T) {
	for seed := range uint64(4) {
		beside(t, shape{link: lossy(.1), seed: seed}, func(t *testing.T, s *sidecar) {
			c, body := s.client(), pattern(uint32(seed), 100_000)
			began := time.Now()
			s.ask(c, coap.Changed, put("/x", body))
			up := time.Since(began)
			if got := s.ask(c, coap.ContentCode, get("/x")); got != string(body) {
				t.Errorf("another body of %d bytes came back", len(got))
			}
			t.Logf("seed %d: there in %v, back in %v", seed, up.Round(time.Millisecond), (time.Since(began) - up).Round(time.Millisecond))
			s.ask(c, codes.RequestEntityTooLarge, put("/x", make([]byte, 1<<20+1)))
		})
	}
}

// TestSidecarForwardProxy: a client may name the server instead of taking the proxy for it.
func TestSidecarForwardProxy(t *testing.T) {
	beside(t, shape{link: quiet}, func(_ *testing.T, s *sidecar) {
		c := s.client()
		s.thing.set("/x", "1")
		for uri, want := range map[string]coap.Code{
			"coap://example.org/x":         coap.ContentCode,
			"coap+pq://example.org:5688/x": coap.ContentCode,
			"coap://192.0.2.1/x":           coap.ContentCode, // where the server is
			"coap://192.0.2.2/x":           codes.ProxyingNotSupported,
			"coaps://example.org/x":        codes.ProxyingNotSupported,
		} {
			s.ask(c, coap.ContentCode, get("/x")) // there is a session
			s.ask(c, want, coap.Message{Code: coap.GET, Options: message.Options{{ID: message.ProxyURI, Value: []byte(uri)}}})
		}
		s.ask(c, coap.ContentCode, coap.Message{Code: coap.GET, Options: message.Options{
			{ID: message.URIHost, Value: []byte("example.org")}, {ID: message.URIPath, Value: []byte("x")},
			{ID: message.ProxyScheme, Value: []byte("coap")},
		}})
	})
}

// TestSidecarOptions: what is not known passes where it may, through both (RFC 7252 section
// 5.7.1).
func TestSidecarOptions(t *testing.T) {
	beside(t, shape{link: quiet}, func(t *testing.T, s *sidecar) {
		c := s.client()
		for id, want := range map[message.OptionID]coap.Code{
			65000: coap.ContentCode, 65001: coap.ContentCode, 65002: coap.BadOption, 65003: coap.BadOption,
		} {
			got := s.ask(c, want, get("/asked", message.Option{ID: id, Value: []byte("v")}))
			if want == coap.ContentCode && got != "GET ?device=kem-device !v" {
				t.Errorf("option %d has come as %q", id, got)
			}
		}
	})
}

// TestSpoofedIdentity: the name that a plain server sees is the one that the device has proven,
// whatever the device sends.
func TestSpoofedIdentity(t *testing.T) {
	query := func(text string) message.Option { return message.Option{ID: message.URIQuery, Value: []byte(text)} }
	option := func(text string) message.Option { return message.Option{ID: 65000, Value: []byte(text)} }
	for identity, want := range map[string]string{
		"query:device": "GET ?x=1 ?device=kem-device", "option:65000": "GET ?x=1 !kem-device", "none": "GET ?x=1",
	} {
		routes := []upstream.Route{{Path: "/", Upstream: "coap://" + upstreamAddr.String(), Identity: identity}}
		beside(t, shape{link: quiet, routes: routes}, func(t *testing.T, s *sidecar) {
			c := s.client()
			for _, forged := range []message.Options{
				nil, {query("device=psk-device")}, {query("device")}, {query("DEVICE=x")}, {query("dev%69ce=x")},
				{query("y=1&device=x")}, {query("device=x"), query("device=y")},
			} {
				if identity != "query:device" {
					forged = nil
				}
				got := s.ask(c, coap.ContentCode, get("/asked", append([]message.Option{query("x=1")}, forged...)...))
				if got != want {
					t.Errorf("%s: forged by %v it was %q, want %q", identity, forged, got, want)
				}
			}
			if identity == "option:65000" {
				got := s.ask(c, coap.ContentCode, get("/asked", query("x=1"), option("psk-device"), option("other")))
				if got != want {
					t.Errorf("forged it was %q, want %q", got, want)
				}
			}
		})
	}
}

// TestSidecarRoutes: some paths go to the upstream, some stay.
func TestSidecarRoutes(t *testing.T) {
	routes := []upstream.Route{
		{Path: "/things", Upstream: "coap://" + upstreamAddr.String()},
		{Path: "/things/own", Upstream: upstream.BuiltIn},
	}
	beside(t, shape{link: quiet, routes: routes}, func(t *testing.T, s *sidecar) {
		c := s.client()
		s.thing.set("/things/a", "1")
		s.ask(c, coap.ContentCode, get("/things/a"))
		for _, path := range []string{"/things/own", "/things/own/a", "/other", "/thingsy"} {
			s.ask(c, coap.BadRequest, get(path)) // as the tally answers
		}
		if calls, _ := s.thing.count(); calls != 1 {
			t.Errorf("%d requests have gone to the upstream, want 1", calls)
		}
	})
}

// TestSidecarLoop: what goes round is ended (RFC 8768).
func TestSidecarLoop(t *testing.T) {
	routes := []upstream.Route{{Path: "/", Upstream: "coap://" + proxyAddr.String()}}
	beside(t, shape{link: simnet.Link{Delay: time.Millisecond}, routes: routes}, func(t *testing.T, s *sidecar) {
		text := s.ask(s.client(), coap.Code(5<<5|8), get("/x"))
		t.Logf("the way was %q", text)
		if calls, _ := s.thing.count(); calls != 0 {
			t.Error("the thing was reached")
		}
	})
}

// TestSidecarPorts: each device has a port of its own at the upstream, which ends with its
// session.
func TestSidecarPorts(t *testing.T) {
	beside(t, shape{link: quiet, idle: time.Hour}, func(t *testing.T, s *sidecar) {
		s.thing.set("/x", "1")
		for range 3 {
			s.ask(s.client(), coap.ContentCode, get("/x"))
		}
		if _, clients := s.thing.count(); clients != 1 {
			t.Errorf("one device has %d ports", clients)
		}
		other, err := node.DialOn(t.Context(), s.net.Listen(deviceAddr), serverAddr, config(handshake.XWing, handshake.ModeNone))
		if err != nil {
			t.Fatal(err)
		}
		s.ask(other, coap.ContentCode, get("/x"))
		if _, clients := s.thing.count(); clients != 2 {
			t.Errorf("two devices have %d ports", clients)
		}
		if n := s.routes.Conns(); n != 2 {
			t.Errorf("%d sockets, want 2", n)
		}
		other.Close()
		time.Sleep(time.Second)
		if n := s.routes.Conns(); n != 1 {
			t.Errorf("%d sockets behind the end of a session, want 1", n)
		}
		time.Sleep(time.Hour + time.Minute)
		if n := s.routes.Conns(); n != 0 {
			t.Errorf("%d sockets after an idle hour", n)
		}
		s.ask(s.client(), coap.ContentCode, get("/x"))
	})
}

// TestSidecarServe: what the server asks the device is answered by a plain program beside it.
func TestSidecarServe(t *testing.T) {
	beside(t, shape{link: lossy(.1), serve: true}, func(t *testing.T, s *sidecar) {
		time.Sleep(time.Minute) // the session is opened without being asked for
		device := s.server.Device("kem-device")
		if device == nil {
			t.Fatal("the device is not connected")
		}
		body := pattern(1, 20_000)
		s.ask(device, coap.Changed, put("/x", body))
		if got := s.ask(device, coap.ContentCode, get("/x")); got != string(body) {
			t.Errorf("%d bytes came back", len(got))
		}
		watch, err := device.Observe(t.Context(), get("/x"))
		if err != nil {
			t.Fatal(err)
		}
		s.local.set("/x", "2")
		s.sees(watch, "2")
		watch.Cancel()
		time.Sleep(time.Minute)
		if n := s.local.observed("/x"); n != 0 {
			t.Errorf("%d observations go on", n)
		}
	})
}

// TestSidecarUpstreamAsks: a plain server asks the device where the device's requests come from.
func TestSidecarUpstreamAsks(t *testing.T) {
	beside(t, shape{link: lossy(.1), serve: true}, func(t *testing.T, s *sidecar) {
		s.local.set("/name", "me")
		s.thing.set("/x", "1")
		s.ask(s.client(), coap.ContentCode, get("/x"))
		device := s.thing.newest()
		if got := s.ask(device, coap.ContentCode, get("/name")); got != "me" {
			t.Errorf("the device is called %q", got)
		}
		s.ask(device, coap.NotFound, get("/nothing"))
	})
}

// TestSidecarRefused: a device that the server refuses ends its proxy.
func TestSidecarRefused(t *testing.T) {
	beside(t, shape{link: quiet}, func(t *testing.T, s *sidecar) {
		cfg := node.ProxyConfig{Device: config(handshake.XWing, handshake.ModeKEM), Dial: func(ctx context.Context, device node.Config) (*node.Conn, error) {
			return node.DialOn(ctx, s.net.Listen(deviceAddr), serverAddr, device)
		}}
		var err error
		if cfg.Device.Key, err = handshake.GenerateKey(rand.Reader, handshake.XWing); err != nil {
			t.Fatal(err)
		}
		p := node.NewProxy(cfg)
		var refusal *handshake.Refusal
		if err := p.Serve(s.net.Listen(netip.AddrPortFrom(proxyAddr.Addr(), 1))); !errors.As(err, &refusal) {
			t.Errorf("Serve: %v", err)
		}
	})
}
