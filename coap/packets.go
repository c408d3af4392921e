package coap

import "time"

const (
	firstPackets = 16  // a peer that sends one message at a time needs no more
	mostPackets  = 512 // well below the 65,536 message IDs, so that none is used twice at a time
)

// A packet is one copy of an item.
type packet struct {
	sequence uint64
	at       time.Time
	item     *item
}

// packets are the newest copies sent, found by message ID without a search: IDs are
// sequence numbers modulo 2^16 from a random start (RFC 7252 section 4.4).
type packets struct {
	first uint16
	next  uint64   // sequence number
	ring  []packet // a power of two
}

// add takes a copy of it in, nil for a message that expects no answer, and returns its
// sequence number and message ID. Old copies make room.
func (p *packets) add(now time.Time, it *item) (uint64, uint16) {
	if len(p.ring) == 0 {
		p.next = 1
		p.ring = make([]packet, firstPackets)
	}
	for len(p.ring) < mostPackets && p.slot(p.next).needed() {
		p.double()
	}
	sequence := p.next
	p.next++
	*p.slot(sequence) = packet{sequence, now, it}
	return sequence, p.first + uint16(sequence)
}

func (k *packet) needed() bool { return k.item != nil && k.item.listed }

func (p *packets) slot(sequence uint64) *packet { return &p.ring[sequence&uint64(len(p.ring)-1)] }

func (p *packets) double() {
	old := p.ring
	p.ring = make([]packet, 2*len(old))
	for _, k := range old {
		if k.item != nil {
			*p.slot(k.sequence) = k
		}
	}
}

// take returns the copy with a message ID and forgets it: the second answer to one copy
// says nothing new.
func (p *packets) take(id uint16) packet {
	k := p.find(id)
	if k == nil {
		return packet{}
	}
	found := *k
	k.item = nil
	return found
}

// find returns the copy with a message ID, nil if it is not known any more.
func (p *packets) find(id uint16) *packet {
	back := uint64(p.first + uint16(p.next) - id)
	if back == 0 || back > uint64(len(p.ring)) || back >= p.next {
		return nil
	}
	if k := p.slot(p.next - back); k.sequence == p.next-back && k.item != nil {
		return k
	}
	return nil
}
