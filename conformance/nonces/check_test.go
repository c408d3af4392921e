package nonces

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/record"
)

var peer = netip.MustParseAddrPort("198.51.100.7:40000")

// A talk is a session whose records are checked.
type talk struct {
	t              *testing.T
	device, server *record.Conn
	control        *record.Control // of the device
	log            []byte
	seen           []Datagram
}

func newTalk(t *testing.T) *talk {
	t.Helper()
	up, down, cid := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32), []byte{7}
	id, err := record.NewConnectionID(cid)
	if err != nil {
		t.Fatal(err)
	}
	c := &talk{t: t, log: fmt.Appendf(nil, "handshake 00 %d %x %x %x %032x\n", 0x1301, cid, up, down, 99)}
	if c.device, err = record.NewConn(record.Config{Suite: 0x1301, SendSecret: up, ReceiveSecret: down, SendID: id}); err != nil {
		t.Fatal(err)
	}
	if c.server, err = record.NewConn(record.Config{Suite: 0x1301, SendSecret: down, ReceiveSecret: up, ReceiveID: id}); err != nil {
		t.Fatal(err)
	}
	c.control = record.NewControl(c.device, record.ControlConfig{}, time.Unix(0, 0))
	return c
}

// say has one side send n records, two to a datagram.
func (c *talk) say(from *record.Conn, n int) {
	c.t.Helper()
	for range n / 2 {
		b, err := from.Seal(nil, record.ApplicationData, []byte("x"), false)
		if err == nil {
			b, err = from.Seal(b, record.ApplicationData, []byte("y"), true)
		}
		if err != nil {
			c.t.Fatal(err)
		}
		c.seen = append(c.seen, Datagram{peer, from == c.device, b})
	}
}

func TestCheck(t *testing.T) {
	c := newTalk(t)
	c.seen = append(c.seen, Datagram{peer, true, []byte{0x44, 2, 0, 0}}) // CoAP
	for range 10 {
		c.say(c.device, 100)
		c.say(c.server, 100)
	}
	report, err := Check(c.seen, c.log, 2000)
	if err != nil || report.Records != 2000 || report.Sessions != 1 || report.Keys != 2 || report.Began["handshake"] != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := Check(c.seen, c.log, 2001); !errors.Is(err, ErrTooFew) {
		t.Errorf("too few: %v", err)
	}
}

func TestCheckTwice(t *testing.T) {
	c := newTalk(t)
	c.say(c.device, 100)
	fork := newTalk(t) // goes on from the same state
	fork.say(fork.device, 2)
	c.seen = append(c.seen, fork.seen...)
	if _, err := Check(c.seen, c.log, 1); !errors.Is(err, ErrTwice) {
		t.Errorf("error %v", err)
	}
}

func TestCheckUnknown(t *testing.T) {
	for name, change := range map[string]func(*Datagram){
		"another ID":          func(d *Datagram) { d.Bytes[1] = 8 },
		"changed":             func(d *Datagram) { d.Bytes[len(d.Bytes)-1] ^= 1 },
		"cut":                 func(d *Datagram) { d.Bytes = d.Bytes[:20] },
		"very short":          func(d *Datagram) { d.Bytes = d.Bytes[:1] },
		"the other direction": func(d *Datagram) { d.Up = false },
	} {
		c := newTalk(t)
		c.say(c.device, 10)
		change(&c.seen[3])
		if _, err := Check(c.seen, c.log, 1); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := newTalk(t)
	c.say(c.server, 2) // to where no device is
	if _, err := Check(c.seen, c.log, 1); !errors.Is(err, ErrUnknown) {
		t.Errorf("to a stranger: %v", err)
	}
}

// A reset has no key; only one that a session's device can know is let pass.
func TestCheckReset(t *testing.T) {
	c := newTalk(t)
	token := make([]byte, 16)
	token[15] = 0x99
	c.log = bytes.Replace(c.log, fmt.Appendf(nil, "%032x", 99), fmt.Appendf(nil, "%x", token), 1)
	c.seen = append(c.seen, Datagram{peer, false, append([]byte{0x21, 2, 3, 4, 5}, token...)})
	if report, err := Check(c.seen, c.log, 0); err != nil || report.Resets != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	c.seen[0].Bytes[20] ^= 1
	if _, err := Check(c.seen, c.log, 0); !errors.Is(err, ErrUnknown) {
		t.Errorf("a token that is nobody's: %v", err)
	}
}

// A new key begins at number 0 and is another key.
func TestCheckUpdate(t *testing.T) {
	c := newTalk(t)
	c.say(c.device, 10)
	now := time.Unix(1, 0)
	peerControl := record.NewControl(c.server, record.ControlConfig{}, now)
	c.control.Update(false)
	exchange := func(from *record.Control, to *record.Conn, at *record.Control, up bool) {
		b, err := from.Append(now, nil, true)
		if err != nil || len(b) == 0 {
			t.Fatalf("nothing to send: %v", err)
		}
		c.seen = append(c.seen, Datagram{peer, up, bytes.Clone(b)})
		r, _, err := to.Open(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := at.Handle(now, r); err != nil {
			t.Fatal(err)
		}
	}
	exchange(c.control, c.server, peerControl, true)
	exchange(peerControl, c.device, c.control, false)
	c.say(c.device, 10)
	report, err := Check(c.seen, c.log, 22)
	if err != nil || report.Keys != 3 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestParseLog(t *testing.T) {
	for _, line := range []string{"x", "handshake 00 4865 zz 00 00 00", "handshake 00 x 07 00 00 00", "a b c"} {
		if _, err := parseLog([]byte(line + "\n")); !errors.Is(err, ErrLog) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestClosest(t *testing.T) {
	for _, tt := range []struct{ next, low, want uint64 }{
		{0, 0, 0}, {0, 255, 255}, {256, 255, 255}, {257, 0, 256}, {300, 200, 200}, {300, 44, 300}, {500, 0, 512},
	} {
		if got := closest(tt.next, tt.low, 8); got != tt.want {
			t.Errorf("closest(%d, %d) = %d, want %d", tt.next, tt.low, got, tt.want)
		}
	}
}
