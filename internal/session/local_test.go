package session

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// arrive gives the server what the device has sent, at an address of ours, and returns where the
// answers leave from, by where they go.
func (p *pair) arrive(at netip.Addr) map[netip.AddrPort]netip.Addr {
	p.t.Helper()
	left := make(map[netip.AddrPort]netip.Addr)
	for rounds := 0; p.toServer.Len() > 0; rounds++ {
		var up Outbox
		up, p.toServer = p.toServer, up
		for _, b := range up.All() {
			p.server.Receive(p.now, p.from, at, b, &p.toDevice)
			p.drain()
		}
		for i := range p.toDevice.Len() {
			to, from, b := p.toDevice.At(i)
			if known, ok := left[to]; ok && known != from {
				p.t.Errorf("what goes to %v leaves from %v and %v", to, known, from)
			}
			left[to] = from
			if to == p.from {
				p.device.Receive(p.now, b, &p.toServer)
			}
		}
		p.toDevice.Reset()
	}
	return left
}

// What goes to a device leaves from the address at which it was heard, through all of its session:
// also where it finds the server by another, and while its own address is not proven.
func TestLocalAddress(t *testing.T) {
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	if left := p.arrive(one); len(left) != 1 || left[address] != one {
		t.Errorf("handshake: %v", left)
	}
	ping := func(at netip.Addr) map[netip.AddrPort]netip.Addr {
		t.Helper()
		if _, err := p.device.Ping(p.now, &p.toServer); err != nil {
			t.Fatal(err)
		}
		return p.arrive(at)
	}
	if left := ping(one); len(left) != 1 || left[address] != one {
		t.Errorf("records: %v", left)
	}
	if left := ping(other); len(left) != 1 || left[address] != other {
		t.Errorf("records to another address: %v", left)
	}
	if at := p.server.Device(p.now, "device").At(); at != other {
		t.Errorf("At = %v", at)
	}

	moved := netip.AddrPortFrom(address.Addr(), 40001)
	p.from = moved
	left := ping(one)
	for at := p.server.Deadline(); at.Before(p.now.Add(time.Second)); at = p.server.Deadline() {
		p.server.Advance(at, &p.toDevice)
		for i := range p.toDevice.Len() {
			to, from, _ := p.toDevice.At(i)
			left[to] = from
		}
		p.toDevice.Reset()
	}
	if left[moved] != one || left[address] != other {
		t.Errorf("while the device is looked for: %v", left)
	}
}

// A session that has rested, or was saved, answers from where it did before.
func TestLocalAddressKept(t *testing.T) {
	for _, at := range []string{"192.0.2.9", "2001:db8::9", ""} {
		var local netip.Addr
		if at != "" {
			local = netip.MustParseAddr(at)
		}
		p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
		p.arrive(local)
		if _, err := p.device.Ping(p.now, &p.toServer); err != nil {
			t.Fatal(err)
		}
		p.arrive(local)
		state, err := Save(p.server)
		if err != nil {
			t.Fatal(err)
		}
		p.server = newTestServer(nil)
		if err := Load(p.now, state, p.server); err != nil {
			t.Fatal(err)
		}
		if got := p.server.Device(p.now, "device").At(); got != local {
			t.Errorf("At = %v, want %v", got, local)
		}
		p.server.Close(p.now, &p.toDevice)
		if _, from, _ := p.toDevice.At(0); from != local {
			t.Errorf("the end leaves from %v, want %v", from, local)
		}
	}
}
