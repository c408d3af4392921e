package node

import (
	"net/netip"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// echoLife is how long the Echo of an m2 is worth sending (docs/protocol.md section 8).
const echoLife = 24 * time.Hour

// A Memory keeps what makes the next handshake with a server quicker: its Echo and the
// round-trip time. The zero value is ready to use, by many connections at once. It holds
// nothing secret.
type Memory struct {
	mu      sync.Mutex
	servers map[netip.AddrPort]remembered
}

type remembered struct {
	echo   []byte
	echoAt time.Time
	rtt    coap.RTT
}

// of is what is known of a server. A nil Memory knows nothing.
func (m *Memory) of(server netip.AddrPort, now time.Time) (echo []byte, rtt coap.RTT) {
	if m == nil {
		return nil, coap.RTT{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.servers[server]
	if now.Sub(r.echoAt) > echoLife {
		r.echo = nil
	}
	return r.echo, r.rtt
}

// note remembers the outcome of a handshake.
func (m *Memory) note(server netip.AddrPort, now time.Time, result *handshake.Result, rtt coap.RTT) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.servers == nil {
		m.servers = make(map[netip.AddrPort]remembered)
	}
	m.servers[server] = remembered{echo: result.Peer.Echo, echoAt: now, rtt: rtt}
}
