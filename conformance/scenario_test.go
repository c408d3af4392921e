package conformance

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// rtt is the round trip of the scenarios' links.
const rtt = 100 * time.Millisecond

var quiet = simnet.Link{Delay: rtt / 2}

// scenario runs f in a bubble with a server behind a link.
func scenario(t *testing.T, link simnet.Link, f func(t *testing.T, w *world), change ...func(*server.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, link, change...)
		defer w.close()
		f(t, w)
	})
}

func isRecordDatagram(d simnet.Datagram) bool { return d.Payload[0]>>5 == 1 }
func toServer(d simnet.Datagram) bool         { return d.To == serverAddr }

// TestRoundTrips: 1 for the handshake and 2 to the first answer; 2 and 3 where Echo is
// demanded; 1 again where it is remembered (docs/protocol.md sections 7 and 8).
func TestRoundTrips(t *testing.T) {
	for _, suite := range handshake.Suites() {
		for _, mode := range []handshake.Mode{handshake.ModeNone, handshake.ModeKEM, handshake.ModePSK} {
			t.Run(suite.String()+" "+mode.String(), func(t *testing.T) {
				scenario(t, quiet, func(t *testing.T, w *world) {
					checkRoundTrips(t, w, config(suite, mode), 1)
				})
			})
		}
	}
	always := func(cfg *server.Config) { cfg.AlwaysEcho = true }
	t.Run("Echo demanded", func(t *testing.T) {
		scenario(t, quiet, func(t *testing.T, w *world) {
			cfg := config(handshake.XWing, handshake.ModeKEM)
			cfg.Memory = new(node.Memory)
			checkRoundTrips(t, w, cfg, 2)
			checkRoundTrips(t, w, cfg, 1)
		}, always)
	})
	t.Run("fingerprint", func(t *testing.T) {
		scenario(t, quiet, func(t *testing.T, w *world) {
			cfg := config(handshake.XWing, handshake.ModeKEM)
			cfg.Fingerprint, cfg.Trust = cfg.Trust.Fingerprint(), nil
			c := w.mustDial(cfg)
			defer c.Close()
			if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
				t.Error(err)
			}
		})
	})
}

func checkRoundTrips(t *testing.T, w *world, cfg node.Config, want int) {
	t.Helper()
	start := time.Now()
	c := w.mustDial(cfg)
	defer c.Close()
	if got := time.Since(start); got.Round(rtt/10) != time.Duration(want)*rtt {
		t.Errorf("handshake took %v, want %d round trips of %v", got, want, rtt)
	}
	if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
		t.Fatal(err)
	}
	if got := time.Since(start); got.Round(rtt/10) != time.Duration(want+1)*rtt {
		t.Errorf("first answer took %v, want %d round trips of %v", got, want+1, rtt)
	}
}

// TestHandshakeBytes holds the bytes of a handshake of suite 1 against their budgets.
func TestHandshakeBytes(t *testing.T) {
	for mode, budget := range map[handshake.Mode]uint64{handshake.ModeKEM: 5000, handshake.ModeNone: 3800} {
		scenario(t, quiet, func(t *testing.T, w *world) {
			c := w.mustDial(config(handshake.XWing, mode))
			defer c.Close()
			if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
				t.Fatal(err)
			}
			s := c.Stats()
			sum := s.Handshake.BytesIn + s.Handshake.BytesOut
			t.Logf("mode %v: m1 %d B, m2 %d B, all datagrams %d B (%d out, %d in)", mode, s.M1, s.M2, sum,
				s.Handshake.DatagramsOut, s.Handshake.DatagramsIn)
			if sum > budget {
				t.Errorf("mode %v: %d bytes, budget %d", mode, sum, budget)
			}
		})
	}
}

// TestFirstRecordLost: the device sends its first record again until the server answers.
func TestFirstRecordLost(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		lost := 0
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			if isRecordDatagram(d) && toServer(d) && lost < 3 {
				lost++
				return simnet.Verdict{Drop: true}
			}
			return simnet.Verdict{}
		})
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
			t.Error(err)
		}
		w.handler.once(t, 1)
	})
}

// TestSilentApplication: a device that sends nothing confirms its session all the same.
func TestSilentApplication(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		time.Sleep(2 * rtt)
		if got := w.server.Stats().Confirmed; got != 1 {
			t.Errorf("%d sessions confirmed by the ping, want 1", got)
		}
	})
}

// TestM2Lost: all of the first m2 is lost, blocks and repeats of them; it is the same m2 that
// comes in the end.
func TestM2Lost(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		start := time.Now()
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			return simnet.Verdict{Drop: !toServer(d) && len(d.Payload) > 200 && time.Since(start) < time.Second}
		})
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
			t.Error(err)
		}
		if got := w.server.Stats().HalfOpened; got != 1 {
			t.Errorf("%d half-open sessions were made of one m1, want 1", got)
		}
	})
}

