package session

import (
	"iter"
	"net/netip"
)

// An Outbox collects outgoing datagrams with their destinations in one buffer, which is
// reused after Reset. The zero value is ready to use. A Device leaves the destination
// invalid: it has one peer.
type Outbox struct {
	buf   []byte
	items []parcel
}

type parcel struct {
	to         netip.AddrPort
	from       netip.Addr
	start, end int
}

// Reset empties the outbox and keeps its memory.
func (o *Outbox) Reset() { o.buf, o.items = o.buf[:0], o.items[:0] }

// Len is the number of datagrams.
func (o *Outbox) Len() int { return len(o.items) }

// All yields the datagrams in order. They are valid until Reset.
func (o *Outbox) All() iter.Seq2[netip.AddrPort, []byte] {
	return func(yield func(netip.AddrPort, []byte) bool) {
		for _, p := range o.items {
			if !yield(p.to, o.buf[p.start:p.end:p.end]) {
				return
			}
		}
	}
}

// At is datagram i, and the address of ours that it leaves from; not valid: any.
func (o *Outbox) At(i int) (to netip.AddrPort, from netip.Addr, datagram []byte) {
	p := &o.items[i]
	return p.to, p.from, o.buf[p.start:p.end:p.end]
}

// add copies a datagram in.
func (o *Outbox) add(to netip.AddrPort, from netip.Addr, datagram []byte) {
	start := len(o.buf)
	o.buf = append(o.buf, datagram...)
	o.items = append(o.items, parcel{to, from, start, len(o.buf)})
}

// commit makes a datagram of what has been appended to buf since start.
func (o *Outbox) commit(to netip.AddrPort, from netip.Addr, start int, buf []byte) {
	o.buf = buf
	o.items = append(o.items, parcel{to, from, start, len(buf)})
}
