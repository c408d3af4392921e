package session

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

// sound fails unless each session has one place, on the heap or in the arena, and whatever finds
// sessions finds it there.
func sound(t testing.TB, s *Server) {
	t.Helper()
	tab := &s.sessions
	ids, atRest, awake, named := make(map[record.ConnectionID]bool), 0, 0, 0
	anonymous := make(map[netip.Prefix]int)
	tab.all(func(session *Session, e entry) {
		id, name, current := record.ConnectionID{}, "", true
		switch {
		case session != nil && e != nil || session == nil && e == nil:
			t.Fatalf("a session is in two places, or in none: %v, %x", session, e)
		case e != nil:
			atRest++
			if id, name = e.id(), string(e.name()); name == "" {
				anonymous[e.network()]++
			}
		default:
			awake++
			id, name, current = session.id, session.name, session.state == confirmed && session.retireAt.IsZero()
			if session.state == confirmed && name == "" {
				anonymous[session.prefix]++
			}
			if session.state == resting || session.state == gone || (session.ch == nil) != (session.state == opening) {
				t.Fatalf("a session in state %d has a place, channel %v", session.state, session.ch)
			}
			if current && !session.timer.Active() {
				t.Fatal("a session that is awake has no timer")
			}
		}
		if ids[id] {
			t.Fatalf("two sessions have ID %v", id)
		}
		ids[id] = true
		found, foundAtRest := tab.get(id)
		if found != session || (foundAtRest == nil) != (e == nil) {
			t.Fatalf("ID %v finds another session", id)
		}
		if other, otherAtRest := tab.device(name); current && name != "" && other == nil && otherAtRest == nil {
			t.Fatalf("device %q has no session", name)
		} else if other != nil && other == session || otherAtRest != nil && otherAtRest.id() == id {
			named++
		}
	})
	if !maps.Equal(anonymous, s.gate.arrivals.anonymous) {
		t.Fatalf("sessions without a name are counted as %v, and are %v", s.gate.arrivals.anonymous, anonymous)
	}
	linked := 0
	for one := tab.oldest; one != nil; one = one.newer {
		if linked++; one.state != confirmed || one.newer == nil && tab.newest != one {
			t.Fatalf("a session in state %d is among those heard", one.state)
		}
	}
	if atRest != tab.arena.Len() || awake != len(tab.awake)-len(tab.vacant) || named != tab.names.len || linked+atRest != tab.confirmed {
		t.Fatalf("%d at rest of %d, %d awake of %d, %d names of %d, %d heard, %d confirmed",
			atRest, tab.arena.Len(), awake, len(tab.awake)-len(tab.vacant), named, tab.names.len, linked, tab.confirmed)
	}
}

// rested has the pair's session rest, and returns it as it was.
func (p *pair) rested() *Session {
	p.t.Helper()
	session := p.server.Device(p.now, "device")
	if session == nil {
		p.t.Fatal("the device has no session")
	}
	p.pass(DefaultRestAfter + 61*time.Second) // no answer is kept any more
	if st := p.server.Stats(); st.Resting != 1 || session.state != resting {
		p.t.Fatalf("%+v: the session does not rest", st)
	}
	sound(p.t, p.server)
	return session
}

// exchange answers a request of the device and fails unless the answer arrives.
func (p *pair) exchange() {
	p.t.Helper()
	id := p.get()
	if p.served() != 1 {
		p.t.Fatal("a request was not served")
	}
	for _, ev := range p.events {
		if ev.Kind == EventResponse && ev.ID == id && ev.Err == nil {
			return
		}
	}
	p.t.Fatal("an answer has not come")
}

