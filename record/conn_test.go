package record

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestBothDirections(t *testing.T) {
	for _, suite := range []CipherSuite{AES128GCMSHA256, AES256GCMSHA384} {
		for _, id := range connectionIDs {
			device, server := testPair(t, suite, testID(t, id))
			for seq := range uint64(300) {
				want := fmt.Sprint("message ", seq)
				for _, pair := range [][2]*Conn{{device, server}, {server, device}} {
					if next := pair[0].Next(); next != (RecordNumber{firstEpoch, seq}) {
						t.Fatalf("next record %d, want %d", next, seq)
					}
					r, rest, err := pair[1].Open(mustSeal(t, pair[0], want))
					if err != nil || rest != nil {
						t.Fatalf("%v, record %d: rest %x, error %v", suite, seq, rest, err)
					}
					if string(r.Content) != want || r.Sequence != seq || r.Epoch != 3 || !r.Newest || r.Type != ApplicationData {
						t.Fatalf("record %d: %+v", seq, r)
					}
				}
			}
		}
	}
}

// Overhead of the design: 19 or 20 bytes to a device, 20 or 21 and so on to a
// server.
func TestOverhead(t *testing.T) {
	for _, id := range connectionIDs {
		device, _ := testPair(t, AES128GCMSHA256, testID(t, id))
		size := len(id) / 2
		if got := len(mustSeal(t, device, "12345")) - 5; got != 19+size {
			t.Errorf("ID of %d bytes: %d bytes added", size, got)
		}
		device.send.next = 64
		if got := len(mustSeal(t, device, "12345")) - 5; got != 20+size || got != device.Overhead() {
			t.Errorf("ID of %d bytes, 16-bit number: %d bytes added, Overhead %d", size, got, device.Overhead())
		}
	}
}

// A record that the peer acts on confirms those before it.
func TestConfirm(t *testing.T) {
	device, _ := testPair(t, AES128GCMSHA256, ConnectionID{})
	device.send.next = 500
	long := len(mustSeal(t, device, "x"))
	device.Confirm(RecordNumber{firstEpoch, 500})
	if short := len(mustSeal(t, device, "x")); short != long-1 {
		t.Errorf("%d bytes after Confirm, %d before, want one less", short, long)
	}
}

func TestReplay(t *testing.T) {
	device, server := testPair(t, AES256GCMSHA384, testID(t, "07"))
	var records [][]byte
	for range windowSize + 2 {
		records = append(records, mustSeal(t, device, "x"))
	}
	open := func(seq int, want error, newest bool) {
		t.Helper()
		r, _, err := server.Open(bytes.Clone(records[seq]))
		if !errors.Is(err, want) || r.Newest != newest {
			t.Errorf("record %d: newest %v, error = %v, want %v", seq, r.Newest, err, want)
		}
		if err != nil && !errors.Is(err, ErrRejected) {
			t.Errorf("record %d: error %v is not %v", seq, err, ErrRejected)
		}
	}
	open(2, nil, true)
	open(2, ErrReplayed, false)
	// 8-bit numbers of the first 64 records reach back 127.
	open(100, nil, true)
	open(1, nil, false)
	open(1, ErrReplayed, false)
	open(windowSize+1, nil, true)
	open(windowSize+1, ErrReplayed, false)
	open(70, nil, false)
	open(70, ErrReplayed, false)
	if failed := server.receive[0].failed; failed != 0 {
		t.Errorf("%d replays counted as failed", failed)
	}
}

// The right and left edge of the window, with numbers of 16 bits.
func TestWindowOnWire(t *testing.T) {
	device, server := testPair(t, AES128GCMSHA256, ConnectionID{})
	device.send.next = 1000
	var records [][]byte
	for range windowSize + 1 {
		records = append(records, mustSeal(t, device, "x"))
	}
	for _, tc := range []struct {
		i    int
		want error
	}{{windowSize, nil}, {0, ErrReplayed}, {1, nil}, {1, ErrReplayed}, {windowSize - 1, nil}} {
		if _, _, err := server.Open(bytes.Clone(records[tc.i])); !errors.Is(err, tc.want) {
			t.Errorf("record %d: error = %v, want %v", tc.i, err, tc.want)
		}
	}
}

// Whatever is lost, late or repeated: what opens is what was sent, once. With
// confirmations that are late too, every record that is at most 100 out of
// place and not lost does open.
func TestUnreliableNetwork(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		device, server := testPair(t, AES128GCMSHA256, ConnectionID{})
		opened := map[uint64]bool{}
		var waiting []uint64
		records := map[uint64][]byte{}
		for range rapid.IntRange(1, 300).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"send", "send", "deliver", "repeat", "lose", "confirm"}).Draw(rt, "step") {
			case "send":
				seq := device.Next().Sequence
				records[seq], _ = device.Seal(nil, ApplicationData, fmt.Append(nil, seq), true)
				waiting = append(waiting, seq)
			case "deliver":
				if len(waiting) > 0 {
					i := rapid.IntRange(0, min(len(waiting), 100)-1).Draw(rt, "which")
					seq := waiting[i]
					waiting = append(waiting[:i], waiting[i+1:]...)
					late := server.receive[0].window.next > seq+100
					deliver(rt, server, records[seq], seq, opened, !late && !opened[seq])
				}
			case "repeat":
				if n := device.Next().Sequence; n > 0 {
					seq := rapid.Uint64Range(0, n-1).Draw(rt, "again")
					deliver(rt, server, records[seq], seq, opened, false)
				}
			case "lose":
				if len(waiting) > 0 {
					waiting = waiting[1:]
				}
			case "confirm":
				if next := server.receive[0].window.next; next > 0 {
					device.Confirm(RecordNumber{firstEpoch, next - 1})
				}
			}
		}
	})
}

