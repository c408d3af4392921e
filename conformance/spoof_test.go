package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/node"
)

const (
	optionEcho       = 252 // RFC 9175
	optionRequestTag = 292
)

// A forger makes messages of an attacker. What it guesses depends on the seed only.
type forger struct {
	t      *testing.T
	random *rand.Rand
}

func newForger(t *testing.T) *forger {
	return &forger{t, rand.New(rand.NewPCG(1, 2))}
}

// pack writes a message, of which the options may stand in any order.
func (f *forger) pack(m coap.Message, options ...message.Option) []byte {
	f.t.Helper()
	for _, o := range options {
		m.Options = m.Options.Add(o)
	}
	b, err := coap.Append(nil, &m)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *forger) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.random.Uint32())
	}
	return b
}

func (f *forger) id() int32 { return int32(uint16(f.random.Uint32())) }

func uintOption(id message.OptionID, v uint32) message.Option {
	return message.Option{ID: id, Value: bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, v), "\x00")}
}

func blockOption(id message.OptionID, number uint32, more bool, szx uint8) message.Option {
	return uintOption(id, coap.Block{Number: number, More: more, SZX: szx}.Value())
}

func echoOption(value []byte) message.Option { return message.Option{ID: optionEcho, Value: value} }
func tagOption(value []byte) message.Option {
	return message.Option{ID: optionRequestTag, Value: value}
}

// An answer is what an attacker says in the server's place, to a message with this ID and
// token.
type answer struct {
	name  string
	forge func(f *forger, kind message.Type, id int32, token []byte) []byte
}

// answers are all that a server could say, and some things that it could not.
func answers() []answer {
	plain := func(name string, code codes.Code, payload []byte, options ...message.Option) answer {
		return answer{name, func(f *forger, kind message.Type, id int32, token []byte) []byte {
			m := coap.Message{Type: kind, Code: code, MessageID: id, Token: token, Payload: payload}
			return f.pack(m, options...)
		}}
	}
	empty := func(name string, kind message.Type) answer {
		return answer{name, func(f *forger, _ message.Type, id int32, _ []byte) []byte {
			return f.pack(coap.Message{Type: kind, MessageID: id})
		}}
	}
	block := bytes.Repeat([]byte{0xee}, 1024)
	etag := message.Option{ID: message.ETag, Value: []byte("forged")}
	list := uintOption(message.ContentFormat, 272)
	return []answer{
		empty("ACK", message.Acknowledgement),
		empty("RST", message.Reset),
		plain("2.04", codes.Changed, block[:100]),
		plain("2.04 in one block", codes.Changed, block[:100], etag, blockOption(message.Block2, 0, false, 6)),
		plain("2.04 block 0", codes.Changed, block, etag, blockOption(message.Block2, 0, true, 6)),
		plain("2.04 block 1", codes.Changed, block, etag, blockOption(message.Block2, 1, true, 6)),
		plain("2.04 tiny blocks", codes.Changed, block[:16], etag, blockOption(message.Block2, 1, true, 0)),
		plain("2.04 block 500", codes.Changed, block[:16], etag, blockOption(message.Block2, 500, true, 0)),
		plain("2.04 last number", codes.Changed, block, etag, blockOption(message.Block2, 1<<20-1, true, 6)),
		plain("2.04 Size2", codes.Changed, block, etag, blockOption(message.Block2, 0, true, 6), uintOption(message.Size2, 1<<32-1)),
		plain("2.31", codes.Continue, nil, blockOption(message.Block1, 1, true, 6)),
		plain("2.31 of the last", codes.Continue, nil, blockOption(message.Block1, 2, true, 6)),
		plain("2.31 tiny", codes.Continue, nil, blockOption(message.Block1, 0, true, 0)),
		plain("2.31 Echo", codes.Continue, nil, blockOption(message.Block1, 0, true, 6), echoOption([]byte("notanecho"))),
		plain("4.00", codes.BadRequest, nil),
		plain("4.01", codes.Unauthorized, nil),
		plain("4.01 Echo", codes.Unauthorized, nil, echoOption([]byte("notanecho"))),
		plain("4.08", codes.RequestEntityIncomplete, nil),
		plain("4.08 list", codes.RequestEntityIncomplete, []byte{0, 1, 2, 24, 200, 26, 255, 255, 255, 255}, list),
		plain("4.08 beyond", codes.RequestEntityIncomplete, []byte{26, 255, 255, 255, 255, 0}, list),
		plain("4.13", codes.RequestEntityTooLarge, nil),
		plain("4.13 tiny", codes.RequestEntityTooLarge, nil, blockOption(message.Block1, 0, true, 0)),
		plain("4.29", codes.TooManyRequests, nil, uintOption(message.MaxAge, 1<<31)),
		plain("5.03", codes.ServiceUnavailable, nil, uintOption(message.MaxAge, 1<<31)),
	}
}

