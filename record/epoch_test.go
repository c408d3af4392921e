package record

import (
	"bytes"
	"errors"
	"testing"
)

// Many epochs, of which the header shows two bits: each record is read with its own keys, as long
// as its epoch is one of the two newest.
func TestEpochsFollow(t *testing.T) {
	device, server := testPair(t, AES256GCMSHA384, testID(t, "4711"))
	var before []byte // sealed in the epoch before, unopened
	for epoch := uint64(firstEpoch); epoch < firstEpoch+10; epoch++ {
		if send, _ := device.Epochs(); send != epoch || device.Next() != (RecordNumber{epoch, 0}) {
			t.Fatalf("epoch %d, next %v, want epoch %d from 0", send, device.Next(), epoch)
		}
		r, _, err := server.Open(mustSeal(t, device, "new"))
		if err != nil || r.Number() != (RecordNumber{epoch, 0}) || !r.Newest {
			t.Fatalf("epoch %d: %+v, %v", epoch, r, err)
		}
		if before != nil {
			if r, _, err := server.Open(before); err != nil || r.Epoch != epoch-1 || r.Newest {
				t.Fatalf("late record of epoch %d: %+v, %v", epoch-1, r, err)
			}
		}
		before = mustSeal(t, device, "late")
		if device.updateSend() != nil || server.updateReceive() != nil {
			t.Fatal("no update")
		}
	}
}

func TestDropOld(t *testing.T) {
	device, server := testPair(t, AES128GCMSHA256, ConnectionID{})
	late := mustSeal(t, device, "late")
	if server.updateReceive() != nil || !server.changing() {
		t.Fatal("no update")
	}
	server.dropOld()
	if _, _, err := server.Open(late); !errors.Is(err, errEpoch) || server.changing() {
		t.Errorf("error = %v, want %v", err, errEpoch)
	}
}

// What confirms a record of an epoch that is over does not shorten the numbers of the next.
func TestConfirmOldEpoch(t *testing.T) {
	device, _ := testPair(t, AES128GCMSHA256, ConnectionID{})
	if err := device.updateSend(); err != nil {
		t.Fatal(err)
	}
	device.send.next = 500
	device.Confirm(RecordNumber{firstEpoch, 499})
	if device.send.known != 0 {
		t.Errorf("known %d after a confirmation of another epoch", device.send.known)
	}
}

func TestRecordNumberOrder(t *testing.T) {
	ordered := []RecordNumber{{3, 0}, {3, 7}, {4, 0}, {4, 1}, {5, 0}}
	for i, a := range ordered {
		for j, b := range ordered {
			if a.less(b) != (i < j) {
				t.Errorf("%v before %v: %v", a, b, a.less(b))
			}
		}
	}
}

// Two directions have nothing to do with each other.
func TestEpochsOfDirections(t *testing.T) {
	device, server := testPair(t, AES128GCMSHA256, ConnectionID{})
	for range 3 {
		if device.updateSend() != nil || server.updateReceive() != nil {
			t.Fatal("no update")
		}
	}
	if r, _, err := device.Open(bytes.Clone(mustSeal(t, server, "x"))); err != nil || r.Epoch != firstEpoch {
		t.Errorf("%+v, %v", r, err)
	}
	send, receive := server.Epochs()
	if send != firstEpoch || receive != firstEpoch+3 {
		t.Errorf("epochs %d and %d", send, receive)
	}
}
