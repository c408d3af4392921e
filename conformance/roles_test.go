package conformance

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server"
)

// losses are those at which what an application sees is tested.
var losses = []float64{0, 0.1, 0.3}

// A meeting is a device and a server with a session, of which one asks and the other serves.
type meeting struct {
	*world
	asker coap.Peer // the other, as the one that asks sees it
}

// inBothRoles runs f with the device as the one that asks and with the server, at each loss.
// What serves has the handler that serve makes.
func inBothRoles(t *testing.T, serve func() coap.Handler, f func(t *testing.T, m *meeting)) {
	t.Helper()
	for _, role := range []string{"device asks", "server asks"} {
		for _, loss := range losses {
			t.Run(fmt.Sprintf("%s, %.0f%%", role, loss*100), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { meet(t, role, loss, serve(), f) })
			})
		}
	}
}

func meet(t *testing.T, role string, loss float64, h coap.Handler, f func(t *testing.T, m *meeting)) {
	link := simnet.Link{Loss: loss, Delay: rtt / 2, Jitter: rtt / 20}
	w := newWorld(t, 1, link, func(cfg *server.Config) { cfg.Handler = h })
	defer w.close()
	cfg := config(handshake.XWing, handshake.ModeKEM)
	cfg.Handler = h
	c := w.mustDial(cfg)
	defer c.Close()
	if err := c.Ping(t.Context()); err != nil { // the server has the session from then on
		t.Fatal(err)
	}
	m := &meeting{world: w, asker: c}
	if role == "server asks" {
		m.asker = w.device()
	}
	f(t, m)
}

// device is the one device as the server sees it.
func (w *world) device() coap.Peer {
	w.t.Helper()
	p := w.server.Device("kem-device")
	if p == nil {
		w.t.Fatal("the device has no session")
	}
	return p
}

// request makes one with a path, queries and a body.
func request(code coap.Code, path string, body []byte, queries ...string) coap.Message {
	m := coap.Message{Code: code, Options: message.Options{{ID: message.URIPath, Value: []byte(path)}}, Payload: body}
	for _, q := range queries {
		m.Options = append(m.Options, message.Option{ID: message.URIQuery, Value: []byte(q)})
	}
	return m
}

// A mirror answers with as many bytes as it is asked for, where it was sent what it should be.
type mirror struct{}

func (mirror) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	up, _ := r.Query("up")
	down, _ := r.Query("down")
	sent, _ := strconv.Atoi(up)
	wanted, _ := strconv.Atoi(down)
	if string(r.Payload) != string(pattern(uint32(r.Code), sent)) {
		return coap.Status(coap.BadRequest)
	}
	return coap.Content(message.AppOctets, pattern(uint32(r.Code)+100, wanted))
}

// reflect makes one exchange with a mirror.
func reflect(ctx context.Context, p coap.Peer, code coap.Code, up, down int) error {
	m := request(code, "mirror", pattern(uint32(code), up), fmt.Sprint("up=", up), fmt.Sprint("down=", down))
	answer, err := p.Do(ctx, m)
	switch {
	case err != nil:
		return fmt.Errorf("%v of %d and %d bytes: %w", code, up, down, err)
	case answer.Code != coap.ContentCode || string(answer.Payload) != string(pattern(uint32(code)+100, down)):
		return fmt.Errorf("%v of %d and %d bytes: %v with %d bytes", code, up, down, answer.Code, len(answer.Payload))
	}
	return nil
}

// TestMethods: all methods with bodies of all sizes both ways, whoever asks.
func TestMethods(t *testing.T) {
	inBothRoles(t, func() coap.Handler { return mirror{} }, func(t *testing.T, m *meeting) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for code := coap.GET; code <= coap.IPATCH; code++ {
			for _, size := range []int{0, 1, 1024, 5000, 100000} {
				up := size
				if code == coap.GET || code == coap.DELETE {
					up = 0
				}
				if err := reflect(ctx, m.asker, code, up, size); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// TestThousandRequests: as many at once as somebody likes, each served.
func TestThousandRequests(t *testing.T) {
	for _, loss := range losses[:2] {
		synctest.Test(t, func(t *testing.T) {
			meet(t, "device asks", loss, mirror{}, func(t *testing.T, m *meeting) { manyRequests(t, m.asker, 1000) })
		})
	}
}

func manyRequests(t *testing.T, p coap.Peer, n int) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	failed := make(chan error, n)
	for i := range n {
		go func() { failed <- reflect(ctx, p, coap.POST, i%2000, i%777) }()
	}
	for range n {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
