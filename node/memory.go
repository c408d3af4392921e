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

// pathLife is how long a path is taken to carry no more than it was found to: one that has
// become better is used as it is after a day, and one that has not costs some round trips.
const pathLife = 24 * time.Hour

// A Memory keeps what makes the next handshake with a server quicker: its Echo, the round-trip
// time, and the size of datagrams that the path carries where that is less than configured. The
// zero value is ready to use, by many connections at once. It holds nothing secret.
type Memory struct {
	mu      sync.Mutex
	servers map[netip.AddrPort]remembered
}

type remembered struct {
	echo   []byte
	echoAt time.Time
	rtt    coap.RTT
	path   int // UDP payload, 0 where nothing is known
	pathAt time.Time
}

// of is what is known of a server. A nil Memory knows nothing.
func (m *Memory) of(server netip.AddrPort, now time.Time) remembered {
	if m == nil {
		return remembered{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.servers[server]
	if now.Sub(r.echoAt) > echoLife {
		r.echo = nil
	}
	if now.Sub(r.pathAt) >= pathLife {
		r.path = 0
	}
	return r
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
	r := m.servers[server]
	r.rtt = rtt
	if result.Peer.Echo != nil { // a resumption brings none
		r.echo, r.echoAt = result.Peer.Echo, now
	}
	m.servers[server] = r
}

// notePath remembers what a path carries, if that is less than it was tried with.
func (m *Memory) notePath(server netip.AddrPort, now time.Time, path, configured int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, known := m.servers[server]
	switch {
	case !known || r.path == path && now.Sub(r.pathAt) < pathLife:
		return
	case path < configured:
		r.path, r.pathAt = path, now
	default:
		r.path = 0
	}
	m.servers[server] = r
}
