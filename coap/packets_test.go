package coap

import "testing"

func TestPacketsMessageIDs(t *testing.T) {
	var p packets
	p.first = 65000
	seen := make(map[uint16]bool)
	for range 1 << 16 {
		_, id := p.add(at(0), newItem())
		if seen[id] {
			t.Fatalf("message ID %d is used twice among 65,536", id)
		}
		seen[id] = true
	}
	if len(p.ring) > mostPackets {
		t.Errorf("%d packets are kept", len(p.ring))
	}
	kept := &item{listed: true}
	_, id := p.add(at(0), kept)
	for range mostPackets - 1 {
		p.add(at(0), &item{listed: true})
	}
	if got := p.take(id); got.item != kept {
		t.Error("a packet still needed was dropped")
	}
	if got := p.take(id); got.item != nil {
		t.Error("a packet is answered twice")
	}
	if got := p.take(id - 1000); got.item != nil {
		t.Error("an old message ID is known")
	}
	if got := p.take(id + 1000); got.item != nil {
		t.Error("a message ID that was never used is known")
	}
}
