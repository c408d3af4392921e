package coap

import (
	"slices"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func TestBatch(t *testing.T) {
	var b Batch
	for round := range 2 {
		b.commit(append(b.begin(), "one"...))
		_ = append(b.begin(), "left"...)
		if _, err := b.add(&Message{Type: message.NonConfirmable}); err == nil {
			t.Error("added a message that is not well-formed")
		}
		if n, err := b.add(&Message{Code: codes.GET, MessageID: 1}); n != headerSize || err != nil {
			t.Errorf("added %d bytes, error %v", n, err)
		}
		got := slices.Collect(b.All())
		if b.Len() != 2 || len(got) != 2 || string(got[0]) != "one" || string(got[1]) != "\x40\x01\x00\x01" {
			t.Errorf("round %d: %q", round, got)
		}
		if d := append(b.Datagram(0), '!'); string(b.Datagram(1)) != "\x40\x01\x00\x01" {
			t.Errorf("appending to a datagram (%q) reaches the next", d)
		}
		for range b.All() {
			break
		}
		b.Reset()
	}
}

func TestBatchAllocations(t *testing.T) {
	var b Batch
	m := Message{Code: codes.GET, MessageID: 1}
	if n := testing.AllocsPerRun(100, func() {
		b.Reset()
		for range 8 {
			b.add(&m)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
