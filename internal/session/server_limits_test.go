package session

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
)

// limited is a server that hands out tickets, with changed limits.
func limited(t *testing.T, change func(*admission.Config)) *Server {
	return lasting(t, func(c *ServerConfig) {
		c.Admission = admission.Default
		change(&c.Admission)
	})
}

// another is a device of its own with the credential of all, from an address.
func another(t *testing.T, server *Server, mode handshake.Mode, from string) *pair {
	t.Helper()
	p := newPair(t, server, deviceConfig(mode))
	p.from = netip.MustParseAddrPort(from)
	return p
}

func (p *pair) hint() coap.Code {
	var hint *HintError
	if errors.As(p.device.Hint(), &hint) {
		return hint.Code
	}
	return 0
}

// TestBudgetUnproven: beyond the rate of unproven addresses a device is asked for an Echo, gets in
// with it, and counts for the budget of proven ones.
func TestBudgetUnproven(t *testing.T) {
	server := limited(t, func(c *admission.Config) { c.Unproven, c.AddressShare, c.NetworkShare, c.Burst = 2, 100, 100, 1 })
	for i := range 5 {
		p := another(t, server, handshake.ModeNone, fmt.Sprintf("198.51.%d.1:40000", i))
		p.opened()
		if want := i >= 2; server.Stats().OverUnproven != uint64(max(0, i-1)) || (server.LaneStats().EchoDemanded > 0) != want {
			t.Errorf("device %d: %+v, %+v", i, server.Stats(), server.LaneStats())
		}
	}
}

// TestBudgetShare: one address uses up its own share, and not that of others.
func TestBudgetShare(t *testing.T) {
	server := limited(t, func(c *admission.Config) {
		c.Unproven, c.Proven, c.AddressShare, c.NetworkShare, c.Burst = 1, 10, 20, 40, 1
	})
	opened := func(from string, port int) bool {
		p := another(t, server, handshake.ModeNone, fmt.Sprintf("%s:%d", from, port))
		p.run()
		return p.device.state == open
	}
	got := map[string]int{}
	for i := range 10 {
		for _, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1"} {
			if opened(from, 1000+i) {
				got[from]++
			}
		}
	}
	network := got["192.0.2.1"] + got["192.0.2.2"] + got["192.0.2.3"]
	// One m1 of all is answered without an Echo.
	if network > 4+1 || got["192.0.2.1"] > 2+1 || got["198.51.100.1"] != 2 {
		t.Errorf("opened %v: want two of an address, four of a network, and what others take is theirs", got)
	}
	if st := server.Stats(); st.OverProven == 0 || st.Junk != 0 {
		t.Errorf("%+v", st)
	}
}

// TestBudgetResumed: a ticket that opens has a budget of its own, wherever it comes from.
func TestBudgetResumed(t *testing.T) {
	server := limited(t, func(c *admission.Config) { c.Resumed, c.Burst = 1, 1 })
	p := another(t, server, handshake.ModeKEM, "198.51.100.7:40000")
	p.confirm()
	for p.server.gate.proven.Take(p.now, p.from.Addr()) { // a neighbour's flood
	}
	for p.server.gate.unproven.Take(p.now, p.from.Addr()) {
	}
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Resume = p.ticket()
	p = p.next(cfg)
	p.confirm()
	if st := server.Stats(); !p.device.Stats().Resumed || st.OverUnproven+st.OverProven+st.OverResumed != 0 {
		t.Fatalf("%+v", st)
	}
	cfg.Resume = p.ticket()
	p = p.next(cfg)
	p.run()
	if p.device.state == open || p.hint() != coap.ServiceUnavailable || server.Stats().OverResumed != 1 {
		t.Errorf("state %d, hint %v: beyond the rate", p.device.state, p.device.Hint())
	}
	p.pass(10 * time.Second)
	if p.device.state != open || !p.device.Stats().Resumed {
		t.Errorf("state %d, resumed %v after the time to come again", p.device.state, p.device.Stats().Resumed)
	}
}

