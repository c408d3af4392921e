package record

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

// exported returns states in which every part is used: two epochs on receive, IDs, messages on
// their way and waiting.
func exported(t testing.TB) (states [][]byte) {
	t.Helper()
	for _, suite := range []CipherSuite{AES128GCMSHA256, AES256GCMSHA384} {
		device, server := testPair(t, suite, testID(t, "8001beef"))
		for i, c := range []*Conn{device, server, nil} {
			if c == nil {
				c, _ = testPair(t, suite, ConnectionID{})
			}
			control := NewControl(c, ControlConfig{}, testTime)
			if i > 0 {
				for range 3 {
					if err := c.updateReceive(); err != nil {
						t.Fatal(err)
					}
				}
				c.receive[0].failed, c.receive[1].window = 7, window{next: 99, seen: [4]uint64{1, 2, 3, 1 << 63}}
				control.Update(true)
				if _, err := control.Append(testTime, nil, true); err != nil {
					t.Fatal(err)
				}
				control.request, control.update, control.expected, control.asked = true, true, 3, 6
				if err := control.Ticket([]byte("waits")); err != nil {
					t.Fatal(err)
				}
			}
			state, err := control.Export()
			if err != nil {
				t.Fatal(err)
			}
			states = append(states, state.Bytes())
		}
	}
	return states
}

// Restore and Export are inverse.
func TestStateAgain(t *testing.T) {
	for i, b := range exported(t) {
		_, control, err := Restore(b, ControlConfig{}, testTime.Add(time.Hour))
		if err != nil {
			t.Fatalf("state %d: %v", i, err)
		}
		again, err := control.Export()
		if err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Errorf("state %d: %x, then %x, error %v", i, b, again.Bytes(), err)
		}
	}
}

// A session goes on from the next number, knows what it has received, and repeats what was on its
// way; whoever gave the state away seals nothing more.
func TestSleep(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	early := mustSeal(t, server.conn, "before the sleep")
	device.take(testTime, early)
	mustSeal(t, device.conn, "record 0")
	device.control.Update(false)
	device.datagram(testTime) // record 1, lost
	state, err := device.control.Export()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := device.conn.Seal([]byte("x"), ApplicationData, nil, true); !errors.Is(err, ErrExported) {
		t.Errorf("Seal: error = %v, want %v", err, ErrExported)
	}
	if _, _, err := device.conn.Open(mustSeal(t, server.conn, "x")); !errors.Is(err, ErrExported) || !errors.Is(err, ErrRejected) {
		t.Errorf("Open: error = %v, want %v", err, ErrExported)
	}
	if _, err := device.control.Export(); !errors.Is(err, ErrExported) {
		t.Errorf("Export: error = %v, want %v", err, ErrExported)
	}

	woken := &end{TB: t}
	b := bytes.Clone(state.Bytes())
	state.Wipe()
	morning := testTime.Add(24 * time.Hour)
	if woken.conn, woken.control, err = Restore(b, ControlConfig{}, morning); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if n := woken.conn.Next(); n != (RecordNumber{3, 2}) {
		t.Errorf("goes on from %v, want 2 of epoch 3", n)
	}
	if _, _, err := woken.conn.Open(bytes.Clone(early)); !errors.Is(err, ErrRejected) {
		t.Errorf("replay: error = %v", err)
	}
	server.expect(server.take(morning, woken.datagram(morning)), EventReceiveEpoch)
	woken.expect(woken.take(morning, server.datagram(morning)), EventSendEpoch)
}

// The age of keys counts while asleep; a clock that was set back makes them young.
func TestAgeAsleep(t *testing.T) {
	cfg := ControlConfig{MaxAge: time.Hour}
	for _, tc := range []struct {
		now  time.Time
		want bool
	}{{testTime.Add(time.Hour), true}, {testTime.Add(59 * time.Minute), false}, {testTime.Add(-time.Hour), false}} {
		device, _ := ends(t, cfg)
		state, err := device.control.Export()
		if err != nil {
			t.Fatal(err)
		}
		_, control, err := Restore(state.Bytes(), cfg, tc.now)
		if err != nil || control.Pending(tc.now) != tc.want {
			t.Errorf("%v later: update due %v, want %v; error %v", tc.now.Sub(testTime), !tc.want, tc.want, err)
		}
	}
}

// Where the newer of two epochs has been used, the older closes a while after waking.
func TestGraceAsleep(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	device.control.Update(false)
	server.take(testTime, device.datagram(testTime))
	device.take(testTime, server.datagram(testTime))
	server.take(testTime, mustSeal(t, device.conn, "epoch 4"))
	state, err := server.control.Export()
	if err != nil {
		t.Fatal(err)
	}
	conn, control, err := Restore(state.Bytes(), ControlConfig{}, testTime)
	if err != nil || !conn.changing() || control.Deadline() != testTime.Add(DefaultGrace) {
		t.Errorf("two epochs %v, deadline %v, error %v", conn.changing(), control.Deadline(), err)
	}
}

func TestStateTruncated(t *testing.T) {
	for i, b := range exported(t) {
		for n := range b {
			if c, k, err := Restore(b[:n], ControlConfig{}, testTime); !errors.Is(err, ErrState) || c != nil || k != nil {
				t.Errorf("state %d, %d-byte prefix: error = %v, want %v", i, n, err, ErrState)
			}
		}
		if _, _, err := Restore(append(slices.Clone(b), 0), ControlConfig{}, testTime); !errors.Is(err, ErrState) {
			t.Errorf("state %d and a trailing byte: error = %v, want %v", i, err, ErrState)
		}
	}
}

// A flipped bit is refused or is another state, never the same one.
func TestStateFlipped(t *testing.T) {
	for i, b := range exported(t) {
		for bit := range 8 * len(b) {
			changed := bytes.Clone(b)
			changed[bit/8] ^= 1 << (bit % 8)
			_, control, err := Restore(changed, ControlConfig{}, testTime.Add(time.Hour))
			if err != nil {
				if !errors.Is(err, ErrState) {
					t.Fatalf("state %d, bit %d: error = %v", i, bit, err)
				}
				continue
			}
			if again, err := control.Export(); err != nil || bytes.Equal(again.Bytes(), b) {
				t.Fatalf("state %d, bit %d: the same state, %v", i, bit, err)
			}
		}
	}
}
