package record

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// An end is one end of a session with its Control, in tests.
type end struct {
	testing.TB
	conn    *Conn
	control *Control
}

// ends returns both ends at testTime.
func ends(t testing.TB, cfg ControlConfig) (device, server *end) {
	d, s := testPair(t, AES128GCMSHA256, testID(t, "4711"))
	return &end{t, d, NewControl(d, cfg, testTime)}, &end{t, s, NewControl(s, cfg, testTime)}
}

var testTime = time.Unix(1_000_000, 0)

// at is testTime and a number of milliseconds.
func at(ms int) time.Time { return testTime.Add(time.Duration(ms) * time.Millisecond) }

// datagram returns what is due, nil if nothing is.
func (e *end) datagram(now time.Time) []byte {
	e.Helper()
	b, err := e.control.Append(now, nil, true)
	if err != nil {
		e.Fatal(err)
	}
	return b
}

// take opens a datagram and returns the events of its records.
func (e *end) take(now time.Time, datagram []byte) (events []Event) {
	e.Helper()
	for rest := bytes.Clone(datagram); len(rest) > 0; {
		var r Record
		var err error
		if r, rest, err = e.conn.Open(rest); err != nil {
			e.Fatal(err)
		}
		event, err := e.control.Handle(now, r)
		if err != nil {
			e.Fatal(err)
		}
		if event.Kind != EventNone {
			event.Body = bytes.Clone(event.Body)
			events = append(events, event)
		}
	}
	return events
}

func (e *end) expect(events []Event, kinds ...EventKind) {
	e.Helper()
	same := len(events) == len(kinds)
	for i := 0; same && i < len(kinds); i++ {
		same = events[i].Kind == kinds[i]
	}
	if !same {
		e.Fatalf("events %+v, want kinds %v", events, kinds)
	}
}

func (e *end) expectEpochs(send, receive uint64) {
	e.Helper()
	if s, r := e.conn.Epochs(); s != send || r != receive {
		e.Fatalf("epochs %d and %d, want %d and %d", s, r, send, receive)
	}
}

func TestKeyUpdate(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	if device.control.Pending(testTime) || device.datagram(testTime) != nil || !device.control.Deadline().IsZero() {
		t.Fatal("something is due before anything is asked for")
	}
	device.control.Update(false)
	update := device.datagram(testTime)
	server.expect(server.take(testTime, update), EventReceiveEpoch)
	server.expectEpochs(3, 4)
	device.expectEpochs(3, 3) // not before the ACK
	if r, _, err := server.conn.Open(mustSeal(t, device.conn, "x")); err != nil || r.Epoch != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	device.expect(device.take(testTime, server.datagram(testTime)), EventSendEpoch)
	device.expectEpochs(4, 3)
	if device.control.Pending(at(100_000)) || server.control.Pending(at(100_000)) {
		t.Error("something is due though all is acknowledged")
	}
}

// Both keys: the peer answers with an update of its own.
func TestUpdateBoth(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	device.control.Update(true)
	server.take(testTime, device.datagram(testTime))
	device.expect(device.take(testTime, server.datagram(testTime)), EventSendEpoch, EventReceiveEpoch)
	server.expect(server.take(testTime, device.datagram(testTime)), EventSendEpoch)
	device.expectEpochs(4, 4)
	server.expectEpochs(4, 4)
}

// Crossed updates that both ask for one of the other: each grants the other's request, and no
// further update follows.
func TestUpdatesCross(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	device.control.Update(true)
	server.control.Update(true)
	up, down := device.datagram(testTime), server.datagram(testTime)
	device.expect(device.take(testTime, down), EventReceiveEpoch)
	server.expect(server.take(testTime, up), EventReceiveEpoch)
	up, down = device.datagram(testTime), server.datagram(testTime)
	device.expect(device.take(testTime, down), EventSendEpoch)
	server.expect(server.take(testTime, up), EventSendEpoch)
	for _, e := range []*end{device, server} {
		e.expectEpochs(4, 4)
		if e.control.Pending(at(600_000)) {
			t.Error("another update follows")
		}
	}
}