// TestBadTicket: an m1r that does not open makes no work, is answered 4.01, and counts against its
// prefix.
func TestBadTicket(t *testing.T) {
	server := limited(t, func(c *admission.Config) { c.Answers, c.AddressShare, c.Burst = 100, 10, 1 })
	p := another(t, server, handshake.ModeKEM, "198.51.100.7:40000")
	p.confirm()
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Resume = p.ticket()
	m1r, bad := p.next(cfg), p.next(deviceConfig(handshake.ModeNone))
	bad.keepWork = true
	for i := range 10 {
		for _, b := range m1r.toServer.All() {
			b = bytes.Clone(b)
			b[len(b)-1-i] ^= 1
			server.Receive(p.now, netip.AddrPortFrom(netip.MustParseAddr("203.0.113.1"), uint16(1000+i)), netip.Addr{}, b, &bad.toDevice)
		}
		bad.drain()
	}
	if len(bad.work) != 0 || bad.toDevice.Len() != 10 {
		t.Fatalf("%d works, %d answers", len(bad.work), bad.toDevice.Len())
	}
	if st := server.Stats(); st.BadTickets != 10 || st.HalfOpen != 0 {
		t.Errorf("%+v", st)
	}
	if server.gate.answers.Take(p.now, netip.MustParseAddr("203.0.113.1")) {
		t.Error("ten bad tickets cost the ten answers of an address nothing")
	}
}

// TestDeviceRate: a device that opens sessions without end is told, under seal, when to come
// again. Who only claims to be it takes nothing from it.
func TestDeviceRate(t *testing.T) {
	server := limited(t, func(c *admission.Config) { c.DeviceSessions = 2 })
	for i := range 20 { // half-open only
		another(t, server, handshake.ModeKEM, fmt.Sprintf("198.51.100.7:%d", 1000+i)).opened()
	}
	for i := range 4 {
		another(t, server, handshake.ModeKEM, fmt.Sprintf("198.51.100.7:%d", 2000+i)).confirm()
	}
	p := another(t, server, handshake.ModeKEM, "198.51.100.7:3000")
	p.run()
	var refusal *handshake.Refusal
	if !errors.As(p.device.Hint(), &refusal) || refusal.Code != handshake.RefusedOverload || refusal.RetryAfter < 30*time.Second {
		t.Fatalf("hint %v, want a refusal for half a minute", p.device.Hint())
	}
	if st := server.Stats(); st.OverDevice != 1 || st.Refused != 1 {
		t.Errorf("%+v", st)
	}
	p.pass(32 * time.Second)
	if p.device.state != open {
		t.Error("not let in when the time is over")
	}
	another(t, server, handshake.ModeNone, "198.51.100.7:3001").confirm()
}

// TestHalfOpenDevice: one device has four half-open sessions. Who claims to be it takes no place
// from one that came by ticket.
func TestHalfOpenDevice(t *testing.T) {
	server := limited(t, func(*admission.Config) {})
	p := another(t, server, handshake.ModeKEM, "198.51.100.7:40000")
	p.confirm()
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Resume = p.ticket()
	resumed := p.next(cfg)
	resumed.opened()
	claims := make([]*pair, 0, 10)
	for i := range cap(claims) {
		c := another(t, server, handshake.ModeKEM, fmt.Sprintf("203.0.113.1:%d", 1000+i))
		c.opened()
		claims = append(claims, c)
		if n := server.Stats().HalfOpen; n > maxHalfOpenDevice {
			t.Fatalf("%d half-open of one device", n)
		}
	}
	if st := server.Stats(); st.DeviceHalfOpen != 7 {
		t.Errorf("%d made way, want 7", st.DeviceHalfOpen)
	}
	for i, c := range append(claims[:1], resumed) {
		before := server.Stats().Confirmed
		if _, err := c.device.Ping(c.now, &c.toServer); err != nil {
			t.Fatal(err)
		}
		c.run()
		if got := server.Stats().Confirmed - before; got != uint64(i) {
			t.Errorf("session %d: confirmed %d", i, got)
		}
	}
	resumed.pass(2 * halfOpenTimeout)
	if len(server.gate.halfOpen) != 0 {
		t.Errorf("%d devices still counted", len(server.gate.halfOpen))
	}
}

