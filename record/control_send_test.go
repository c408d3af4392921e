package record

import (
	"bytes"
	"errors"
	"testing"
)

// An ACK and a message share a datagram, and another record may follow.
func TestAppendShares(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	device.control.Update(true)
	server.take(testTime, device.datagram(testTime))
	b, err := server.control.Append(testTime, []byte("before"), false)
	if err != nil || !bytes.HasPrefix(b, []byte("before")) {
		t.Fatal(err)
	}
	if b, err = server.conn.Seal(b, ApplicationData, []byte("x"), true); err != nil {
		t.Fatal(err)
	}
	device.expect(device.take(testTime, b[len("before"):]), EventSendEpoch, EventReceiveEpoch)
}

// Where the key is used up nothing is appended and nothing is taken as sent.
func TestAppendAtLimit(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	device.control.Update(true)
	server.take(testTime, device.datagram(testTime))
	for _, left := range []uint64{0, 1} { // not even an ACK; an ACK and no message
		server.conn.send.next = sealLimit - left
		b, err := server.control.Append(testTime, []byte("before"), true)
		if !errors.Is(err, ErrLimit) || string(b) != "before" {
			t.Errorf("%d left: %q, error = %v, want %v", left, b, err, ErrLimit)
		}
		if len(server.control.acks) != 1 || server.control.out.tries != 0 {
			t.Errorf("%d left: taken as sent", left)
		}
	}
}

// A message is acknowledged by any of its last eight records, of which the ACK may be late.
func TestSentMemory(t *testing.T) {
	device, _ := ends(t, ControlConfig{})
	device.control.Update(false)
	device.control.next(testTime)
	for n := range uint64(sentMemory + 2) {
		device.control.sent(testTime, n)
	}
	if got := device.control.out.sent; len(got) != sentMemory || got[0] != 2 {
		t.Errorf("%v remembered", got)
	}
}
