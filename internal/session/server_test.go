package session

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/wheel"
	"github.com/pqcoap/pqcoap/record"
)

func TestRequestAndResponse(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.opened()
	id := p.get()
	if len(p.requests) != 1 {
		t.Fatalf("%d requests arrived, want 1", len(p.requests))
	}
	r := p.requests[0]
	if r.Session.Device() != "device" || r.Session.Peer() != address || r.Session.ID() != p.device.Result().SessionID {
		t.Errorf("request of %q at %v in session %x", r.Session.Device(), r.Session.Peer(), r.Session.ID())
	}
	if err := p.server.Respond(p.now, r.Session, r.ID, *coap.Content(0, []byte("y")), nil, &p.toDevice); err != nil {
		t.Fatal(err)
	}
	p.run()
	last := p.events[len(p.events)-1]
	if last.Kind != EventResponse || last.ID != id || string(last.Message.Payload) != "y" {
		t.Errorf("the device got %+v", last)
	}
}

// TestNoDataBeforeConfirmation: m2 alone gives the server nothing to send or to serve.
func TestNoDataBeforeConfirmation(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.opened()
	st := p.server.Stats()
	if st.HalfOpen != 1 || st.Confirmed != 0 || st.Records.DatagramsOut != 0 {
		t.Errorf("half-open %d, confirmed %d, records out %d: want 1, 0, 0", st.HalfOpen, st.Confirmed, st.Records.DatagramsOut)
	}
	p.confirm()
	if st = p.server.Stats(); st.HalfOpen != 0 || st.Confirmed != 1 || st.Sessions != 1 {
		t.Errorf("half-open %d, confirmed %d, sessions %d: want 0, 1, 1", st.HalfOpen, st.Confirmed, st.Sessions)
	}
}

// TestHalfOpenExpires: a half-open session that no record confirms goes after its time, with
// all that it held.
func TestHalfOpenExpires(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.opened()
	p.device.Close(p.now, &Outbox{})
	p.pass(halfOpenTimeout + time.Second)
	if st := p.server.Stats(); st.HalfOpen != 0 || st.Expired != 1 {
		t.Errorf("half-open %d, expired %d: want 0 and 1", st.HalfOpen, st.Expired)
	}
	empty(t, p.server)
}

// empty fails if the server remembers anything of a session.
func empty(t *testing.T, s *Server) {
	t.Helper()
	tab := &s.sessions
	if tab.count.Load() != 0 || tab.names.len != 0 || len(tab.byPrefix) != 0 || tab.unproven.Len() != 0 || len(s.pending.m) != 0 || !s.timers.Next().IsZero() {
		t.Errorf("left behind: %d sessions, %d devices, %d prefixes, %d unproven, %d m1, timer at %v",
			tab.count.Load(), tab.names.len, len(tab.byPrefix), tab.unproven.Len(), len(s.pending.m), s.timers.Next())
	}
	if g := s.cfg.Group; len(g.greeted.m) != 0 || len(s.retiring) != 0 {
		t.Errorf("left behind: %d m1 of the group, %d that retire", len(g.greeted.m), len(s.retiring))
	}
	if tab.oldest != nil || tab.newest != nil || tab.arena.Len() != 0 {
		t.Errorf("left behind: sessions in the order in which they were heard, or %d at rest", tab.arena.Len())
	}
	tab.all(func(session *Session, e entry) { t.Errorf("somebody has a place: %v, %v", session, e) })
	if tab.halfOpen != 0 || tab.confirmed != 0 {
		t.Errorf("counted: %d half-open, %d confirmed: want none", tab.halfOpen, tab.confirmed)
	}
}