// A session that is quiet rests, and nothing of it is left on the heap that could seal. It goes on
// from its entry when the device is heard, or asked.
func TestRest(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	for range 3 {
		p.exchange()
		before := p.server.Device(p.now, "device")
		channel, holder := before.ch, before.Holder()
		p.rested()
		if before.ch != nil || before.Owner != nil || before.timer.Active() {
			t.Error("something is left of the session")
		}
		if _, err := channel.rec.Seal(nil, record.ApplicationData, []byte("x"), true); !errors.Is(err, record.ErrExported) {
			t.Errorf("the session that rests can seal: %v", err)
		}
		p.exchange()
		after := p.server.Device(p.now, "device")
		if after == before || after.Holder() != holder || after.ID() != before.ID() || after.Peer() != p.from || after.Suite() != before.Suite() {
			t.Errorf("another session has woken: %+v", after.Holder())
		}
		sound(t, p.server)
	}
	if st := p.server.Stats(); st.Rested != 3 || st.Woken != 3 || st.Awake != 1 || st.Resting != 0 || st.Sessions != 1 {
		t.Errorf("%+v", st)
	}
	old := p.rested()
	if _, err := p.server.Ping(p.now, old, &p.toDevice); err != nil { // by what it was before
		t.Fatal(err)
	}
	p.run()
	if st := p.server.Stats(); st.Woken != 4 || st.Rejected+st.Replayed != 0 {
		t.Errorf("%+v", st)
	}
	sound(t, p.server)
}

// What is not of the device wakes nothing, and changes nothing but counters: neither junk at a valid
// ID nor what was recorded before.
func TestRestJunk(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	if _, err := p.device.Ping(p.now, &p.toServer); err != nil {
		t.Fatal(err)
	}
	var recorded [][]byte
	for _, b := range p.toServer.All() {
		recorded = append(recorded, bytes.Clone(b))
	}
	p.run()
	p.rested()
	_, e := p.server.sessions.device("device")
	before := slices.Clone(e)
	id := p.device.Result().ConnectionID
	var out Outbox
	for i := range 100 {
		junk := append([]byte{byte(0x30 | i%16)}, id...)
		p.server.Receive(p.now, address, netip.Addr{}, append(junk, make([]byte, i)...), &out)
	}
	for _, b := range recorded {
		p.server.Receive(p.now, address, netip.Addr{}, bytes.Clone(b), &out)
	}
	st := p.server.Stats()
	if st.Woken != 0 || st.Resting != 1 || st.Rejected < 90 || st.Replayed != uint64(len(recorded)) || out.Len() != 0 {
		t.Errorf("%+v, %d datagrams out", st, out.Len())
	}
	_, e = p.server.sessions.device("device")
	changed := 0
	for i := range e {
		if e[i] != before[i] {
			changed++
		}
	}
	if changed != 1 || len(e) != len(before) { // the count of failures
		t.Errorf("%d bytes of the entry have changed", changed)
	}
	p.exchange()
}

// Who keeps something for a session is asked before it rests, and finds it awake if it says no.
func TestRestRefused(t *testing.T) {
	agree, asked := false, 0
	p := newPair(t, lasting(t, func(c *ServerConfig) {
		c.Rest = func(*Session) bool { asked++; return agree }
	}), deviceConfig(handshake.ModeKEM))
	p.confirm()
	session := p.server.Device(p.now, "device")
	session.Owner = "kept"
	p.pass(time.Minute)
	if p.server.Stats().Resting != 0 || session.Owner != "kept" || asked < 2 || asked > 10 {
		t.Errorf("%d at rest, asked %d times", p.server.Stats().Resting, asked)
	}
	agree = true
	p.rested()
}

// A session does not rest before its events are taken: who takes them finds it as it was.
func TestRestEvents(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	session := p.server.Device(p.now, "device")
	p.server.emit(Event{Kind: EventHeard, Session: session})
	for range 5 {
		p.now = p.server.Deadline()
		p.server.Advance(p.now, &p.toDevice)
	}
	if session.state != confirmed {
		t.Fatal("rests with an event that is not taken")
	}
	p.drain()
	p.rested()
}