// TestM1Repeated: an attacker replays all of an m1, from its address and from another, before
// and after confirmation. It gets the same m2 and makes no second session.
func TestM1Repeated(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		var m1 [][]byte
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			if toServer(d) && !isRecordDatagram(d) {
				m1 = append(m1, d.Payload)
			}
			return simnet.Verdict{}
		})
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		replay := func() {
			for _, b := range m1 {
				w.net.Inject(deviceAddr, serverAddr, b)
				w.net.Inject(netip.AddrPortFrom(deviceAddr.Addr(), 666), serverAddr, b)
			}
			time.Sleep(time.Second)
		}
		replay()
		if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
			t.Error(err)
		}
		replay()
		if err := exchange(t.Context(), c, 1, 1, 1); err != nil {
			t.Error(err)
		}
		if s := w.server.Stats(); s.HalfOpened != 1 || s.Confirmed != 1 || s.Repeated == 0 {
			t.Errorf("half-opened %d, confirmed %d, repeated %d: want 1, 1 and some", s.HalfOpened, s.Confirmed, s.Repeated)
		}
	})
}

// TestBlocksInEveryOrder delivers the three blocks of m1 in each of the six orders.
func TestBlocksInEveryOrder(t *testing.T) {
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		scenario(t, quiet, func(t *testing.T, w *world) {
			blocks := 0
			w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
				if !toServer(d) || len(d.Payload) < 200 || blocks == 3 {
					return simnet.Verdict{}
				}
				blocks++
				return simnet.Verdict{Hold: time.Duration(order[blocks-1]) * time.Millisecond}
			})
			c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
			defer c.Close()
			if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
				t.Errorf("order %v: %v", order, err)
			}
		})
	}
}

// TestConfirmedFromAnotherPort: a NAT gives the device another port between m2 and its first
// record. The session is confirmed by its connection ID, and answers go to the new port.
func TestConfirmedFromAnotherPort(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		socket := w.net.Listen(deviceAddr)
		c, err := node.DialOn(t.Context(), socket, serverAddr, config(handshake.XWing, handshake.ModeKEM))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		socket.Rebind(netip.AddrPortFrom(deviceAddr.Addr(), 40001))
		if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
			t.Error(err)
		}
		if got := w.server.Stats().Confirmed; got != 1 {
			t.Errorf("confirmed %d sessions, want 1", got)
		}
	})
}

// TestRecordReplayed: every record to the server comes three times. Handlers run once.
func TestRecordReplayed(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			if isRecordDatagram(d) {
				return simnet.Verdict{Copies: 2}
			}
			return simnet.Verdict{}
		})
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		for i := range uint32(10) {
			if err := exchange(t.Context(), c, i, 10, 3000); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(rtt)
		w.handler.once(t, 10)
		if got := w.server.Stats().Replayed; got < 20 {
			t.Errorf("%d records refused as replayed, want at least 20", got)
		}
	})
}

// TestRecordFlipped: one bit of the first copy of every record is flipped. Nothing of it
// counts; what is sent again does.
func TestRecordFlipped(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			if !isRecordDatagram(d) {
				return simnet.Verdict{}
			}
			w.net.Inject(d.From, d.To, flipped(d.Payload))
			return simnet.Verdict{Hold: time.Millisecond}
		})
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		for i := range uint32(5) {
			if err := exchange(t.Context(), c, i, 10, 3000); err != nil {
				t.Error(err)
			}
		}
		w.handler.once(t, 5)
		if got := w.server.Stats().Rejected; got < 5 {
			t.Errorf("%d records rejected, want at least 5", got)
		}
	})
}

func flipped(b []byte) []byte {
	c := bytes.Clone(b)
	c[len(c)-1] ^= 1
	return c
}

// TestRefused: who cannot get in, and what the device is told.
func TestRefused(t *testing.T) {
	stranger, err := handshake.GenerateKey(zeroReader{}, handshake.XWing)
	if err != nil {
		t.Fatal(err)
	}
	var refusal *handshake.Refusal
	tests := []struct {
		name   string
		change func(*node.Config)
		says   string
		sealed bool
	}{
		{"wrong pin", func(c *node.Config) { c.Trust = stranger.ServerCredential() }, "4.01", false},
		{"wrong fingerprint", func(c *node.Config) { c.Trust = nil; c.Fingerprint[0]++ }, "fingerprint", false},
		{"unknown device", func(c *node.Config) { c.Key = stranger }, "credential", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scenario(t, quiet, func(t *testing.T, w *world) {
				cfg := config(handshake.XWing, handshake.ModeKEM)
				test.change(&cfg)
				c, err := w.dial(t.Context(), cfg)
				if err == nil {
					c.Close()
					t.Fatal("got in")
				}
				if !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %q does not say %q", err, test.says)
				}
				if errors.As(err, &refusal) != test.sealed {
					t.Errorf("error %v: sealed refusal %v, want %v", err, !test.sealed, test.sealed)
				}
				if s := w.server.Stats(); s.HalfOpened != 0 {
					t.Errorf("%d sessions half-opened, want none", s.HalfOpened)
				}
			})
		})
	}
}

