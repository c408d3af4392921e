package matrix

import (
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// Nothing larger than the path carries arrives.
func TestWorldMTU(t *testing.T) {
	made, err := identities()
	if err != nil {
		t.Fatal(err)
	}
	c := cell(handshake.XWing)
	c.MTU = 500
	w := newWorld(c, made[c.Suite], 1, 1)
	w.run()
	if w.result.Datagrams == 0 {
		t.Error("nothing was sent")
	}
	w.flights = nil
	w.device, err = session.NewDevice(w.now, session.DeviceConfig{
		Server: w.id.server.ServerCredential(), Rand: w.random,
	}, &w.out)
	if err != nil {
		t.Fatal(err)
	}
	sent, large := 0, 0
	for _, datagram := range w.out.All() {
		sent++
		if len(datagram) > c.Payload() {
			large++
		}
	}
	w.send(true)
	if large == 0 || len(w.flights) != sent-large {
		t.Errorf("%d of %d datagrams are too large, %d are under way", large, sent, len(w.flights))
	}
}
