package flood

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mrand "math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// A kind is what attackers send.
type kind struct {
	name     string
	unproven bool
	make     func(m *maker, from netip.Addr) [][]byte // datagrams; nil: no attackers
}

// quiet is the row without attackers.
const quiet = "none"

var kinds = []kind{
	{quiet, false, nil},
	{"no Echo", true, func(m *maker, _ netip.Addr) [][]byte { return m.post(m.junk()) }},
	{"wrong Echo", true, func(m *maker, _ netip.Addr) [][]byte { return m.post(m.junk(), echoOption(m.bytes(24))) }},
	{"junk m1", false, func(m *maker, from netip.Addr) [][]byte {
		return m.post(m.junk(), echoOption(m.echo.AppendLong(nil, time.Now(), from)))
	}},
	{"replayed m1", true, func(m *maker, _ netip.Addr) [][]byte { return m.post(m.good[0]) }},
	{"half-open", true, func(m *maker, _ netip.Addr) [][]byte { return m.post(m.good[m.random.IntN(len(m.good))]) }},
	{"junk records", true, func(m *maker, _ netip.Addr) [][]byte {
		return [][]byte{append(append([]byte{0x33}, m.id...), m.bytes(50)...)}
	}},
	{"fragments", true, func(m *maker, _ netip.Addr) [][]byte {
		return m.post(m.bytes(1500))[:1]
	}},
}

// Kinds are the names of all.
func Kinds() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

func choose(names []string) ([]kind, error) {
	if len(names) == 0 {
		return kinds, nil
	}
	var chosen []kind
	for _, name := range names {
		i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
		if i < 0 {
			return nil, fmt.Errorf("flood: no kind %q: there are %q", name, Kinds())
		}
		chosen = append(chosen, kinds[i])
	}
	return chosen, nil
}

const optionRequestTag = 292 // RFC 9175

func echoOption(value []byte) message.Option { return message.Option{ID: 252, Value: value} } // RFC 9175

// A maker makes what attackers send. It is for one goroutine.
type maker struct {
	random *mrand.Rand
	echo   *coap.EchoKeys // that of the server
	good   [][]byte       // m1 of devices without a name, who never go on
	id     []byte         // of a session that there is
}

// goodOnes is how many handshakes are begun before: making one costs more than refusing it.
const goodOnes = 4096

func newMaker(suite handshake.Suite, server *handshake.ServerCredential, secret [32]byte, id []byte, n int) (*maker, error) {
	m := &maker{random: mrand.New(mrand.NewPCG(1, 2)), echo: coap.NewEchoKeys([32]byte{}, secret), id: id}
	for range n {
		i, err := handshake.NewInitiator(rand.Reader, handshake.InitiatorConfig{Server: server})
		if err != nil {
			return nil, err
		}
		m.good = append(m.good, i.M1())
		i.Close()
	}
	return m, nil
}

func (m *maker) bytes(n int) []byte {
	b := make([]byte, n+7)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], m.random.Uint64())
	}
	return b[:n]
}

// junk is an m1 that is decapsulated and does not open.
func (m *maker) junk() []byte {
	b := bytes.Clone(m.good[m.random.IntN(len(m.good))])
	copy(b[len(b)-8:], m.bytes(8))
	return b
}

// blockSize is that of the blocks of m1, as devices send them: SZX 6.
const blockSize = 1024

// post is an m1 in blocks, all at once.
func (m *maker) post(body []byte, options ...message.Option) (datagrams [][]byte) {
	tag := message.Option{ID: optionRequestTag, Value: m.bytes(4)}
	for number := uint32(0); len(body) > 0; number++ {
		n := min(blockSize, len(body))
		block := coap.Block{Number: number, More: n < len(body), SZX: 6}
		msg := coap.Message{
			Type: message.Confirmable, Code: coap.POST, MessageID: int32(m.random.Uint32N(1 << 16)), Token: m.bytes(4), Payload: body[:n],
			Options: append(message.Options{
				{ID: message.URIPath, Value: []byte("hs")}, {ID: message.Block1, Value: []byte{byte(block.Value())}}, tag,
			}, options...),
		}
		slices.SortStableFunc(msg.Options, func(a, b message.Option) int { return int(a.ID) - int(b.ID) })
		b, err := coap.Append(nil, &msg)
		if err != nil {
			panic("flood: " + err.Error()) // all that it is given is well formed
		}
		datagrams, body = append(datagrams, b), body[n:]
	}
	return datagrams
}