// TestGuessesTowardDevice: who knows the address of a device in a handshake, but sees nothing
// of it, floods it with answers of every kind. The handshake takes a round trip all the same,
// and opens the session. Of ACK and RST, which bear no token, each message ID is tried.
func TestGuessesTowardDevice(t *testing.T) {
	for _, a := range answers() {
		t.Run(a.name, func(t *testing.T) {
			scenario(t, quiet, func(t *testing.T, w *world) {
				f := newForger(t)
				time.AfterFunc(rtt/10, func() { // they arrive before the first answer
					for id := range int32(1 << 16) {
						if a.name != "ACK" && a.name != "RST" && id%6 > 0 {
							continue
						}
						kind := []message.Type{message.Acknowledgement, message.NonConfirmable, message.Confirmable}[id/6%3]
						w.net.Inject(serverAddr, deviceAddr, a.forge(f, kind, id, f.bytes(4)))
					}
				})
				checkRoundTrips(t, w, config(handshake.XWing, handshake.ModeKEM), 1)
				up, _ := w.traffic()
				t.Logf("%d datagrams, %d B up", up.Datagrams, up.Bytes)
			})
		})
	}
}

// TestGuessesTowardServer: the same toward the server, in the device's name. It costs one round
// trip at most, and none with an Echo; the server keeps what its pool may hold.
func TestGuessesTowardServer(t *testing.T) {
	forgeries := map[string]func(f *forger) []byte{
		"ACK": func(f *forger) []byte { return f.pack(coap.Message{Type: message.Acknowledgement, MessageID: f.id()}) },
		"RST": func(f *forger) []byte { return f.pack(coap.Message{Type: message.Reset, MessageID: f.id()}) },
		"block": func(f *forger) []byte {
			return f.block(f.bytes(3), f.bytes(4), blockOption(message.Block1, f.random.Uint32N(3), true, 6), f.bytes(1024))
		},
		"pull": func(f *forger) []byte {
			return f.block(f.bytes(3), f.bytes(4), blockOption(message.Block2, f.random.Uint32N(3), false, 6), nil)
		},
		"whole": func(f *forger) []byte {
			return f.block(f.bytes(3), f.bytes(4), blockOption(message.Block1, 0, false, 6), f.bytes(200))
		},
		"record": func(f *forger) []byte { return append([]byte{0x33}, f.bytes(40)...) },
		"2.04": func(f *forger) []byte {
			return f.pack(coap.Message{Type: message.Acknowledgement, Code: codes.Changed, MessageID: f.id(), Token: f.bytes(4)})
		},
	}
	for name, forge := range forgeries {
		t.Run(name, func(t *testing.T) {
			scenario(t, quiet, func(t *testing.T, w *world) {
				cfg := config(handshake.XWing, handshake.ModeKEM)
				cfg.Memory = new(node.Memory)
				w.mustDial(cfg).Close() // is given an Echo
				f := newForger(t)
				for range 10_000 {
					w.net.Inject(deviceAddr, serverAddr, forge(f))
				}
				time.Sleep(rtt / 2) // the flood is there when the device begins
				checkRoundTrips(t, w, cfg, 1)
				stranger := w.cost(func() { w.mustDial(config(handshake.XWing, handshake.ModePSK)).Close() })
				lane := w.server.Stats().Lane
				t.Logf("without an Echo %v; %+v", stranger.took, lane)
				if stranger.took > 2*rtt {
					t.Errorf("without an Echo the handshake took %v, want two round trips at most", stranger.took)
				}
				if lane.Unproven > coap.DefaultUnproven.PrefixEntries+10 || lane.Bytes > coap.DefaultUnproven.Bytes {
					t.Errorf("the server keeps %+v", lane)
				}
			})
		})
	}
}