// A record is waited for, and a device is found, without that its session wakes.
func TestRestListen(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	if _, _, ok := p.server.Find("device"); ok {
		t.Error("a device without a session is found")
	}
	if _, ok := p.server.Heard("device"); ok {
		t.Error("a device without a session was heard")
	}
	p.confirm()
	heard, awake := p.server.Heard("device")
	ref, _, ok := p.server.Find("device")
	p.rested()
	if again, ok := p.server.Heard("device"); !awake || !ok || !again.Equal(heard) {
		t.Errorf("heard %v, then %v", heard, again)
	}
	if again, _, found := p.server.Find("device"); again != ref || !ok || !found {
		t.Errorf("found %v, then %v", ref, again)
	}
	p.server.Listen("device")
	p.server.Listen("nobody")
	if p.server.Stats().Woken != 0 {
		t.Error("the session was woken")
	}
	if _, err := p.device.Ping(p.now, &p.toServer); err != nil {
		t.Fatal(err)
	}
	for _, b := range p.toServer.All() {
		p.server.Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
	}
	p.toServer.Reset()
	if ev, ok := p.server.Next(); !ok || ev.Kind != EventHeard || ev.Session.Ref() != ref {
		t.Errorf("event %+v", ev)
	}
	if got := p.server.Session(p.now, ref); got == nil || got.Device() != "device" {
		t.Errorf("session %v", got)
	}
	p.server.CloseSession(p.now, p.server.Session(p.now, ref), &p.toDevice)
	if p.server.Session(p.now, ref) != nil || p.server.Session(p.now, Ref{}) != nil {
		t.Error("a session that has ended is found")
	}
}

// Whoever holds a session is listed, awake or not, and once.
func TestHolders(t *testing.T) {
	state, authorize := multiplied(t, 5000)
	s := newTestServer(func(c *ServerConfig) { c.Authorize = authorize })
	if err := Load(epoch, state, s); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		s.Device(epoch, fmt.Sprintf("device-%d", i))
	}
	seen, pages := make(map[Holder]bool), 0
	for page, more := (Page{}), true; more; more = page != (Page{}) {
		var list []Holder
		list, page = s.Holders(page)
		for _, h := range list {
			c, err := authorize(h.Suite, h.Credential)
			if seen[h] || err != nil || !h.Admits(c) || h.Admits(Client{Name: "other"}) {
				t.Fatalf("%+v: twice %v, %v", h, seen[h], err)
			}
			seen[h] = true
		}
		pages++
	}
	if len(seen) != 5000 || pages < 5 || len(s.Awake()) != 100 {
		t.Errorf("%d holders on %d pages, %d awake", len(seen), pages, len(s.Awake()))
	}
}

// While too many are awake, those heard longest ago rest, also if they keep answers.
func TestEvict(t *testing.T) {
	const devices, most = 12, 4
	server := newTestServer(func(c *ServerConfig) {
		c.MaxAwake = most
		c.Authorize = func(handshake.Suite, handshake.ClientCredential) (Client, error) { return Client{}, nil }
	})
	now := epoch
	var all []*pair
	for i := range devices {
		p := newPair(t, server, deviceConfig(handshake.ModeNone))
		p.now, p.from = now, netip.AddrPortFrom(address.Addr(), uint16(1000+i))
		p.confirm()
		p.exchange()
		all = append(all, p)
	}
	if st := server.Stats(); st.Awake != devices {
		t.Errorf("%d awake, which were all heard just now", st.Awake)
	}
	for _, p := range all {
		p.now = now.Add(DefaultRestAfter)
		p.exchange()
		sound(t, server)
	}
	if st := server.Stats(); st.Evicted < devices-most || st.Woken < devices-most || st.Sessions != devices {
		t.Errorf("%+v", st)
	}
}

// A device whose session rests has another, which takes its place; the old one is told.
func TestRestReplaced(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.rested()
	old := p.device
	p = p.next(deviceConfig(handshake.ModeKEM))
	p.confirm()
	sound(t, p.server)
	if st := p.server.Stats(); st.Sessions != 2 || st.Woken != 1 {
		t.Errorf("%+v", st)
	}
	for range 4 {
		p.now = p.server.Deadline()
		p.server.Advance(p.now, &p.toDevice)
		p.drain()
	}
	for _, b := range p.toDevice.All() {
		old.Receive(p.now, b, &p.toServer)
	}
	if old.state != closed || p.server.Stats().Sessions != 1 {
		t.Errorf("the old session is in state %d, sessions %d", old.state, p.server.Stats().Sessions)
	}
	sound(t, p.server)
}

