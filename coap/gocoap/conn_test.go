package gocoap

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/pqcoap/pqcoap/coap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConnEnds: when the session ends all that belongs to it does, once and in order, and it is
// dropped.
func TestConnEnds(t *testing.T) {
	p := newPeer(t)
	c := Conn(p)
	if Conn(p) != c || c.RemoteAddr().String() != "198.51.100.7:40000" {
		t.Error("not one conn")
	}
	if first := c.Sequence(); c.Sequence() != first+1 {
		t.Error("sequence does not count")
	}
	var order []int
	for i := range 3 {
		c.AddOnClose(func() {
			order = append(order, i)
			if c.Context().Err() == nil {
				t.Error("context is not cancelled")
			}
		})
	}
	serve(t, p.request(coap.GET), nothing) // stays open
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	<-c.Done()
	if err := c.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	if !slices.Equal(order, []int{0, 1, 2}) {
		t.Errorf("order %v", order)
	}
	if kept := len(c.(*conn).exchanges); kept != 0 {
		t.Errorf("%d exchanges", kept)
	}
	conns.Lock()
	if conns.of[p] != nil {
		t.Error("not dropped")
	}
	conns.Unlock()
	late := make(chan struct{})
	c.AddOnClose(func() { close(late) })
	<-late
}

func TestNoPeer(t *testing.T) {
	if c := Conn(nil); c != nil {
		t.Errorf("conn %v", c)
	}
}
