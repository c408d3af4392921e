package simnet

import (
	"net/netip"
	"slices"
	"time"
)

// A Datagram is what a filter sees, before the link has its say.
type Datagram struct {
	From, To netip.AddrPort
	Index    int           // counts from 0 what was written from From to To
	At       time.Duration // since New
	Payload  []byte        // a copy of its own
}

// A Verdict says what becomes of a datagram. The zero value lets it pass. Whatever passes
// goes over the link as any other datagram.
type Verdict struct {
	Drop    bool
	Hold    time.Duration  // later by this much
	Copies  int            // sent so many times more
	Payload []byte         // sent in place of the datagram's where not nil
	From    netip.AddrPort // sender seen by the receiver, where valid
}

// Filter puts f before every link; nil takes it away. It decides about single datagrams by
// what they are, for scenarios such as "the first record is lost" or "m1 comes again from
// another port". Calls come one at a time, so f may keep state; it may call Inject and
// SetLink, and must not write to a Conn.
func (n *Network) Filter(f func(Datagram) Verdict) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.filter = f
}

// write sends what a Conn wrote. It reports false where the Conn is closed.
func (n *Network) write(c *Conn, b []byte, to netip.AddrPort) bool {
	n.mu.Lock()
	if c.closed {
		n.mu.Unlock()
		return false
	}
	key := flowKey{from: c.public, to: to}
	d := Datagram{From: key.from, To: to, Index: n.flow(key).next(), At: time.Since(n.start), Payload: b}
	filter := n.filter
	n.mu.Unlock()

	v := n.judge(filter, d)

	n.mu.Lock()
	defer n.mu.Unlock()
	n.apply(key, d, v)
	return true
}

// judge calls the filter without n.mu, so that the filter can use the network.
func (n *Network) judge(filter func(Datagram) Verdict, d Datagram) Verdict {
	if filter == nil {
		return Verdict{}
	}
	n.filterMu.Lock()
	defer n.filterMu.Unlock()
	d.Payload = slices.Clone(d.Payload)
	return filter(d)
}

// apply carries out a verdict. n.mu is held.
func (n *Network) apply(key flowKey, d Datagram, v Verdict) {
	if v.Drop {
		event := newEvent(d.At, key, d.Index, d.Payload)
		event.Fate = Filtered
		n.path(key.from.Addr(), key.to.Addr()).counters.count(fate{}, event)
		n.record(event)
		return
	}
	payload := d.Payload
	if v.Payload != nil {
		payload = v.Payload
	}
	if v.From.IsValid() {
		key.from = unmap(v.From)
	}
	for range 1 + v.Copies {
		n.transmit(key, d.Index, payload, v.Hold)
	}
}
