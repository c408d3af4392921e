package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// A handler of the test's own.
func handlerOf(f func(ctx context.Context, r *coap.Request) *coap.Message) coap.Handler {
	return coap.HandlerFunc(f)
}

// lossy is a link of the scenarios with a loss.
func lossy(loss float64) simnet.Link {
	return simnet.Link{Loss: loss, Delay: rtt / 2, Jitter: rtt / 20}
}

// TestNoResponse: of each class that is not wanted nothing comes, and the request is handled
// once all the same (RFC 7967).
func TestNoResponse(t *testing.T) {
	codes := []coap.Code{coap.Changed, coap.BadRequest, coap.InternalServerError}
	inBothRoles(t, func() coap.Handler {
		calls := make(map[byte]int)
		var mu sync.Mutex
		return handlerOf(func(_ context.Context, r *coap.Request) *coap.Message {
			mu.Lock()
			defer mu.Unlock()
			if calls[r.Payload[0]]++; calls[r.Payload[0]] > 1 {
				return coap.Status(coap.Forbidden)
			}
			return coap.Status(codes[r.Payload[1]])
		})
	}, func(t *testing.T, m *meeting) {
		number := byte(0)
		for class, code := range codes {
			for _, suppress := range []byte{0, 2, 8, 16, 26} {
				number++
				q := request(coap.POST, "x", append([]byte{number, byte(class)}, make([]byte, int(number)*200)...))
				q.Options = append(q.Options, message.Option{ID: message.NoResponse, Value: []byte{suppress}})
				want := code
				if suppress>>(code>>5-1)&1 == 1 {
					want = 0
				}
				if answer, err := m.asker.Do(t.Context(), q); err != nil || answer.Code != want {
					t.Errorf("No-Response %d and %v: %v, %v", suppress, code, answer.Code, err)
				}
			}
		}
	})
}

// TestDeviceIsGone: a device that has no session, has closed it, or has vanished.
func TestDeviceIsGone(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		if p := w.server.Device("kem-device"); p != nil {
			t.Error("a device that never was has a session")
		}
		cfg := config(handshake.XWing, handshake.ModeKEM)
		cfg.Handler = mirror{}
		c := w.mustDial(cfg)
		if err := c.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := w.device()
		if err := reflect(t.Context(), p, coap.PUT, 50000, 50000); err != nil {
			t.Error(err)
		}
		done := make(chan error, 1)
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict { return simnet.Verdict{Drop: !toServer(d)} })
		began := time.Now()
		if err := reflect(t.Context(), p, coap.PUT, 1, 1); err == nil || time.Since(began).Truncate(2*time.Millisecond) != time.Minute {
			t.Errorf("one that hears nothing: %v after %v", err, time.Since(began))
		}
		w.net.Filter(nil)
		go func() { done <- reflect(t.Context(), p, coap.PUT, 100000, 1) }()
		time.Sleep(rtt / 4)
		c.Close()
		if err := <-done; err == nil {
			t.Error("a request to a device that closes was answered")
		}
		<-p.Done()
		if w.server.Device("kem-device") != nil {
			t.Error("a device that has closed has a session still")
		}
		if err := reflect(t.Context(), p, coap.GET, 0, 1); err == nil {
			t.Error("a session that has ended was asked")
		}
	})
}

// TestAskBack: handlers of both ends ask each other, with one place at the server, for large
// bodies, as often as they like.
func TestAskBack(t *testing.T) {
	for _, loss := range losses {
		var w *world
		atServer := handlerOf(func(ctx context.Context, r *coap.Request) *coap.Message {
			if r.Path() != "/ask-device" {
				return mirror{}.ServeCoAP(ctx, r)
			}
			answer, err := r.Peer.Do(ctx, request(coap.POST, "ask-server", nil))
			if err != nil {
				return &coap.Message{Code: coap.InternalServerError, Payload: []byte(err.Error())}
			}
			return &answer
		})
		atDevice := handlerOf(func(ctx context.Context, r *coap.Request) *coap.Message {
			if err := reflect(ctx, r.Peer, coap.PUT, 20000, 20000); err != nil {
				return &coap.Message{Code: coap.InternalServerError, Payload: []byte(err.Error())}
			}
			return coap.Content(message.TextPlain, []byte("through"))
		})
		scenario(t, lossy(loss), func(t *testing.T, in *world) {
			w = in
			cfg := config(handshake.XWing, handshake.ModeKEM)
			cfg.Handler = atDevice
			c := w.mustDial(cfg)
			defer c.Close()
			var wg sync.WaitGroup
			for range 12 {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
					defer cancel()
					answer, err := c.Get(ctx, "/ask-device")
					if err != nil || string(answer.Payload) != "through" {
						t.Errorf("%.0f%%: %v %q, %v", loss*100, answer.Code, answer.Payload, err)
					}
				})
			}
			wg.Wait()
		}, func(cfg *server.Config) { cfg.Handler, cfg.MaxHandlers = atServer, 1 })
	}
}