func deliver(t *rapid.T, c *Conn, record []byte, seq uint64, opened map[uint64]bool, must bool) {
	r, _, err := c.Open(bytes.Clone(record))
	switch {
	case err != nil && must:
		t.Fatalf("record %d: %v", seq, err)
	case err == nil && opened[seq]:
		t.Fatalf("record %d opened twice", seq)
	case err == nil && (r.Sequence != seq || string(r.Content) != fmt.Sprint(seq)):
		t.Fatalf("record %d opened as %d with %q", seq, r.Sequence, r.Content)
	case err == nil:
		opened[seq] = true
	}
}

func TestSeveralRecords(t *testing.T) {
	id := testID(t, "4711")
	device, _ := testPair(t, AES256GCMSHA384, id)
	var datagram []byte
	var starts []int
	for i, content := range []string{"first", "second", "third", "last"} {
		starts = append(starts, len(datagram))
		var err error
		if datagram, err = device.Seal(datagram, ApplicationData, []byte(content), i == 3); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name   string
		change func(b []byte)
		want   string // "!" is a rejected record
		after  string // what the genuine datagram then gives
	}{
		{"nothing", func([]byte) {}, "firstsecondthirdlast", "!!!!"},
		{"one forged", func(b []byte) { b[starts[2]-1] ^= 1 }, "first!thirdlast", "!second!!"},
		{"last forged", func(b []byte) { b[len(b)-1] ^= 1 }, "firstsecondthird!", "!!!last"},
		{"an unknown epoch", func(b []byte) { b[starts[1]] ^= 1 }, "first!thirdlast", "!second!!"},
		// RFC 9147 section 4: what follows another connection ID is discarded.
		{"another ID", func(b []byte) { b[starts[1]+1] ^= 1 }, "first!", "!secondthirdlast"},
		{"not a record", func(b []byte) { b[starts[2]] = 0x40 }, "firstsecond!", "!!thirdlast"},
		{"length too large", func(b []byte) { b[starts[1]+4] = 0xff }, "first!", "!secondthirdlast"},
		{"too short for a mask", func(b []byte) { b[starts[1]+5] = 15 }, "first!!", "!secondthirdlast"},
	} {
		_, server := testPair(t, AES256GCMSHA384, id)
		changed := bytes.Clone(datagram)
		tc.change(changed)
		if got := openAll(server, changed); got != tc.want {
			t.Errorf("%s: opened %q, want %q", tc.name, got, tc.want)
		}
		if got := openAll(server, bytes.Clone(datagram)); got != tc.after {
			t.Errorf("%s, then genuine: opened %q, want %q", tc.name, got, tc.after)
		}
	}
}

func openAll(c *Conn, datagram []byte) (contents string) {
	for rest := datagram; len(rest) > 0; {
		var r Record
		var err error
		if r, rest, err = c.Open(rest); err != nil {
			contents += "!"
		}
		contents += string(r.Content)
	}
	return contents
}

// Two epochs are open on receive; the third closes the first.
func TestEpochs(t *testing.T) {
	_, server := testPair(t, AES128GCMSHA256, ConnectionID{})
	senders := map[uint64]*sealer{}
	for epoch := uint64(3); epoch <= 5; epoch++ {
		secret := testSecret(AES128GCMSHA256, byte(epoch-2))
		s, err := newSealer(AES128GCMSHA256, secret, epoch, ConnectionID{})
		if err != nil {
			t.Fatal(err)
		}
		senders[epoch] = s
	}
	install := func(epoch uint64) {
		o, err := newOpener(AES128GCMSHA256, testSecret(AES128GCMSHA256, byte(epoch-2)), epoch)
		if err != nil {
			t.Fatal(err)
		}
		server.install(o)
	}
	open := func(epoch uint64, want error, newest bool) {
		t.Helper()
		b, err := senders[epoch].seal(nil, ApplicationData, []byte("x"), true)
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := server.Open(b)
		if !errors.Is(err, want) || r.Newest != newest || (err == nil && r.Epoch != epoch) {
			t.Errorf("epoch %d: %+v, error = %v, want %v", epoch, r, err, want)
		}
	}
	open(3, nil, true)
	open(4, errEpoch, false)
	install(4)
	open(3, nil, true) // nothing of epoch 4 has been here
	open(4, nil, true)
	open(3, nil, false)
	open(4, nil, true)
	install(5)
	open(3, errEpoch, false)
	open(4, nil, true)
	open(5, nil, true)
	open(4, nil, false)
	if got := server.receive[1].window.next; got != 5 {
		t.Errorf("window of epoch 4 at %d, want 5: epochs share it", got)
	}
}

func TestNeedsRekey(t *testing.T) {
	device, server := testPair(t, AES128GCMSHA256, ConnectionID{})
	if device.NeedsRekey() || server.NeedsRekey() {
		t.Fatal("new keys asked for at once")
	}
	device.send.next = sealNear - 1
	if device.NeedsRekey() {
		t.Error("asked for too early")
	}
	mustSeal(t, device, "x")
	if !device.NeedsRekey() {
		t.Error("not asked for though the limit for sealing is near")
	}
	server.receive[0].failed = failedNear - 1
	forged := mustSeal(t, device, "x")
	forged[len(forged)-1] ^= 1
	if _, _, err := server.Open(forged); !errors.Is(err, ErrRejected) || !server.NeedsRekey() {
		t.Errorf("error %v, or not asked for though the limit for failures is near", err)
	}
}
