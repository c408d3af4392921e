package record

import (
	"bytes"
	"errors"
	"testing"
)

// Each field out of its range, in a state that is valid but for it.
func TestStateRefused(t *testing.T) {
	for name, change := range map[string]func(c *Control){
		"nothing":                 func(*Control) {},
		"suite":                   func(c *Control) { c.conn.suite = 0x1303 },
		"suite of other secrets":  func(c *Control) { c.conn.suite = AES256GCMSHA384 },
		"send secret":             func(c *Control) { c.conn.send.secret = c.conn.send.secret[1:] },
		"send epoch 2":            func(c *Control) { c.conn.send.epoch = 2 },
		"send epoch too high":     func(c *Control) { c.conn.send.epoch = firstEpoch + 1<<16 + 1 },
		"next beyond the limit":   func(c *Control) { c.conn.send.next = sealLimit + 1 },
		"known beyond next":       func(c *Control) { c.conn.send.known = c.conn.send.next + 1 },
		"send ID":                 func(c *Control) { c.conn.send.id = ConnectionID{size: 2} },
		"receive ID":              func(c *Control) { c.conn.receiveID = ConnectionID{size: 3} },
		"receive secret":          func(c *Control) { c.conn.receive[0].secret = nil },
		"epochs far apart":        func(c *Control) { c.conn.receive[0].epoch++ },
		"the same epoch twice":    func(c *Control) { c.conn.receive[1].epoch++ },
		"failures":                func(c *Control) { c.conn.receive[1].failed = failedLimit + 1 },
		"window":                  func(c *Control) { c.conn.receive[0].window.next = 1<<48 + 1 },
		"message_seq":             func(c *Control) { c.message = 1<<16 + 1 },
		"expected message_seq":    func(c *Control) { c.expected = 1<<16 + 1 },
		"a request of no update":  func(c *Control) { c.request = true },
		"unknown message":         func(c *Control) { c.out.Type = 20 },
		"body of a KeyUpdate":     func(c *Control) { c.out.Body = nil },
		"message of another turn": func(c *Control) { c.out.Sequence++ },
		"record not sent yet":     func(c *Control) { c.out.sent = []uint64{1} },
		"too many records":        func(c *Control) { c.out.sent = make([]uint64, sentMemory+1) },
	} {
		conn, _ := testPair(t, AES128GCMSHA256, testID(t, "4711"))
		c := NewControl(conn, ControlConfig{}, testTime)
		if err := conn.updateReceive(); err != nil {
			t.Fatal(err)
		}
		c.Update(false)
		if _, err := c.Append(testTime, nil, true); err != nil {
			t.Fatal(err)
		}
		change(c)
		state, err := c.Export()
		if err != nil {
			t.Fatal(err)
		}
		want := ErrState
		if name == "nothing" {
			want = nil
		}
		if _, _, err := Restore(state.Bytes(), ControlConfig{}, testTime); !errors.Is(err, want) {
			t.Errorf("%s: error = %v, want %v", name, err, want)
		}
	}
}

// Whatever bytes are restored: no panic, and what is accepted is what it says.
func FuzzRestore(f *testing.F) {
	for _, b := range exported(f) {
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		conn, control, err := Restore(bytes.Clone(b), ControlConfig{}, testTime)
		if err != nil {
			if !errors.Is(err, ErrState) || conn != nil || control != nil {
				t.Fatalf("error = %v, %v, %v", err, conn, control)
			}
			return
		}
		n := conn.Next()
		if _, err := control.Append(testTime, nil, true); err != nil && !errors.Is(err, ErrLimit) {
			t.Fatal(err)
		}
		if m := conn.Next(); m.less(n) {
			t.Fatalf("goes on from %v after %v", m, n)
		}
	})
}