// A server that ends tells also the devices whose sessions rest.
func TestRestClosed(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.rested()
	p.server.Close(p.now, &p.toDevice)
	p.run()
	if p.device.state != closed {
		t.Error("the device was not told")
	}
	empty(t, p.server)
}

// A session without a name counts for the network in which its device is, when it rests.
func TestRestNameless(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeNone))
	p.confirm()
	sound(t, p.server)
	session := p.server.Awake()[0]
	moved := netip.MustParseAddrPort("203.0.113.1:1")
	session.ch.path = record.NewPath(moved)
	p.pass(2 * DefaultRestAfter)
	want := map[netip.Prefix]int{netip.MustParsePrefix("203.0.113.0/24"): 1}
	if got := p.server.gate.arrivals.anonymous; !maps.Equal(got, want) || p.server.Stats().Resting != 1 {
		t.Errorf("at rest: %v", got)
	}
	sound(t, p.server)
	if again := p.server.Session(p.now, session.Ref()); again == nil || again.Peer() != moved {
		t.Errorf("woken: %v", again)
	}
	sound(t, p.server)
	p.server.Close(p.now, &p.toDevice)
	if got := p.server.gate.arrivals.anonymous; len(got) != 0 {
		t.Errorf("behind the end: %v", got)
	}
}

// What a device is let in for is saved as it rests, and as it is awake, and comes back either way.
func TestRestSaved(t *testing.T) {
	for _, rests := range []bool{true, false} {
		p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
		p.confirm()
		if rests {
			p.rested()
		}
		state, err := Save(p.server)
		if err != nil {
			t.Fatal(err)
		}
		empty(t, &Server{sessions: p.server.sessions, cfg: p.server.cfg})
		p.server = lasting(t)
		if err := Load(p.now, state, p.server); err != nil || p.server.Stats().Resting != 1 {
			t.Fatalf("%d sessions, %v", p.server.Stats().Resting, err)
		}
		sound(t, p.server)
		p.exchange()
	}
}

// A session whose entry turns out to be none ends when it wakes.
func TestRestBroken(t *testing.T) {
	for name, part := range map[string]func(e entry) []byte{
		"CoAP":    func(e entry) []byte { return e.parts().coap },
		"records": func(e entry) []byte { return e.parts().records },
	} {
		p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
		p.confirm()
		p.rested()
		_, e := p.server.sessions.device("device")
		part(e)[0] ^= 0xFF
		p.get()
		if len(p.ended) != 1 || !errors.Is(p.ended[0].Err, ErrState) || p.server.Stats().Sessions != 0 {
			t.Errorf("%s: %d sessions, ended %v", name, p.server.Stats().Sessions, p.ended)
		}
		sound(t, p.server)
	}
}

// An observation keeps a session awake, of either side.
func TestRestObserved(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	m := coap.Message{Code: coap.GET, Options: message.Options{{ID: message.Observe}}}
	if _, err := p.device.Request(p.now, m, coap.RequestOptions{}, &p.toServer); err != nil {
		t.Fatal(err)
	}
	p.run()
	for _, r := range p.requests {
		answer := *coap.Content(0, []byte("y"))
		answer.Options = append(message.Options{{ID: message.Observe, Value: []byte{1}}}, answer.Options...)
		if err := p.server.Respond(p.now, r.Session, r.ID, answer, nil, &p.toDevice); err != nil {
			t.Fatal(err)
		}
	}
	p.run()
	p.pass(10 * time.Minute)
	if st := p.server.Stats(); st.Resting != 0 || st.Sessions != 1 {
		t.Errorf("%+v", st)
	}
}
