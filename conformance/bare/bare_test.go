package bare

import (
	"crypto/rand"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/node"
)

// A device gets answers, loses its session in a crash, and comes back with its ticket.
func TestServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
		if err != nil {
			t.Fatal(err)
		}
		net := simnet.New(1, simnet.Link{Delay: 20 * time.Millisecond})
		defer net.Close()
		addr := netip.MustParseAddrPort("192.0.2.1:5688")
		s, err := Serve(net.Listen(addr), session.ServerConfig{
			Identities: []handshake.Identity{key.Identity()},
			Authorize: func(handshake.Suite, handshake.ClientCredential) (session.Client, error) {
				return session.Client{}, nil
			},
		}, func(_ string, m coap.Message) *coap.Message { return coap.Content(0, []byte("yes")) })
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c, err := node.DialOn(t.Context(), net.Listen(netip.MustParseAddrPort("198.51.100.7:40000")), addr,
			node.Config{Suite: handshake.MLKEM512, Trust: key.ServerCredential()})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 2 {
			if m, err := c.Get(t.Context(), "/"); err != nil || string(m.Payload) != "yes" {
				t.Errorf("%q, %v", m.Payload, err)
			}
			time.Sleep(time.Second)
			s.Crash()
		}
		if s.Opened() != 2 || !c.Stats().Resumed {
			t.Errorf("%d sessions, the last resumed %v", s.Opened(), c.Stats().Resumed)
		}
	})
}