// zeroReader is the randomness of a key that nobody has pinned.
type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestSuiteMissing: the server lacks the device's suite.
func TestSuiteMissing(t *testing.T) {
	only := func(cfg *server.Config) { cfg.Keys = cfg.Keys[:1] }
	scenario(t, quiet, func(t *testing.T, w *world) {
		_, err := w.dial(t.Context(), config(handshake.MLKEM1024, handshake.ModeKEM))
		if err == nil || !strings.Contains(err.Error(), "suite") {
			t.Errorf("error %v does not name the suite", err)
		}
	}, only)
}

// TestWrongPSK: with another key under a known identifier m2 opens, but no record does: the
// device gets no answer, the server no session.
func TestWrongPSK(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		cfg := config(handshake.XWing, handshake.ModePSK)
		wrong := *cfg.PSK
		wrong.Key[0]++
		cfg.PSK = &wrong
		c := w.mustDial(cfg)
		defer c.Close()
		if err := exchange(t.Context(), c, 0, 1, 1); err == nil {
			t.Error("got an answer with a wrong PSK")
		}
		if s := w.server.Stats(); s.Confirmed != 0 || s.Rejected == 0 {
			t.Errorf("confirmed %d, rejected %d: want none and some", s.Confirmed, s.Rejected)
		}
	})
}

// TestNoServer: nobody answers; the device keeps to its bounds and its deadline.
func TestNoServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1, quiet)
		defer n.Close()
		start := time.Now()
		_, err := node.DialOn(t.Context(), n.Listen(deviceAddr), serverAddr, config(handshake.XWing, handshake.ModeKEM))
		if err == nil || time.Since(start) != 60*time.Second {
			t.Errorf("error %v after %v, want one after 60 s", err, time.Since(start))
		}
		sent := n.Counters(deviceAddr.Addr(), serverAddr.Addr())
		if sent.Datagrams < 10 || sent.Datagrams > 150 {
			t.Errorf("%d datagrams to a server that never answered, want at most 150", sent.Datagrams)
		}
	})
}

// TestDialContext: the context ends a Dial.
func TestDialContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1, quiet)
		defer n.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := node.DialOn(ctx, n.Listen(deviceAddr), serverAddr, config(handshake.XWing, handshake.ModeKEM))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's", err)
		}
	})
}

// TestSlowHandler: a handler that takes 30 s delays its own session only.
func TestSlowHandler(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		slow := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer slow.Close()
		w.handler.slow = 30 * time.Second
		done := make(chan error, 1)
		go func() { done <- exchange(t.Context(), slow, 0, 1, 1) }()
		time.Sleep(rtt)
		w.handler.mu.Lock()
		w.handler.slow = 0
		w.handler.mu.Unlock()
		fast, err := node.DialOn(t.Context(), w.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0)), serverAddr,
			config(handshake.XWing, handshake.ModePSK))
		if err != nil {
			t.Fatal(err)
		}
		defer fast.Close()
		start := time.Now()
		if err := exchange(t.Context(), fast, 1, 1, 1); err != nil || time.Since(start) > 2*rtt {
			t.Errorf("the other session: %v after %v", err, time.Since(start))
		}
		if err := <-done; err != nil {
			t.Errorf("the slow one: %v", err)
		}
		w.handler.once(t, 2)
	})
}

// TestServerCloses: the server tells its devices, and the next request finds the one that has
// taken its place.
func TestServerCloses(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		c := w.mustDial(config(handshake.XWing, handshake.ModeKEM))
		defer c.Close()
		if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
			t.Fatal(err)
		}
		w.server.Close()
		<-w.done
		time.Sleep(rtt)
		w.serve()
		if err := exchange(t.Context(), c, 0, 1, 1); err != nil {
			t.Errorf("after the restart: %v", err)
		}
	})
}

// TestReplaced: a device that comes back has one session, and the old one is told, when it has had
// the time to end what was under way.
func TestReplaced(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		cfg := config(handshake.XWing, handshake.ModeKEM)
		old := w.mustDial(cfg)
		defer old.Close()
		if err := exchange(t.Context(), old, 0, 1, 1); err != nil {
			t.Fatal(err)
		}
		c, err := node.DialOn(t.Context(), w.net.Listen(netip.AddrPortFrom(deviceAddr.Addr(), 0)), serverAddr, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := exchange(t.Context(), c, 1, 1, 1); err != nil {
			t.Fatal(err)
		}
		if s := w.server.Stats(); s.Sessions != 2 || w.handler.name != "kem-device" {
			t.Errorf("%d sessions, device %q: want 2 of kem-device", s.Sessions, w.handler.name)
		}
		time.Sleep(10*time.Second + rtt)
		if s := w.server.Stats(); s.Sessions != 1 {
			t.Errorf("%d sessions, want 1", s.Sessions)
		}
	})
}