// A lost KeyUpdate is repeated as a new record with the same message_seq, and a lost ACK makes the
// peer acknowledge again; any of its records may be named.
func TestUpdateLost(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	device.control.SetTimeout(100 * time.Millisecond)
	device.control.Update(false)
	lost := device.datagram(testTime)
	if device.control.Deadline() != at(100) || device.datagram(at(99)) != nil {
		t.Fatalf("deadline %v", device.control.Deadline())
	}
	second := device.datagram(at(100))
	if second == nil || bytes.Equal(lost, second) || device.control.Deadline() != at(300) {
		t.Fatalf("second %x, deadline %v", second, device.control.Deadline())
	}
	server.expect(server.take(at(100), second), EventReceiveEpoch)
	server.datagram(at(100)) // an ACK that is lost
	server.expect(server.take(at(100), lost))
	server.expectEpochs(3, 4)
	third := device.datagram(at(300))
	server.expect(server.take(at(300), third))
	late := server.datagram(at(300))
	device.expect(device.take(at(300), late), EventSendEpoch)
	device.expectEpochs(4, 3)
}

// Back-off doubles; a peer that stays silent is asked eight times, and again once it is heard.
func TestSilentPeer(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	device.control.SetTimeout(20 * time.Second)
	device.control.Update(false)
	var gaps []time.Duration
	now := testTime
	for tries := 1; ; tries++ {
		if device.datagram(now) == nil {
			t.Fatalf("try %d: nothing is due", tries)
		}
		d := device.control.Deadline()
		if d.IsZero() {
			break
		}
		gaps = append(gaps, d.Sub(now)/time.Second)
		now = d
	}
	if len(gaps) != maxTries-1 || gaps[0] != 20 || gaps[1] != 40 || gaps[2] != 60 || gaps[6] != 60 {
		t.Errorf("gaps of %v s", gaps)
	}
	device.take(at(86_400_000), mustSeal(t, server.conn, "I am awake"))
	again := device.datagram(at(86_400_000))
	if again == nil || device.control.Deadline() != at(86_400_000).Add(20*time.Second) {
		t.Fatal("nothing is due though the peer is back")
	}
	server.take(at(86_400_000), again)
	device.expect(device.take(at(86_400_000), server.datagram(at(86_400_000))), EventSendEpoch)
}

// The older epoch closes a while after the first record of the newer, not before.
func TestGrace(t *testing.T) {
	device, server := ends(t, ControlConfig{Grace: 10 * time.Second})
	device.control.Update(false)
	late := mustSeal(t, device.conn, "late")
	later := mustSeal(t, device.conn, "later")
	server.take(testTime, device.datagram(testTime))
	server.control.Advance(at(1_000_000))
	if !server.conn.changing() || !server.control.Deadline().IsZero() {
		t.Fatal("the old epoch is closed though the peer may have to repeat in it")
	}
	device.take(testTime, server.datagram(testTime))
	server.take(at(1000), mustSeal(t, device.conn, "first of epoch 4"))
	if server.control.Deadline() != at(11_000) {
		t.Fatalf("deadline %v", server.control.Deadline())
	}
	server.control.Advance(at(10_999))
	server.take(at(10_999), late)
	server.control.Advance(at(11_000))
	if _, _, err := server.conn.Open(later); !errors.Is(err, errEpoch) || !server.control.Deadline().IsZero() {
		t.Errorf("error = %v, want %v; deadline %v", err, errEpoch, server.control.Deadline())
	}
}

