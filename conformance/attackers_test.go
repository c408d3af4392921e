package conformance

import (
	"bytes"
	crand "crypto/rand"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// A flood is what attackers send from ten thousand addresses.
type flood struct {
	w     *world
	rng   *rand.Rand
	echo  *coap.EchoKeys
	ready [][]byte // good m1 of strangers who never go on
	m1r   []byte   // that went by, of a device
	id    []byte   // of the connection of a device
}

// attackers are so many addresses, each of a network of its own.
const attackers = 10_000

func attacker(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 9}), 5683)
}

// neighbour is an attacker in the network, and mostly at the address, of the device.
func neighbour(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(7 + i%4)}), uint16(1024+i))
}

const floodSuite = handshake.MLKEM512

// floodSecret is the key of the server's Echo values, of which a flood has its own.
var floodSecret = [32]byte{42}

func newFlood(w *world) *flood {
	f := &flood{w: w, rng: rand.New(rand.NewPCG(1, 2)), echo: coap.NewEchoKeys([32]byte{}, floodSecret)}
	for range 500 {
		m, err := handshake.NewInitiator(crand.Reader, handshake.InitiatorConfig{
			Server: keys().server[floodSuite].ServerCredential(),
		})
		if err != nil {
			w.t.Fatal(err)
		}
		f.ready = append(f.ready, m.M1())
		m.Close()
	}
	return f
}

// post is an m1, or the first block of one, in one datagram.
func (f *flood) post(body []byte, options ...message.Option) []byte {
	m := coap.Message{
		Type: message.Confirmable, Code: codes.POST, MessageID: int32(f.rng.Uint32N(1 << 16)), Token: f.bytes(4), Payload: body,
		Options: append(message.Options{{ID: message.URIPath, Value: []byte("hs")}}, options...),
	}
	slices.SortStableFunc(m.Options, func(a, b message.Option) int { return int(a.ID) - int(b.ID) })
	b, err := coap.Append(nil, &m)
	if err != nil {
		f.w.t.Fatal(err)
	}
	return b
}

func (f *flood) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.rng.Uint32())
	}
	return b
}

// junk is an m1 that is decapsulated and does not open.
func (f *flood) junk() []byte {
	b := bytes.Clone(f.ready[f.rng.IntN(len(f.ready))])
	copy(b[len(b)-8:], f.bytes(8))
	return b
}

func (f *flood) proof(from netip.AddrPort) message.Option {
	return echoOption(f.echo.AppendLong(nil, time.Now(), from.Addr()))
}

// floods are what an attacker sends, by the address that it comes from.
func (f *flood) floods() map[string]func(from netip.AddrPort) []byte {
	return map[string]func(from netip.AddrPort) []byte{
		"no Echo":     func(netip.AddrPort) []byte { return f.post(f.junk()) },
		"wrong Echo":  func(netip.AddrPort) []byte { return f.post(f.junk(), echoOption(f.bytes(24))) },
		"junk m1":     func(from netip.AddrPort) []byte { return f.post(f.junk(), f.proof(from)) },
		"same m1":     func(netip.AddrPort) []byte { return f.post(f.ready[0]) },
		"half-open":   func(netip.AddrPort) []byte { return f.post(f.ready[f.rng.IntN(len(f.ready))]) },
		"junk ticket": func(netip.AddrPort) []byte { return f.post(append(bytes.Clone(f.m1r[:len(f.m1r)-8]), f.bytes(8)...)) },
		"unknown ID":  func(netip.AddrPort) []byte { return append([]byte{0x33, 0x9f}, f.bytes(50)...) },
		"valid ID":    func(netip.AddrPort) []byte { return append(append([]byte{0x33}, f.id...), f.bytes(50)...) },
		"fragments": func(netip.AddrPort) []byte {
			return f.post(f.bytes(1024), blockOption(message.Block1, 0, true, 6), tagOption(f.bytes(4)))
		},
	}
}

// met counts what of a flood has come to where it does harm.
func (f *flood) met(name string, s server.Stats) uint64 {
	switch name {
	case "junk m1":
		return s.Junk + s.OverUnproven
	case "same m1", "half-open":
		return s.Repeated + s.HalfOpened + s.OverUnproven
	case "junk ticket":
		return s.BadTickets
	case "unknown ID":
		return s.ResetsWithheld
	case "valid ID":
		return s.Rejected
	case "fragments":
		return uint64(f.w.server.Stats().Lane.Entries)
	}
	return s.OverUnproven
}

