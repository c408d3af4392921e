// Package simnet is a UDP network in memory for tests of anything with time or loss.
//
// Start with [New] inside a [testing/synctest] bubble: an hour of retransmissions then
// takes milliseconds, and the seed replays a failure.
//
//	synctest.Test(t, func(t *testing.T) {
//		n := simnet.New(1, simnet.Link{Delay: 50 * time.Millisecond, Loss: 0.1})
//		defer n.Close()
//		n.TraceOnFailure(t)
//		server := n.Listen(netip.MustParseAddrPort("192.0.2.1:5688"))
//		device := n.Listen(netip.MustParseAddrPort("198.51.100.1:0"))
//		...
//	})
//
// The fate of a datagram is drawn from a generator that belongs to its flow, the pair of
// its addresses with ports, so what the scheduler does to other flows does not change it.
// Datagrams that arrive in one instant arrive in the order of their addresses, then of
// their sending. What stays to the scheduler: which of two goroutines that write in the
// same instant to one flow, through one filter or into one queue of a link comes first.
//
// A Network starts no goroutine that outlives the delivery of a datagram. All methods are
// safe for concurrent use. Outside a bubble the same code runs on real time.
package simnet

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// firstEphemeral is the first port given to a Listen with port 0 (RFC 6335 section 6).
const firstEphemeral = 49152

// A Network carries datagrams between its Conns.
type Network struct {
	seed  uint64
	start time.Time

	filterMu sync.Mutex // serializes calls of the filter; never taken with mu held

	mu       sync.Mutex
	filter   func(Datagram) Verdict
	fallback Link
	paths    map[pair]*path
	flows    map[flowKey]*flow
	conns    map[netip.AddrPort]*Conn
	pending  arrivals
	timer    *time.Timer
	closed   bool
	tracing  bool
	events   []Event
}

// New returns a network where every direction is the given link until SetLink says
// otherwise. In a test under synctest it is called inside the bubble.
func New(seed uint64, l Link) *Network {
	l.check()
	return &Network{
		seed:     seed,
		start:    time.Now(),
		fallback: l,
		paths:    make(map[pair]*path),
		flows:    make(map[flowKey]*flow),
		conns:    make(map[netip.AddrPort]*Conn),
	}
}

// SetLink gives datagrams from one host to another a link of their own, from now on.
// The other direction is another call.
func (n *Network) SetLink(from, to netip.Addr, l Link) {
	l.check()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.path(from, to).link = l
}

// Listen opens a socket. Port 0 takes the next free port of that host. It panics where
// the address is not valid or in use: that is a mistake in the test.
func (n *Network) Listen(addr netip.AddrPort) *Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr = n.bindable(addr)
	c := &Conn{network: n, local: addr, public: addr}
	c.arrived.L = &n.mu
	n.conns[addr] = c
	return c
}

// bindable returns addr with a port, or panics.
func (n *Network) bindable(addr netip.AddrPort) netip.AddrPort {
	addr = unmap(addr)
	if !addr.IsValid() || addr.Addr().IsUnspecified() {
		panic(fmt.Sprintf("simnet: cannot listen on %v", addr))
	}
	for port := uint16(firstEphemeral); addr.Port() == 0; port++ {
		if port == 0 {
			panic(fmt.Sprintf("simnet: no port left on %v", addr.Addr()))
		}
		if next := netip.AddrPortFrom(addr.Addr(), port); n.conns[next] == nil {
			addr = next
		}
	}
	if n.conns[addr] != nil {
		panic(fmt.Sprintf("simnet: %v is in use", addr))
	}
	return addr
}

// Inject sends a datagram that no Conn wrote, under any address, over the link between
// the two hosts. No filter sees it, and it does not change what befalls others.
func (n *Network) Inject(from, to netip.AddrPort, payload []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := flowKey{unmap(from), unmap(to), true}
	n.transmit(key, n.flow(key).next(), payload, 0)
}

// Close closes every Conn and forgets what is under way.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	n.pending = nil
	if n.timer != nil {
		n.timer.Stop()
	}
	for _, c := range n.conns {
		c.close()
	}
	return nil
}

// transmit puts one datagram on the link. The caller keeps payload. n.mu is held.
func (n *Network) transmit(key flowKey, index int, payload []byte, hold time.Duration) {
	now := time.Now()
	p := n.path(key.from.Addr(), key.to.Addr())
	event := newEvent(now.Sub(n.start), key, index, payload)
	f := n.flow(key).draw(p.link, len(payload)) // always drawn, so that the next one's fate stays the same
	departs, refused := p.admit(now, len(payload))
	switch {
	case refused != "":
		event.Fate = refused
	case f.lost:
		event.Fate = Lost
	default:
		event.Fate = f.name()
		event.Arrives = departs.Add(hold + f.delays[0]).Sub(n.start)
		for _, delay := range f.delays {
			n.schedule(departs.Add(hold+delay), key, index, f.apply(payload))
		}
	}
	p.counters.count(f, event)
	n.record(event)
}

func (n *Network) path(from, to netip.Addr) *path {
	key := pair{from.Unmap(), to.Unmap()}
	p := n.paths[key]
	if p == nil {
		p = &path{link: n.fallback}
		n.paths[key] = p
	}
	return p
}

func (n *Network) flow(key flowKey) *flow {
	f := n.flows[key]
	if f == nil {
		f = newFlow(n.seed, key)
		n.flows[key] = f
	}
	return f
}

// unmap makes an IPv4 address in IPv6 form the same as its short form, as a socket does.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