// TestHalfOpenBound: one network cannot fill the table, and a full table gives up the oldest
// session of an unproven address.
func TestHalfOpenBound(t *testing.T) {
	server := newTestServer(func(c *ServerConfig) { c.MaxHalfOpen, c.Admission.HalfOpenNetwork = 16, 2 })
	devices := make([]*pair, 0, 20)
	dial := func(i, network int) *pair {
		p := newPair(t, server, deviceConfig(handshake.ModeNone))
		p.from = netip.MustParseAddrPort(fmt.Sprintf("198.51.%d.%d:40000", network, i))
		p.run()
		devices = append(devices, p)
		return p
	}
	for i := range 2 {
		if p := dial(i+1, 1); p.device.state != open {
			t.Fatalf("device %d of the first network was turned away", i)
		}
	}
	if p := dial(3, 1); p.device.state != open { // the Echo that it is asked for gives it a place
		t.Error("who proves its address is turned away for the sake of who does not")
	}
	if got := server.Stats(); got.HalfOpen != 2 || got.Expired != 1 {
		t.Fatalf("%d half-open of a network that may have 2, %d given up", got.HalfOpen, got.Expired)
	}
	for i := range 14 {
		dial(1, 2+i)
	}
	if got := server.Stats().HalfOpen; got != 16 {
		t.Fatalf("%d half-open, want a full table of 16", got)
	}
	if p := dial(1, 100); p.device.state != open {
		t.Error("a full table of unproven sessions turns a new one away")
	}
	if got := server.Stats(); got.HalfOpen != 16 || got.Expired != 2 {
		t.Errorf("%d half-open, %d given up: want 16 and 2", got.HalfOpen, got.Expired)
	}
	for _, p := range devices[:2] {
		p.device.Ping(epoch, &p.toServer)
		p.run()
	}
	if got := server.Stats(); got.UnknownID+got.Rejected != 2 { // an ID may have got a new owner
		t.Errorf("the oldest were not the ones given up")
	}
}

// TestSessionsBound: a full session table turns new ones away with 5.03.
func TestSessionsBound(t *testing.T) {
	server := newTestServer(func(c *ServerConfig) { c.MaxSessions = 1 })
	newPair(t, server, deviceConfig(handshake.ModeNone)).confirm()
	p := newPair(t, server, deviceConfig(handshake.ModeNone))
	p.from = netip.AddrPortFrom(address.Addr(), 40001)
	p.run()
	var hint *HintError
	if !errors.As(p.device.Hint(), &hint) || hint.Code != coap.ServiceUnavailable {
		t.Errorf("hint %v, want 5.03", p.device.Hint())
	}
}

// TestSameM1WhileWorking: an m1 that comes again from another port while its m2 is being made
// waits for that m2; there is no second work.
func TestSameM1WhileWorking(t *testing.T) {
	server := newTestServer(nil)
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.keepWork = true
	var copies [][]byte
	for _, b := range p.toServer.All() {
		copies = append(copies, append([]byte(nil), b...))
	}
	p.run()
	for _, b := range copies {
		server.Receive(p.now, netip.AddrPortFrom(address.Addr(), 40001), netip.Addr{}, b, &p.toDevice)
	}
	p.drain()
	if len(p.work) != 1 {
		t.Fatalf("%d works for one m1, want 1", len(p.work))
	}
	p.toDevice.Reset()
	p.work[0].Run()
	server.Done(p.now, p.work[0], &p.toDevice)
	to := map[netip.AddrPort]int{}
	for addr := range p.toDevice.All() {
		to[addr]++
	}
	if to[address] == 0 || to[netip.AddrPortFrom(address.Addr(), 40001)] == 0 {
		t.Errorf("m2 went to %v, want both ports", to)
	}
}

// TestWorkOutlivesServer: work that comes back after Close changes nothing.
func TestWorkOutlivesServer(t *testing.T) {
	server := newTestServer(nil)
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.keepWork = true
	p.run()
	server.Close(p.now, &p.toDevice)
	p.work[0].Run()
	server.Done(p.now, p.work[0], &p.toDevice)
	if p.toDevice.Len() != 0 {
		t.Errorf("%d datagrams after Close", p.toDevice.Len())
	}
	empty(t, server)
}