// scarce are limits so low that ten thousand datagrams a second are a flood, at a server that
// resumes.
func scarce(t *testing.T) []func(*server.Config) {
	return []func(*server.Config){lasting(t), func(cfg *server.Config) {
		cfg.Secrets.Echo = floodSecret
		a := server.DefaultAdmission
		a.Unproven, a.Proven, a.Resumed, a.Answers, a.Resets = a.Unproven/10, a.Proven/2, a.Resumed/10, a.Answers/10, a.Resets/10
		cfg.Admission, cfg.MaxHalfOpen = a, 1024
	}}
}

// ticketed has a device open a session and end it with a ticket in its state. It notes what an
// attacker on its path has seen.
func (f *flood) ticketed(cfg node.Config) {
	c := f.w.mustDial(cfg)
	f.w.mustGet(c)
	time.Sleep(10 * time.Second)
	c.Close()
	time.Sleep(time.Second)
}

func (w *world) mustGet(c *node.Conn) {
	w.t.Helper()
	if answer, err := c.Get(w.t.Context(), "/x"); err != nil || answer.Code != coap.ContentCode {
		w.t.Fatal(answer.Code, err)
	}
}

// observe notes an m1r and a connection ID of a device that goes by.
func (f *flood) observe(d simnet.Datagram) simnet.Verdict {
	if !toServer(d) {
		return simnet.Verdict{}
	}
	if isRecordDatagram(d) {
		f.id = bytes.Clone(d.Payload[1:2])
	} else if m, err := coap.Parse(d.Payload); err == nil && len(m.Payload) > 0 {
		if _, err := handshake.ParseM1R(m.Payload); err == nil {
			f.m1r = bytes.Clone(m.Payload)
		}
	}
	return simnet.Verdict{}
}

// rage has every attacker send once in two seconds, from now on until the end of seconds.
func (f *flood) rage(make func(from netip.AddrPort) []byte, from func(i int) netip.AddrPort, seconds int) {
	for range seconds * 100 {
		for range attackers / 200 {
			at := from(f.rng.IntN(attackers))
			f.w.net.Inject(at, serverAddr, make(at))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// trips dials and tells how many round trips that took.
func (f *flood) trips(cfg node.Config, at netip.AddrPort) float64 {
	start := time.Now()
	c, err := node.DialOn(f.w.t.Context(), f.w.net.Listen(at), serverAddr, cfg)
	took := time.Since(start)
	if err != nil {
		f.w.t.Errorf("after %v: %v", took, err)
	} else {
		c.Close()
	}
	return float64(took) / float64(rtt)
}

// underFlood runs f in the last second of a flood, with devices that have a ticket, an Echo and
// nothing.
func underFlood(t *testing.T, name string, from func(i int) netip.AddrPort, run func(f *flood, sleeper, known, stranger node.Config)) {
	state := filepath.Join(t.TempDir(), "state")
	scenario(t, quiet, func(t *testing.T, w *world) {
		f := newFlood(w)
		sleeper, known := config(floodSuite, handshake.ModeKEM), config(floodSuite, handshake.ModePSK)
		sleeper.State, known.Memory = state, new(node.Memory)
		w.net.Filter(f.observe)
		f.ticketed(sleeper)
		f.ticketed(sleeper)
		live, err := node.DialOn(t.Context(), w.net.Listen(netip.MustParseAddrPort("203.0.113.70:40000")), serverAddr, config(floodSuite, handshake.ModeNone))
		if err != nil {
			t.Fatal(err)
		}
		defer live.Close()
		w.mustGet(live)
		w.net.Filter(nil)
		w.mustDial(known).Close()
		seconds := 2
		if name == "junk m1" { // until each address has shown what it is
			seconds = 5
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			f.rage(f.floods()[name], from, seconds)
		}()
		time.Sleep(time.Duration(seconds-1) * time.Second)
		run(f, sleeper, known, config(floodSuite, handshake.ModeNone))
		stats := w.server.Stats()
		lane := stats.Lane
		<-done
		t.Logf("%+v; %+v", lane, stats)
		w.mustGet(live)
		if f.met(name, stats) < 500 {
			t.Errorf("this was no flood of %s", name)
		}
		unproven, proven := coap.DefaultUnproven, coap.DefaultProven
		if lane.Unproven > unproven.Entries || lane.Entries > unproven.Entries+proven.Entries || lane.Bytes > unproven.Bytes+proven.Bytes ||
			stats.HalfOpen > 1024 || stats.Sessions > 10 || stats.Work.Waiting > 3*128 {
			t.Errorf("the server holds %+v, %+v", lane, stats)
		}
	}, scarce(t)...)
}