// TestAnotherDeviceAsked: a handler asks a device other than the one that asks it.
func TestAnotherDeviceAsked(t *testing.T) {
	var w *world
	relay := handlerOf(func(ctx context.Context, r *coap.Request) *coap.Message {
		p := w.server.Device("kem-device")
		if p == nil {
			return coap.Status(coap.NotFound)
		}
		answer, err := p.Do(ctx, request(coap.GET, "mirror", nil, "down=3000"))
		if err != nil {
			return coap.Status(coap.ServiceUnavailable)
		}
		return &answer
	})
	scenario(t, quiet, func(t *testing.T, in *world) {
		w = in
		cfg := config(handshake.XWing, handshake.ModeKEM)
		cfg.Handler = mirror{}
		asked := w.mustDial(cfg)
		defer asked.Close()
		if err := asked.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		asks, err := node.DialOn(t.Context(), w.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0)), serverAddr,
			config(handshake.XWing, handshake.ModePSK))
		if err != nil {
			t.Fatal(err)
		}
		defer asks.Close()
		if answer, err := asks.Get(t.Context(), "/other"); err != nil || len(answer.Payload) != 3000 {
			t.Errorf("%v with %d bytes, %v", answer.Code, len(answer.Payload), err)
		}
	}, func(cfg *server.Config) { cfg.Handler, cfg.MaxHandlers = relay, 1 })
}

// TestDefer: responses come later, from other goroutines, in any order; the handlers keep no
// place meanwhile.
func TestDefer(t *testing.T) {
	for _, role := range []string{"device asks", "server asks"} {
		for _, loss := range losses {
			later := handlerOf(func(_ context.Context, r *coap.Request) *coap.Message {
				respond := r.Defer()
				n := r.Payload[0]
				time.AfterFunc(time.Duration(20-n)*time.Second, func() {
					respond(coap.Content(message.AppOctets, pattern(uint32(n), int(n)*500)))
				})
				return nil
			})
			t.Run(fmt.Sprintf("%s, %.0f%%", role, loss*100), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					meet(t, role, loss, later, func(t *testing.T, m *meeting) {
						var wg sync.WaitGroup
						for n := range byte(20) {
							wg.Go(func() {
								answer, err := m.asker.Do(t.Context(), request(coap.POST, "x", []byte{n}))
								if err != nil || string(answer.Payload) != string(pattern(uint32(n), int(n)*500)) {
									t.Errorf("request %d: %v with %d bytes, %v", n, answer.Code, len(answer.Payload), err)
								}
							})
						}
						wg.Wait()
					})
				})
			})
		}
	}
}

// TestDeferTooLate: the session has ended, and whoever responds is told.
func TestDeferTooLate(t *testing.T) {
	var responds chan func(*coap.Message) error
	h := handlerOf(func(_ context.Context, r *coap.Request) *coap.Message {
		responds <- r.Defer()
		if r.Path() == "/panic" {
			panic("as the test wants it")
		}
		return nil
	})
	scenario(t, quiet, func(t *testing.T, w *world) {
		responds = make(chan func(*coap.Message) error, 1) // of this bubble
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		if answer, err := c.Get(t.Context(), "/panic"); err != nil || answer.Code != coap.InternalServerError {
			t.Errorf("a panic behind Defer: %v, %v", answer.Code, err)
		}
		if err := (<-responds)(coap.Status(coap.Changed)); !errors.Is(err, coap.ErrUnknownRequest) {
			t.Errorf("a second response: %v", err)
		}
		go c.Get(t.Context(), "/x")
		respond := <-responds
		c.Close()
		time.Sleep(rtt)
		if err := respond(coap.Status(coap.Changed)); err == nil {
			t.Error("a session that has ended took a response")
		}
	}, func(cfg *server.Config) { cfg.Handler = h })
}
