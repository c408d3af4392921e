package conformance

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// lasting gives a server what its sessions need to outlive it, the same at each start but for
// the count of them.
func lasting(t *testing.T) func(*server.Config) {
	var tickets *handshake.TicketKeys
	starts := uint32(0)
	return func(cfg *server.Config) {
		if tickets == nil { // of the bubble's time
			var err error
			if tickets, err = handshake.NewTicketKeys(rand.Reader, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		starts++
		cfg.Tickets, cfg.Era = tickets, starts
		cfg.Secrets.Reset = [32]byte{1}
		cfg.Handler = coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message {
			return coap.Status(coap.ContentCode)
		})
	}
}

// TestServerCrash: the devices of a server that has crashed are told so, resume, and do not come
// back all at once.
func TestServerCrash(t *testing.T) {
	const devices = 100
	for _, loss := range []float64{0, .1} {
		scenario(t, simnet.Link{Delay: rtt / 2, Loss: loss}, func(t *testing.T, w *world) {
			conns := make([]*node.Conn, devices)
			for i := range conns {
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i), 9}), 40000)
				conn, err := node.DialOn(t.Context(), w.net.Listen(from), serverAddr, config(handshake.MLKEM512, handshake.ModeNone))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := conn.Get(t.Context(), "/x"); err != nil {
					t.Fatal(err)
				}
				conns[i] = conn
			}
			time.Sleep(time.Minute) // every device has its ticket
			w.crash()
			w.serve()
			back := comeBack(t, conns)
			for second, n := range back {
				if n > devices/3 {
					t.Errorf("loss %v: %d of %d devices came back in second %d", loss, n, devices, second)
				}
			}
			if len(back) < 6 {
				t.Errorf("loss %v: all were back after %d s: %v", loss, len(back), back)
			}
		}, lasting(t))
	}
}

// comeBack has every device send a request, and counts the answers by the second.
func comeBack(t *testing.T, conns []*node.Conn) map[int]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	back := make(map[int]int)
	began := time.Now()
	for i, conn := range conns {
		all.Go(func() {
			answer, err := conn.Get(t.Context(), "/x")
			if err != nil || answer.Code != coap.ContentCode || !conn.Stats().Resumed {
				t.Errorf("device %d: %v, %v, resumed %v", i, answer.Code, err, conn.Stats().Resumed)
			}
			mu.Lock()
			defer mu.Unlock()
			back[int(time.Since(began).Seconds())]++
		})
	}
	all.Wait()
	return back
}

// TestDailyReading: a device that sleeps for a day between two readings, each time behind another
// address, never needs a handshake.
func TestDailyReading(t *testing.T) {
	for _, loss := range []float64{0, .1, .3} {
		file := filepath.Join(t.TempDir(), "state")
		scenario(t, simnet.Link{Delay: rtt / 2, Loss: loss}, func(t *testing.T, w *world) {
			cfg := config(handshake.XWing, handshake.ModeKEM)
			cfg.State, cfg.FreshAfter = file, -1
			for day := range 30 {
				from := netip.AddrPortFrom(deviceAddr.Addr(), uint16(41000+day))
				conn, err := node.DialOn(t.Context(), w.net.Listen(from), serverAddr, cfg)
				if err != nil {
					t.Fatalf("loss %v, day %d: %v", loss, day, err)
				}
				answer, err := conn.Post(t.Context(), "/x", message.TextPlain, []byte("21.5"))
				if err != nil || answer.Code != coap.ContentCode {
					t.Fatalf("loss %v, day %d: %v, %v", loss, day, answer.Code, err)
				}
				if err := conn.Sleep(t.Context()); err != nil {
					t.Fatalf("loss %v, day %d: %v", loss, day, err)
				}
				time.Sleep(24 * time.Hour)
			}
			if s := w.server.Stats(); s.HalfOpened != 1 {
				t.Errorf("loss %v: %d handshakes in 30 days", loss, s.HalfOpened)
			}
		}, lasting(t))
	}
}

// TestQueuedForSleeper: what is queued for a device that sleeps reaches it when it wakes, once.
func TestQueuedForSleeper(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	scenario(t, simnet.Link{Delay: rtt / 2, Loss: .1}, func(t *testing.T, w *world) {
		asked := 0
		cfg := config(handshake.XWing, handshake.ModeKEM)
		cfg.State = file
		cfg.Handler = coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message {
			asked++
			return coap.Content(message.TextPlain, []byte("42"))
		})
		wake := func(port uint16) *node.Conn {
			conn, err := node.DialOn(t.Context(), w.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), port)), serverAddr, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Post(t.Context(), "/x", message.TextPlain, []byte("21.5")); err != nil {
				t.Fatal(err)
			}
			return conn
		}
		if err := wake(41000).Sleep(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		m, err := node.NewRequest(coap.GET, "/temperature", nil)
		if err != nil {
			t.Fatal(err)
		}
		queued, err := w.server.Queue("kem-device", m, server.QueueOptions{Expiry: 48 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(23 * time.Hour)
		conn := wake(41001)
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if answer, err := queued.Wait(ctx); err != nil || string(answer.Payload) != "42" || asked != 1 {
			t.Errorf("answer %q, %v; asked %d times", answer.Payload, err, asked)
		}
	}, lasting(t))
}

// TestFreshKeys: requests go on while full handshakes are made beside the sessions they are in.
func TestFreshKeys(t *testing.T) {
	for _, loss := range []float64{0, .1} {
		scenario(t, simnet.Link{Delay: rtt / 2, Loss: loss}, func(t *testing.T, w *world) {
			cfg := config(handshake.MLKEM768, handshake.ModeKEM)
			cfg.FreshAfter = time.Minute
			conn := w.mustDial(cfg)
			defer conn.Close()
			var all sync.WaitGroup
			for i := range 3000 {
				all.Go(func() {
					if answer, err := conn.Get(t.Context(), fmt.Sprint("/", i)); err != nil || answer.Code != coap.ContentCode {
						t.Errorf("loss %v, request %d: %v, %v", loss, i, answer.Code, err)
					}
				})
				time.Sleep(100 * time.Millisecond)
			}
			all.Wait()
			if s := w.server.Stats(); s.Confirmed < 4 {
				t.Errorf("loss %v: %d sessions in five minutes", loss, s.Confirmed)
			}
		}, lasting(t))
	}
}

// TestPlannedRestartOverNetwork: a server that saves its sessions goes on with them, and no device
// does a handshake, or resumes.
func TestPlannedRestartOverNetwork(t *testing.T) {
	for _, loss := range []float64{0, .1} {
		var saved []byte
		scenario(t, simnet.Link{Delay: rtt / 2, Loss: loss}, func(t *testing.T, w *world) {
			conn := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
			defer conn.Close()
			for restart := range 5 {
				if answer, err := conn.Get(t.Context(), "/x"); err != nil || answer.Code != coap.ContentCode {
					t.Fatalf("loss %v, restart %d: %v, %v", loss, restart, answer.Code, err)
				}
				if s := w.server.Stats(); restart > 0 && s.HalfOpened != 0 || s.Sessions != 1 {
					t.Errorf("loss %v, restart %d: %d handshakes, %d sessions", loss, restart, s.HalfOpened, s.Sessions)
				}
				var err error
				if saved, err = w.server.Suspend(t.Context()); err != nil {
					t.Fatal(err)
				}
				<-w.done
				time.Sleep(time.Minute)
				w.serve()
			}
		}, lasting(t), func(cfg *server.Config) { cfg.Sessions = saved })
	}
}
