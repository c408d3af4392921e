package record

import (
	"errors"
	"testing"
	"time"
)

// offer gives a server the content of a record, sealed in the epoch that the device sends in.
func offer(t *testing.T, device, server *end, now time.Time, typ ContentType, content []byte) (Event, error) {
	t.Helper()
	b, err := device.conn.Seal(nil, typ, content, true)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := server.conn.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	return server.control.Handle(now, r)
}

func update(seq uint16, request byte) []byte {
	return Message{KeyUpdate, seq, []byte{request}}.Append(nil)
}

// What is not acted on is not acknowledged either: its sender repeats it, and nothing changes.
func TestNotActedOn(t *testing.T) {
	for name, tc := range map[string]struct {
		typ     ContentType
		content []byte
		want    error
	}{
		"malformed message": {Handshake, []byte{24, 0, 0}, ErrMessage},
		"unknown message":   {Handshake, Message{20, 0, []byte{0}}.Append(nil), ErrMessage},
		"out of order":      {Handshake, update(1, 0), ErrMessage},
		"malformed ACK":     {ACK, []byte{0, 1, 2}, ErrMessage},
		"ACK of nothing":    {ACK, []byte{0, 0}, nil},
		"ACK of strangers":  {ACK, Acknowledgement{{3, 0}, {3, 1 << 60}, {1 << 60, 0}}.Append(nil), nil},
		"application data":  {ApplicationData, []byte("x"), nil},
		"path message":      {ReturnRoutability, make([]byte, 9), nil},
	} {
		device, server := ends(t, ControlConfig{})
		event, err := offer(t, device, server, testTime, tc.typ, tc.content)
		if !errors.Is(err, tc.want) || event.Kind != EventNone {
			t.Errorf("%s: %+v, error = %v, want %v", name, event, err, tc.want)
		}
		server.expectEpochs(3, 3)
		if server.control.Pending(testTime) || server.control.expected != 0 {
			t.Errorf("%s: something is due", name)
		}
	}
}

// An ACK of another record than one with the message on its way moves no keys.
func TestForeignACK(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	mustSeal(t, server.conn, "record 0")
	server.control.Update(false)
	server.datagram(testTime) // record 1
	for _, n := range []RecordNumber{{3, 0}, {3, 2}, {4, 1}, {2, 1}} {
		if event, err := offer(t, device, server, testTime, ACK, Acknowledgement{n}.Append(nil)); err != nil || event.Kind != EventNone {
			t.Errorf("%v: %+v, %v", n, event, err)
		}
	}
	server.expectEpochs(3, 3)
	event, err := offer(t, device, server, testTime, ACK, Acknowledgement{{3, 0}, {3, 1}, {3, 2}}.Append(nil))
	if err != nil || event.Kind != EventSendEpoch || event.Epoch != 4 {
		t.Errorf("%+v, %v", event, err)
	}
}

// KeyUpdate is the last message of its epoch: another one in that epoch, which is the only one a
// peer can be ahead in, is refused, and the peer is never more than one epoch ahead.
func TestOneEpochAhead(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	for seq, want := range []error{nil, ErrMessage, nil} {
		if seq == 2 { // a duplicate is acknowledged, in the old epoch too
			seq = 0
		}
		if _, err := offer(t, device, server, at(1_000_000*seq), Handshake, update(uint16(seq), 0)); !errors.Is(err, want) {
			t.Errorf("update %d: error = %v, want %v", seq, err, want)
		}
	}
	server.expectEpochs(3, 4)
	if len(server.control.acks) != 2 {
		t.Errorf("%v acknowledged", server.control.acks)
	}
}

// A peer that floods updates gets one a second, and no more answers than that; an honest one
// repeats what came too soon.
func TestFlood(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	accepted, answers := 0, 0
	for ms := 0; ms < 10_000; ms += 10 {
		now := at(ms)
		event, err := offer(t, device, server, now, Handshake, update(uint16(accepted), updateRequested))
		switch {
		case err == nil && event.Kind == EventReceiveEpoch:
			accepted++
			if err := device.conn.updateSend(); err != nil {
				t.Fatal(err)
			}
		case !errors.Is(err, ErrTooOften):
			t.Fatalf("%+v, %v", event, err)
		}
		if b := server.datagram(now); b != nil {
			for rest := b; len(rest) > 0; {
				var r Record
				if r, rest, err = device.conn.Open(rest); err != nil {
					t.Fatal(err)
				}
				if r.Type == Handshake {
					answers++
				}
			}
		}
	}
	if accepted != 10 || answers > maxTries {
		t.Errorf("%d updates accepted in ten seconds, %d answers", accepted, answers)
	}
	if !server.conn.changing() {
		t.Error("one epoch on receive")
	}
}

// Of many repeats the newest are acknowledged, in order, each once.
func TestManyACKs(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	for range maxACKs + 3 {
		if _, err := offer(t, device, server, testTime, Handshake, update(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	r, _, err := device.conn.Open(server.datagram(testTime))
	a, err2 := ParseAcknowledgement(nil, r.Content)
	if err != nil || err2 != nil || len(a) != maxACKs || a[0] != (RecordNumber{3, 3}) {
		t.Errorf("%v, %v, %v", a, err, err2)
	}
}

// Application data costs no allocation in Handle.
func TestHandleAllocatesNothing(t *testing.T) {
	_, server := ends(t, ControlConfig{MaxAge: time.Hour})
	r := Record{Type: ApplicationData, Epoch: 3, Sequence: 1}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := server.control.Handle(testTime, r); err != nil || server.control.Pending(testTime) {
			t.Fatal("something is due")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever an authentic peer puts into a record: no panic, an epoch moves by one at most, and what
// is answered can be sealed.
func FuzzControl(f *testing.F) {
	for _, v := range validMessages {
		f.Add(byte(Handshake), unhex(f, v.hex))
	}
	f.Add(byte(Handshake), update(0, 1))
	for _, v := range validACKs {
		f.Add(byte(ACK), unhex(f, v.hex))
	}
	f.Add(byte(ACK), Acknowledgement{{3, 0}}.Append(nil))
	f.Fuzz(func(t *testing.T, typ byte, content []byte) {
		_, server := ends(t, ControlConfig{})
		server.control.Update(false)
		server.datagram(testTime)
		r := Record{Type: ContentType(typ), Content: content, Epoch: 3, Sequence: 9}
		event, err := server.control.Handle(testTime, r)
		send, receive := server.conn.Epochs()
		moved := map[EventKind][2]uint64{EventSendEpoch: {4, 3}, EventReceiveEpoch: {3, 4}}
		want, ok := moved[event.Kind]
		if !ok {
			want = [2]uint64{3, 3}
		}
		if send != want[0] || receive != want[1] || err != nil && !errors.Is(err, ErrMessage) {
			t.Fatalf("epochs %d and %d, %+v, error %v", send, receive, event, err)
		}
		server.datagram(testTime)
	})
}