// block is a block of m1, or a pull where payload is nil.
func (f *forger) block(tag, token []byte, block message.Option, payload []byte) []byte {
	m := coap.Message{Type: message.Confirmable, Code: codes.POST, MessageID: f.id(), Token: token, Payload: payload}
	return f.pack(m, message.Option{ID: message.URIPath, Value: []byte("hs")}, block, tagOption(tag))
}

// mostUnderAttack is far more than a device and a server may send within an attack.
const mostUnderAttack = 5000

// onPath has an attacker who sees all datagrams of the plain lane act on each before it
// arrives, for a time. The attacker drops nothing.
func onPath(w *world, d time.Duration, act func(d simnet.Datagram, m coap.Message)) {
	end := time.Now().Add(d)
	seen := 0
	w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
		if seen++; seen == mostUnderAttack {
			w.t.Errorf("%d datagrams under attack: what the attacker says begets more", seen)
		}
		if time.Now().After(end) || isRecordDatagram(d) || seen >= mostUnderAttack {
			return simnet.Verdict{}
		}
		m, err := coap.Parse(d.Payload)
		if err != nil {
			return simnet.Verdict{}
		}
		act(d, m)
		return simnet.Verdict{Hold: time.Millisecond}
	})
}

// settled is the most that a handshake may take once an attack has ended: where it looked as if
// large blocks vanished, the device goes on in small ones.
const settled = 5 * time.Second

// checkSettled dials under an attack of a second and bounds what it costs: the session opens, or
// the device gives up for the hints it got and the next attempt opens it.
func checkSettled(t *testing.T, w *world, attack time.Duration) {
	t.Helper()
	cfg := config(handshake.XWing, handshake.ModeKEM)
	var c *node.Conn
	var err error
	used := w.cost(func() { c, err = w.dial(t.Context(), cfg) })
	again := cost{}
	var hint *session.HintError
	if errors.As(err, &hint) {
		again = w.cost(func() { c, err = w.dial(t.Context(), cfg) })
		if again.took > rtt {
			t.Errorf("the attempt after the attack took %v", again.took)
		}
	}
	stats := w.server.Stats()
	lane := stats.Lane
	t.Logf("%v after the attack (%d datagrams, %d B up, %d B down), hint %v", max(0, used.took-attack), used.datagrams, used.up, used.down, hint)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if used.took > attack+settled {
		t.Errorf("took %v under an attack of %v", used.took, attack)
	}
	if lane.Unproven > coap.DefaultUnproven.PrefixEntries+10 || stats.HalfOpened > 10 {
		t.Errorf("the server keeps %+v, half-opened %d", lane, stats.HalfOpened)
	}
	w.mustExchange(c, 0, 3000, 3000)
	w.handler.once(t, 1)
}

// TestAnswersOnPath: an attacker on the path answers each datagram of the device before the
// server does, with the token and message ID that belong there.
func TestAnswersOnPath(t *testing.T) {
	const attack = time.Second
	for _, a := range answers() {
		for _, kind := range []message.Type{message.Acknowledgement, message.NonConfirmable} {
			t.Run(a.name+" "+kind.String(), func(t *testing.T) {
				scenario(t, quiet, func(t *testing.T, w *world) {
					f := newForger(t)
					onPath(w, attack, func(d simnet.Datagram, m coap.Message) {
						if toServer(d) {
							w.net.Inject(serverAddr, deviceAddr, a.forge(f, kind, m.MessageID, m.Token))
						}
					})
					checkSettled(t, w, attack)
				})
			})
		}
	}
}

