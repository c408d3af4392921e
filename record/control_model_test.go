package record

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A modelWorld is two ends on a channel that loses, repeats and reorders, and what is known about
// every record that was ever sealed.
type modelWorld struct {
	*rapid.T
	now    time.Time
	ends   [2]*modelEnd
	counts map[string]int
}

// A modelEnd is one end, with what has left it and has not arrived yet.
type modelEnd struct {
	conn    *Conn
	control *Control
	flying  [][]byte
	sealed  map[RecordNumber]bool // with one key each: secrets follow from each other
	opened  map[RecordNumber]bool
	tickets int // sent
	got     string
}

func newModelWorld(rt *rapid.T, t *testing.T) *modelWorld {
	w := &modelWorld{T: rt, now: testTime, counts: map[string]int{}}
	device, server := testPair(t, AES128GCMSHA256, ConnectionID{})
	for i, c := range []*Conn{device, server} {
		control := NewControl(c, ControlConfig{Grace: time.Second, MaxAge: time.Minute, MaxRecords: 40}, w.now)
		w.ends[i] = &modelEnd{conn: c, control: control, sealed: map[RecordNumber]bool{}, opened: map[RecordNumber]bool{}}
	}
	return w
}

// seal lets an end make a datagram and checks that no number is used twice.
func (w *modelWorld) seal(e *modelEnd, f func() ([]byte, error)) {
	before := e.conn.Next()
	b, err := f()
	if err != nil {
		w.Fatal(err)
	}
	for n := before; n.Sequence < e.conn.Next().Sequence; n.Sequence++ {
		if e.sealed[n] {
			w.Fatalf("record %v sealed twice", n)
		}
		e.sealed[n] = true
	}
	if len(b) > 0 {
		e.flying = append(e.flying, b)
	}
}

func (w *modelWorld) send(e *modelEnd) {
	w.seal(e, func() ([]byte, error) {
		return e.conn.Seal(nil, ApplicationData, fmt.Append(nil, e.conn.Next()), true)
	})
}

func (w *modelWorld) flush(e *modelEnd) {
	e.control.Advance(w.now)
	w.seal(e, func() ([]byte, error) { return e.control.Append(w.now, nil, true) })
}

// deliver gives a datagram of e to its peer.
func (w *modelWorld) deliver(e, peer *modelEnd, datagram []byte) {
	for rest := bytes.Clone(datagram); len(rest) > 0; {
		var r Record
		var err error
		if r, rest, err = peer.conn.Open(rest); err != nil {
			w.counts["not opened"]++
			continue
		}
		n := r.Number()
		switch {
		case !e.sealed[n] || peer.opened[n]:
			w.Fatalf("record %v was not sent, or opened before", n)
		case r.Type == ApplicationData && string(r.Content) != fmt.Sprint(n):
			w.Fatalf("record %v opened as %q", n, r.Content)
		}
		peer.opened[n] = true
		event, err := peer.control.Handle(w.now, r)
		if err != nil {
			w.counts["refused"]++
		}
		if event.Kind == EventTicket {
			peer.got += string(event.Body)
		}
		w.counts[fmt.Sprint("event ", event.Kind)]++
	}
	w.flush(peer)
}

// take removes one datagram of those on their way, if there is one.
func (w *modelWorld) take(e *modelEnd, again bool) []byte {
	if len(e.flying) == 0 {
		return nil
	}
	i := rapid.IntRange(0, len(e.flying)-1).Draw(w.T, "which")
	b := e.flying[i]
	if !again {
		e.flying = append(e.flying[:i:i], e.flying[i+1:]...)
	}
	return b
}

// sleep puts an end into bytes and wakes it from them.
func (w *modelWorld) sleep(e *modelEnd) {
	state, err := e.control.Export()
	if err != nil {
		w.Fatal(err)
	}
	old := e.conn
	if e.conn, e.control, err = Restore(state.Bytes(), e.control.cfg, w.now); err != nil {
		w.Fatal(err)
	}
	if _, err := old.Seal(nil, ApplicationData, nil, true); err == nil {
		w.Fatal("an exported Conn seals")
	}
}

func (w *modelWorld) step() {
	i := rapid.IntRange(0, 1).Draw(w.T, "end")
	e, peer := w.ends[i], w.ends[1-i]
	switch rapid.SampledFrom([]string{"send", "send", "deliver", "deliver", "deliver", "deliver", "repeat", "lose",
		"update", "both", "ticket", "time", "flush", "sleep"}).Draw(w.T, "step") {
	case "send":
		w.send(e)
	case "deliver":
		w.deliver(e, peer, w.take(e, false))
	case "repeat":
		w.deliver(e, peer, w.take(e, true))
	case "lose":
		w.take(e, false)
	case "update":
		e.control.Update(false)
	case "both":
		e.control.Update(true)
	case "ticket":
		if err := e.control.Ticket([]byte(fmt.Sprintf("<%d>", e.tickets))); err != nil {
			w.Fatal(err)
		}
		e.tickets++
	case "time":
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(w.T, "ms")) * time.Millisecond)
	case "flush":
		w.flush(e)
	case "sleep":
		w.sleep(e)
	}
}

// calm delivers everything, in order, until nothing is due any more.
func (w *modelWorld) calm() {
	for range 300 {
		quiet := true
		for i, e := range w.ends {
			w.flush(e)
			for _, b := range e.flying {
				w.deliver(e, w.ends[1-i], b)
			}
			quiet = quiet && len(e.flying) == 0 && !e.conn.changing()
			e.flying = nil
		}
		if quiet && w.ends[0].control.Deadline().IsZero() && w.ends[1].control.Deadline().IsZero() {
			return
		}
		w.now = w.now.Add(time.Second)
		for i, e := range w.ends { // a sign of life, where one is waited for; and no key ages
			e.control.since = w.now
			if peer := w.ends[1-i]; peer.control.out.active() || peer.conn.changing() {
				w.send(e)
			}
		}
	}
	w.Fatal("the channel is quiet and the ends are not")
}

// Whatever is lost, late, repeated or asleep: nothing opens wrongly or twice, no nonce is used
// twice under one key, and when the channel is quiet both are in the same epochs, with the last
// ticket delivered once.
func TestControlModel(t *testing.T) {
	total := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w := newModelWorld(rt, t)
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			w.step()
		}
		w.calm()
		for i, e := range w.ends {
			peer := w.ends[1-i]
			send, _ := e.conn.Epochs()
			if _, receive := peer.conn.Epochs(); send != receive || peer.conn.changing() {
				rt.Fatalf("one end sends in epoch %d, the other receives in %d", send, receive)
			}
			if last := fmt.Sprintf("<%d>", e.tickets-1); e.tickets > 0 && !bytes.HasSuffix([]byte(peer.got), []byte(last)) {
				rt.Fatalf("tickets %q, the last is not %s", peer.got, last)
			}
		}
		for k, n := range w.counts {
			total[k] += n
		}
	})
	if testing.Short() { // too few steps to see all of it each time
		return
	}
	for _, want := range []string{"not opened", "refused", "event 1", "event 2", "event 3", "event 4"} {
		if total[want] == 0 {
			t.Errorf("the model never saw %q: %v", want, total)
		}
	}
	t.Log(total)
}