// TestAnonymousBound: a network has so many sessions without a name, and others have theirs.
func TestAnonymousBound(t *testing.T) {
	server := limited(t, func(c *admission.Config) { c.AnonymousNetwork = 2 })
	dial := func(from string) *pair {
		p := another(t, server, handshake.ModeNone, from)
		p.run()
		return p
	}
	first := dial("192.0.2.1:1")
	first.confirm()
	late := []*pair{dial("192.0.2.2:1"), dial("192.0.2.3:1")} // both half-open, one place left
	late[0].confirm()
	late[1].confirm()
	if st := server.Stats(); late[1].device.state != closed || st.Sessions != 2 || st.OverAnonymous != 1 {
		t.Errorf("state %d, %+v: one too many for the network", late[1].device.state, st)
	}
	var refusal *handshake.Refusal
	if p := dial("192.0.2.4:1"); !errors.As(p.device.Hint(), &refusal) || refusal.Code != handshake.RefusedOverload {
		t.Errorf("hint %v, want a refusal", p.device.Hint())
	}
	dial("198.51.100.1:1").confirm()
	another(t, server, handshake.ModeKEM, "192.0.2.9:1").confirm()
	first.device.Close(first.now, &first.toServer)
	first.run()
	dial("192.0.2.5:1").confirm()
	server.Close(epoch, &first.toDevice)
	if n := len(server.gate.arrivals.anonymous); n != 0 {
		t.Errorf("%d networks still counted", n)
	}
}

// TestSpend: the requests of a device have a rate, which a new session of it does not renew.
func TestSpend(t *testing.T) {
	server := limited(t, func(c *admission.Config) { c.DeviceRequests = 10 })
	p := another(t, server, handshake.ModeKEM, "198.51.100.7:40000")
	p.confirm()
	spend := func(now time.Time) (n int) {
		for n < 100 && server.Spend(now, server.Device(now, "device")) == 0 {
			n++
		}
		return n
	}
	if n := spend(p.now); n != 40 {
		t.Errorf("%d requests at once, want 40", n)
	}
	another(t, server, handshake.ModeKEM, "198.51.100.7:40001").confirm()
	if n := spend(p.now); n != 0 {
		t.Errorf("%d requests more in another session", n)
	}
	if n := spend(p.now.Add(time.Second)); n != 10 || server.Stats().OverRequests != 3 {
		t.Errorf("%d requests a second later, %d refused", n, server.Stats().OverRequests)
	}
}

// TestResetsShared: records with made-up IDs from one network leave resets for others.
func TestResetsShared(t *testing.T) {
	server := limited(t, func(c *admission.Config) { c.Resets, c.AddressShare, c.NetworkShare, c.Burst = 100, 10, 25, 1 })
	var out Outbox
	send := func(from string, n int) (resets uint64) {
		before := server.Stats().Resets
		for range n {
			server.Receive(epoch, netip.MustParseAddrPort(from), netip.Addr{}, append([]byte{0x33, 0x9f}, make([]byte, 60)...), &out)
			out.Reset()
		}
		return server.Stats().Resets - before
	}
	for _, step := range []struct {
		from string
		want uint64
	}{{"192.0.2.1:1", 10}, {"192.0.2.1:2", 0}, {"192.0.2.2:1", 10}, {"192.0.2.3:1", 5}, {"[2001:db8::1]:1", 10}} {
		if got := send(step.from, 200); got != step.want {
			t.Errorf("%s: %d resets, want %d", step.from, got, step.want)
		}
	}
	if server.Stats().ResetsWithheld == 0 {
		t.Error("not counted")
	}
}

// TestJunk: who sends m1 from a proven address that do not open has the budget of unproven ones
// for a while, and others do not pay for it.
func TestJunk(t *testing.T) {
	server := limited(t, func(c *admission.Config) {})
	send := func(from string) admission.Class {
		p := another(t, server, handshake.ModeNone, from)
		p.keepWork = true
		p.run() // the Echo, and m1 again
		for _, w := range p.work {
			w.code = 129 // 4.01: as if it had not opened
			server.Done(p.now, w, &p.toDevice)
		}
		if len(p.work) != 1 {
			t.Fatalf("%d works", len(p.work))
		}
		return p.work[0].Class()
	}
	server.lane = coap.NewLane(coap.LaneConfig{Echo: server.cfg.Echo, AlwaysEcho: true})
	for i, want := range []admission.Class{admission.Proven, admission.Unproven, admission.Unproven} {
		if got := send(fmt.Sprintf("192.0.2.1:%d", 1000+i)); got != want {
			t.Errorf("m1 %d is of class %d, want %d", i, got, want)
		}
	}
	if got := send("192.0.2.2:1"); got != admission.Proven || server.Stats().Junk != 4 {
		t.Errorf("class %d of another address, %d counted as junk", got, server.Stats().Junk)
	}
}