// TestBlocksOnPath: an attacker on the path sends blocks of its own under the tag of the
// device, before those of the device.
func TestBlocksOnPath(t *testing.T) {
	const attack = time.Second
	type forgery func(f *forger, m coap.Message) []byte
	replaced := func(f *forger, m coap.Message, b coap.Block, payload []byte) []byte {
		tag, _ := m.Options.GetBytes(optionRequestTag)
		return f.block(tag, m.Token, uintOption(message.Block1, b.Value()), payload)
	}
	forgeries := map[string]forgery{
		"other bytes": func(f *forger, m coap.Message) []byte {
			v, _ := m.Options.GetBytes(message.Block1)
			b, _ := coap.ParseBlock(v)
			return replaced(f, m, b, f.bytes(len(m.Payload)))
		},
		"another end": func(f *forger, m coap.Message) []byte {
			return replaced(f, m, coap.Block{Number: 7, SZX: 6}, []byte("end"))
		},
		"an end before": func(f *forger, m coap.Message) []byte {
			return replaced(f, m, coap.Block{Number: 1, SZX: 6}, []byte("end"))
		},
		"another size": func(f *forger, m coap.Message) []byte {
			return replaced(f, m, coap.Block{Number: 0, More: true, SZX: 0}, f.bytes(16))
		},
		"a whole body": func(f *forger, m coap.Message) []byte {
			return replaced(f, m, coap.Block{Number: 0, SZX: 6}, []byte("all"))
		},
		"the last number": func(f *forger, m coap.Message) []byte {
			return replaced(f, m, coap.Block{Number: 1<<20 - 1, SZX: 6}, []byte("end"))
		},
		"a beginning without end": func(f *forger, m coap.Message) []byte {
			return replaced(f, m, coap.Block{Number: f.random.Uint32N(8), More: true, SZX: 6}, f.bytes(1024))
		},
	}
	for name, forge := range forgeries {
		t.Run(name, func(t *testing.T) {
			scenario(t, quiet, func(t *testing.T, w *world) {
				f := newForger(t)
				onPath(w, attack, func(d simnet.Datagram, m coap.Message) {
					if toServer(d) && m.Code == codes.POST && m.Options.HasOption(message.Block1) {
						w.net.Inject(deviceAddr, serverAddr, forge(f, m))
					}
				})
				checkSettled(t, w, attack)
			})
		})
	}
}

// TestManyTags: one address makes transfers without end, by tags, ports and block numbers as
// high as they go. The server keeps what its pool may hold, and another device gets in.
func TestManyTags(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		f := newForger(t)
		from := netip.MustParseAddrPort("203.0.113.1:5683")
		for i := range uint32(1 << 16) {
			tag := binary.BigEndian.AppendUint32(nil, i)
			block := blockOption(message.Block1, i%8, true, 6)
			payload := f.bytes(1024)
			if i%4 == 3 { // far beyond the largest body
				block, payload = blockOption(message.Block1, 1<<20-1-i, true, 0), payload[:16]
			}
			w.net.Inject(netip.AddrPortFrom(from.Addr(), uint16(1+i%60000)), serverAddr, f.block(tag, f.bytes(4), block, payload))
		}
		time.Sleep(rtt)
		lane := w.server.Stats().Lane
		t.Logf("%+v", lane)
		if lane.Unproven > coap.DefaultUnproven.PrefixEntries+10 || lane.Entries != lane.Unproven {
			t.Errorf("%d entries, %d of them unproven: one network may have %d", lane.Entries, lane.Unproven, coap.DefaultUnproven.PrefixEntries)
		}
		checkRoundTrips(t, w, config(handshake.XWing, handshake.ModeKEM), 1)
	})
}

// TestReplayedOnPath: copies of all that was ever sent come again, both ways, in another order,
// while another handshake is made. Each request is handled once.
func TestReplayedOnPath(t *testing.T) {
	scenario(t, quiet, func(t *testing.T, w *world) {
		f := newForger(t)
		var seen []simnet.Datagram
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			seen = append(seen, d)
			for range 3 {
				if old := seen[f.random.IntN(len(seen))]; toServer(d) {
					w.net.Inject(old.From, old.To, old.Payload)
				}
			}
			return simnet.Verdict{}
		})
		for n := range uint32(5) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			c, err := w.dial(ctx, config(handshake.XWing, handshake.ModeKEM))
			if err != nil {
				t.Fatal(err)
			}
			w.mustExchange(c, n, 3000, 3000)
			c.Close()
			cancel()
		}
		w.handler.once(t, 5)
	})
}