// TestBusy: work that is not run is answered 5.03, and leaves nothing.
func TestBusy(t *testing.T) {
	server := newTestServer(nil)
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.keepWork = true
	p.run()
	p.work[0].Busy()
	server.Done(p.now, p.work[0], &p.toDevice)
	p.run()
	var hint *HintError
	if !errors.As(p.device.Hint(), &hint) || hint.Code != coap.ServiceUnavailable {
		t.Errorf("hint %v, want 5.03", p.device.Hint())
	}
	empty(t, server)
}

func TestIdleTimeout(t *testing.T) {
	server := newTestServer(func(c *ServerConfig) { c.IdleTimeout = time.Hour })
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.pass(59 * time.Minute)
	if got := server.Stats().Sessions; got != 1 {
		t.Fatalf("%d sessions before the idle time is over, want 1", got)
	}
	p.pass(2 * time.Minute)
	if len(p.ended) != 1 {
		t.Errorf("%d sessions ended, want 1", len(p.ended))
	}
	empty(t, server)
}

// TestCloseIsAuthenticated: an alert ends the session, at once and at both ends, and a record
// that was not sealed does not.
func TestCloseIsAuthenticated(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.confirm()
	forged := append([]byte{0x33}, p.device.Result().ConnectionID...)
	forged = append(forged, make([]byte, 40)...)
	p.server.Receive(p.now, p.from, netip.Addr{}, forged, &p.toDevice)
	if got := p.server.Stats(); got.Sessions != 1 || got.Rejected != 1 {
		t.Fatalf("%d sessions, %d rejected after a forged record: want 1 and 1", got.Sessions, got.Rejected)
	}
	p.device.Close(p.now, &p.toServer)
	p.run()
	if got := p.server.Stats().Sessions; got != 0 {
		t.Errorf("%d sessions after close_notify, want none", got)
	}
	p.pass(digestMemory)
	empty(t, p.server)
}

// TestReplacement: a session that is confirmed takes the place of the same device's, which is
// told after a while. A half-open one takes no place.
func TestReplacement(t *testing.T) {
	server := newTestServer(nil)
	old := newPair(t, server, deviceConfig(handshake.ModeKEM))
	old.confirm()
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.from = netip.AddrPortFrom(address.Addr(), 40001)
	p.opened()
	if got := server.Stats().Sessions; got != 1 {
		t.Fatalf("%d sessions, want the old one beside a half-open", got)
	}
	if _, err := p.device.Ping(p.now, &p.toServer); err != nil {
		t.Fatal(err)
	}
	for _, b := range p.toServer.All() {
		server.Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
	}
	if got := server.Stats().Sessions; got != 2 {
		t.Errorf("%d sessions, want the old one beside the new for a while", got)
	}
	server.Advance(p.now.Add(retirement+wheel.Tick), &p.toDevice)
	for to, b := range p.toDevice.All() {
		if to == address {
			old.device.Receive(p.now, b, &old.toServer)
		}
	}
	if old.device.state != closed {
		t.Error("the replaced session was not told")
	}
	if got := server.Stats().Sessions; got != 1 {
		t.Errorf("%d sessions, want 1", got)
	}
}

// TestOverhead: bytes on the wire above the CoAP message (docs/protocol.md section 11).
func TestOverhead(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.opened()
	id, err := record.NewConnectionID(p.device.Result().ConnectionID)
	if err != nil || id.Len() != 1 {
		t.Fatalf("connection ID of %d bytes, want 1 at a server with few sessions", id.Len())
	}
	before := p.device.Stats().Records.BytesOut
	p.get()
	const message = 4 + 1 + 2 // header, token, Uri-Path "x"
	if got := int(p.device.Stats().Records.BytesOut-before) - message; got != 20 {
		t.Errorf("%d bytes added to a request, want 20", got)
	}
}