func TestTicket(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	if err := server.control.Ticket(make([]byte, MaxBody+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error = %v, want %v", err, ErrTooLarge)
	}
	for _, body := range []string{"replaced", "the ticket"} {
		if err := server.control.Ticket([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	server.control.Update(false) // goes after the ticket, in a datagram of its own
	events := device.take(testTime, server.datagram(testTime))
	device.expect(events, EventTicket)
	if string(events[0].Body) != "the ticket" {
		t.Errorf("ticket %q", events[0].Body)
	}
	server.expect(server.take(testTime, device.datagram(testTime)), EventTicketDelivered)
	server.expectEpochs(3, 3)
	device.expect(device.take(testTime, server.datagram(testTime)), EventReceiveEpoch)
	server.expect(server.take(testTime, device.datagram(testTime)), EventSendEpoch)
	server.expectEpochs(4, 3)
}

// Keys are replaced by number, by age when something happens, and near the limits of the AEAD.
func TestTriggers(t *testing.T) {
	cfg := ControlConfig{MaxAge: time.Hour, MaxRecords: 5}
	for name, tc := range map[string]struct {
		prepare func(device *end)
		now     time.Time
		want    []byte // the body of the KeyUpdate
	}{
		"nothing":             {func(*end) {}, at(3_599_999), nil},
		"age":                 {func(*end) {}, at(3_600_000), []byte{0}},
		"records":             {func(e *end) { e.conn.send.next = 5 }, testTime, []byte{0}},
		"limit":               {func(e *end) { e.control.cfg.MaxRecords = 0; e.conn.send.next = sealNear }, testTime, []byte{0}},
		"below the limit":     {func(e *end) { e.control.cfg.MaxRecords = 0; e.conn.send.next = sealNear - 1 }, testTime, nil},
		"failures":            {func(e *end) { e.conn.receive[0].failed = failedNear }, testTime, []byte{1}},
		"failures and age":    {func(e *end) { e.conn.receive[0].failed = failedNear }, at(3_600_000), []byte{1}},
		"a few failures":      {func(e *end) { e.conn.receive[0].failed = failedNear - 1 }, testTime, nil},
		"demand":              {func(e *end) { e.control.Update(false) }, testTime, []byte{0}},
		"demand, both":        {func(e *end) { e.control.Update(true) }, testTime, []byte{1}},
		"both after one":      {func(e *end) { e.control.Update(false); e.control.Update(true) }, testTime, []byte{1}},
		"one after both":      {func(e *end) { e.control.Update(true); e.control.Update(false) }, testTime, []byte{1}},
		"no sequence is left": {func(e *end) { e.control.message = 1 << 16; e.control.Update(true) }, testTime, nil},
	} {
		device, _ := ends(t, cfg)
		tc.prepare(device)
		pending := device.control.Pending(tc.now)
		if pending != (tc.want != nil) || pending && !bytes.Equal(device.control.out.Body, tc.want) {
			t.Errorf("%s: pending %v, body %v, want %v", name, pending, device.control.out.Body, tc.want)
		}
		if !device.control.Deadline().IsZero() && tc.want == nil {
			t.Errorf("%s: deadline %v wakes an idle link", name, device.control.Deadline())
		}
	}
}

// Failures are complained of once an epoch, and the epoch after them begins with none.
func TestFailuresAskOnce(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	device.conn.receive[0].failed = failedLimit - 1
	server.take(testTime, device.datagram(testTime))
	device.take(testTime, server.datagram(testTime))
	if device.conn.NeedsRekey() || device.conn.receive[1].failed == 0 {
		t.Error("failures move with the epoch")
	}
	server.take(testTime, device.datagram(testTime))
	if device.control.Pending(testTime) || server.control.Pending(testTime) {
		t.Error("asked again")
	}
}

func TestExhausted(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	device.control.message, server.control.expected = 1<<16-1, 1<<16-1
	device.control.Update(false)
	server.take(testTime, device.datagram(testTime))
	if device.control.Exhausted() {
		t.Error("exhausted with a message on its way")
	}
	device.expect(device.take(testTime, server.datagram(testTime)), EventSendEpoch)
	device.control.Update(false)
	if !device.control.Exhausted() || device.control.Pending(testTime) {
		t.Error("message_seq wraps")
	}
}
