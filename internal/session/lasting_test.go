package session

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// lasting is a server whose sessions can be resumed.
func lasting(t *testing.T, change ...func(*ServerConfig)) *Server {
	t.Helper()
	return newTestServer(func(c *ServerConfig) {
		tickets, err := handshake.NewTicketKeys(rand.Reader, epoch)
		if err != nil {
			t.Fatal(err)
		}
		c.Tickets, c.Era = tickets, 7
		for _, f := range change {
			f(c)
		}
	})
}

// ticket is the newest that the device has got.
func (p *pair) ticket() *handshake.ResumptionState {
	p.t.Helper()
	for i := len(p.events) - 1; i >= 0; i-- {
		if p.events[i].Kind == EventTicket {
			return p.events[i].Ticket
		}
	}
	p.t.Fatal("no ticket has come")
	return nil
}

// next is a pair with the same server, later.
func (p *pair) next(cfg DeviceConfig) *pair {
	p.t.Helper()
	next := &pair{t: p.t, now: p.now, server: p.server, from: p.from}
	var err error
	if next.device, err = NewDevice(next.now, cfg, &next.toServer); err != nil {
		p.t.Fatal(err)
	}
	return next
}

// served answers the requests that have come.
func (p *pair) served() int {
	p.t.Helper()
	n := len(p.requests)
	for _, r := range p.requests {
		if err := p.server.Respond(p.now, r.Session, r.ID, *coap.Content(0, []byte("y")), nil, &p.toDevice); err != nil {
			p.t.Fatal(err)
		}
	}
	p.requests = nil
	p.run()
	return n
}

// Each session gives the ticket for the next, small or with a KEM key.
func TestResume(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
		p.confirm()
		for range 5 {
			cfg := deviceConfig(handshake.ModeKEM)
			cfg.Resume, cfg.Ephemeral = p.ticket(), ephemeral
			p = p.next(cfg)
			p.confirm()
			if s := p.device.Stats(); !s.Resumed || p.server.Device(p.now, "device") == nil {
				t.Fatalf("not resumed: %d bytes of handshake", s.Handshake.BytesOut)
			}
			p.get()
			if p.served() != 1 {
				t.Fatal("a request of a resumed session was not served")
			}
			t.Logf("ephemeral %v: %d B to the server, %d B to the device, m1r %d, m2r %d", ephemeral,
				p.device.Stats().Handshake.BytesOut, p.device.Stats().Handshake.BytesIn, p.device.Stats().M1, p.device.Stats().M2)
		}
	}
}

// What the server does not resume is followed by a full handshake.
func TestResumeFallsBack(t *testing.T) {
	for name, change := range map[string]func(*pair) *Server{
		"another ticket key": func(p *pair) *Server { return lasting(p.t) },
		"no tickets":         func(p *pair) *Server { return newTestServer(nil) },
		"expired": func(p *pair) *Server {
			p.now = p.now.Add(DefaultLimits.Lifetime + time.Hour)
			return p.server
		},
	} {
		p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
		p.confirm()
		cfg := deviceConfig(handshake.ModeKEM)
		cfg.Resume = p.ticket()
		p.server = change(p)
		p = p.next(cfg)
		p.run()
		p.pass(10 * time.Second)
		p.opened()
		if p.device.Stats().Resumed {
			t.Errorf("%s: resumed", name)
		}
	}
}

// A device that is not let in any more is refused, by its ticket too.
func TestResumeRevoked(t *testing.T) {
	revoked := false
	p := newPair(t, lasting(t, func(c *ServerConfig) {
		allow := c.Authorize
		c.Authorize = func(s handshake.Suite, cred handshake.ClientCredential) (Client, error) {
			if revoked {
				return Client{}, errStranger
			}
			return allow(s, cred)
		}
	}), deviceConfig(handshake.ModeKEM))
	p.confirm()
	revoked = true
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Resume = p.ticket()
	p = p.next(cfg)
	p.run()
	var refusal *handshake.Refusal
	if !errors.As(p.device.err, &refusal) || refusal.Code != handshake.RefusedCredential {
		t.Errorf("error %v", p.device.err)
	}
}

// A server that has lost its sessions says so, by a token that nobody else has.
func TestReset(t *testing.T) {
	for _, starts := range []uint32{0, 1, 2, 3} {
		p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
		p.confirm()
		p.server = lasting(t, func(c *ServerConfig) { c.Era = 7 + starts })
		p.get()
		gone := errors.Is(p.device.err, ErrReset)
		if want := starts == 1 || starts == 2; gone != want {
			t.Errorf("%d starts later: told of the loss %v, want %v", starts, gone, want)
		}
		if s := p.server.Stats(); s.Records.BytesOut > 3*s.Records.BytesIn {
			t.Errorf("%d bytes out for %d in", s.Records.BytesOut, s.Records.BytesIn)
		}
	}
}

// The token of a session that is gone in this life of the server is told, of one that is there not.
func TestResetSameEra(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.server.remove(p.server.Device(p.now, "device"), errIdle)
	p.get()
	if !errors.Is(p.device.err, ErrReset) {
		t.Errorf("error %v", p.device.err)
	}
}

// A device tells for which of its sessions a datagram is, and one that is for neither of them
// leaves both as they were.
func TestReceiveTells(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	other := p.next(deviceConfig(handshake.ModeKEM))
	other.confirm()
	p.get()
	for _, r := range p.requests {
		if err := p.server.Respond(p.now, r.Session, r.ID, *coap.Content(0, []byte("y")), nil, &p.toDevice); err != nil {
			t.Fatal(err)
		}
	}
	if p.toDevice.Len() == 0 {
		t.Fatal("no answer")
	}
	for _, b := range p.toDevice.All() {
		if other.device.Receive(p.now, bytes.Clone(b), &other.toServer) {
			t.Error("opened in the other session")
		}
		if !p.device.Receive(p.now, bytes.Clone(b), &p.toServer) {
			t.Error("did not open in its own")
		}
	}
	if other.device.state != open || other.toServer.Len() != 0 {
		t.Errorf("the other session is in state %d and sends %d datagrams", other.device.state, other.toServer.Len())
	}
}

// A ping that nothing answers ends the session, given up or not, where nothing else is heard.
func TestSilentPing(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.now = p.now.Add(time.Hour)
	id, err := p.device.Ping(p.now, &p.toServer)
	if err != nil {
		t.Fatal(err)
	}
	p.toServer.Reset()
	p.device.Cancel(p.now.Add(silence), id, &p.toServer)
	if !errors.Is(p.device.err, errSilent) {
		t.Errorf("error %v", p.device.err)
	}
	p = p.next(deviceConfig(handshake.ModeKEM))
	p.confirm()
	if id, err = p.device.Ping(p.now, &p.toServer); err != nil {
		t.Fatal(err)
	}
	p.run()
	if p.device.Cancel(p.now.Add(silence), id, &p.toServer); p.device.state != open || len(p.device.asked) != 0 {
		t.Errorf("one that was answered: %v", p.device.err)
	}
}

// A server that is not heard any more ends the session, once: nothing comes behind that.
func TestSilence(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.server = lasting(t, func(c *ServerConfig) { c.Era = 0 })
	p.pass(time.Second)
	p.events = nil
	p.get()
	p.get()
	p.pass(2 * time.Minute)
	for ev, ok := p.device.Next(); ok; ev, ok = p.device.Next() {
		p.events = append(p.events, ev)
	}
	if n := len(p.events); n != 2 || p.events[0].Kind != EventResponse || p.events[1].Kind != EventClosed {
		t.Errorf("%d events: %+v", n, p.events)
	}
}

// Whatever is made up ends nothing.
func TestForgedReset(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	for i := range 1000 {
		b := make([]byte, 23+i%20)
		rand.Read(b)
		b[0] = 0x20 | b[0]&0x0f
		p.device.Receive(p.now, b, &p.toServer)
	}
	p.get()
	if p.served() != 1 || p.device.state != open {
		t.Errorf("state %d, %v", p.device.state, p.device.err)
	}
}

// save has the device sleep and wake for a while.
func (p *pair) sleep(d time.Duration) error {
	state, err := p.device.Save()
	if err != nil {
		return err
	}
	if _, err := p.device.Request(p.now, coap.Message{Code: coap.GET}, coap.RequestOptions{}, &p.toServer); err == nil {
		p.t.Error("a session was used that has been saved")
	}
	p.now = p.now.Add(d)
	p.device, err = RestoreDevice(p.now, deviceConfig(handshake.ModeKEM), bytes.Clone(state))
	return err
}

// Waking behind a NAT that has forgotten the device costs one record each way.
func TestSleep(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	for round := range 20 {
		p.get()
		p.served()
		p.pass(time.Minute)
		if err := p.sleep(23 * time.Hour); err != nil {
			t.Fatal(err)
		}
		p.from = netip.AddrPortFrom(address.Addr(), uint16(40001+round))
		p.toServer.Reset()
		m := coap.Message{Code: coap.POST, Payload: []byte("21.5")}
		id, err := p.device.Request(p.now, m, coap.RequestOptions{}, &p.toServer)
		if err != nil || p.toServer.Len() != 1 {
			t.Fatalf("%d datagrams, %v", p.toServer.Len(), err)
		}
		for _, b := range p.toServer.All() {
			p.server.Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
		}
		p.toServer.Reset()
		p.drain()
		if len(p.requests) != 1 {
			t.Fatalf("%d requests", len(p.requests))
		}
		p.toDevice.Reset() // challenges
		r := p.requests[0]
		p.requests = nil
		if err := p.server.Respond(p.now, r.Session, r.ID, *coap.Status(coap.Changed), nil, &p.toDevice); err != nil {
			t.Fatal(err)
		}
		if p.toDevice.Len() != 1 {
			t.Fatalf("%d datagrams in answer", p.toDevice.Len())
		}
		for to, b := range p.toDevice.All() {
			if to != p.from {
				t.Errorf("round %d: the answer goes to %v, the device is at %v", round, to, p.from)
			}
			p.device.Receive(p.now, b, &p.toServer)
		}
		p.toDevice.Reset()
		answered := false
		for ev, ok := p.device.Next(); ok; ev, ok = p.device.Next() {
			answered = answered || ev.Kind == EventResponse && ev.ID == id && ev.Err == nil
		}
		if !answered {
			t.Fatalf("round %d: not answered", round)
		}
		p.run()
		p.pass(10 * time.Second)
		if got := p.server.Device(p.now, "device").Peer(); got != p.from {
			t.Errorf("round %d: the server sends to %v", round, got)
		}
	}
}

func TestSleepRefused(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.opened()
	if _, err := p.device.Save(); !errors.Is(err, ErrUnderWay) {
		t.Errorf("before the first record: %v", err)
	}
	p.confirm()
	p.get()
	if _, err := p.device.Save(); !errors.Is(err, ErrUnderWay) {
		t.Errorf("with a request open: %v", err)
	}
	p.served()
	p.pass(time.Minute)
	if err := p.sleep(49 * time.Hour); !errors.Is(err, ErrState) {
		t.Errorf("longer than the server remembers: %v", err)
	}
}

// A saved session belongs to one server, one identity, and this version.
func TestRestoreRejects(t *testing.T) {
	save := func() []byte {
		p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
		p.confirm()
		p.pass(time.Minute)
		state, err := p.device.Save()
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	state := save()
	now := epoch.Add(time.Minute)
	if _, err := RestoreDevice(now, deviceConfig(handshake.ModeNone), state); !errors.Is(err, ErrState) {
		t.Errorf("another identity: %v", err)
	}
	other := deviceConfig(handshake.ModeKEM)
	_, deviceKey := testKeys()
	other.Server = deviceKey.ServerCredential()
	if _, err := RestoreDevice(now, other, state); !errors.Is(err, ErrState) {
		t.Errorf("another server: %v", err)
	}
	for n := range len(state) {
		if _, err := RestoreDevice(now, deviceConfig(handshake.ModeKEM), state[:n]); !errors.Is(err, ErrState) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if _, err := RestoreDevice(now, deviceConfig(handshake.ModeKEM), append(bytes.Clone(state), 0)); !errors.Is(err, ErrState) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := RestoreDevice(now, deviceConfig(handshake.ModeKEM), state); err != nil {
		t.Errorf("as it was: %v", err)
	}
}

// A planned restart loses no session, but those of devices that are not let in any more.
func TestServerRestart(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	for era := range uint32(5) {
		p.get()
		p.served()
		state, err := Save(p.server)
		if err != nil || p.server.Stats().Sessions != 0 {
			t.Fatalf("%d sessions left, %v", p.server.Stats().Sessions, err)
		}
		p.now = p.now.Add(time.Minute)
		p.server = lasting(t, func(c *ServerConfig) { c.Era = 8 + era })
		if err := Load(p.now, state, p.server); err != nil {
			t.Fatal(err)
		}
		if p.server.Stats().Sessions != 1 || p.server.Device(p.now, "device") == nil {
			t.Fatal("the session is gone")
		}
	}
	state, err := Save(p.server)
	if err != nil {
		t.Fatal(err)
	}
	p.server = lasting(t, func(c *ServerConfig) {
		c.Authorize = func(handshake.Suite, handshake.ClientCredential) (Client, error) { return Client{}, errStranger }
	})
	if err := Load(p.now, state, p.server); err != nil || p.server.Stats().Sessions != 0 {
		t.Errorf("%d sessions of a device that is not let in, %v", p.server.Stats().Sessions, err)
	}
	if err := Load(p.now, state[:len(state)-1], p.server); !errors.Is(err, ErrState) {
		t.Errorf("a state that is cut: %v", err)
	}
}

// Keys are replaced as they age, by either side, and nothing is lost over it.
func TestKeyUpdate(t *testing.T) {
	update := Update{Records: 20}
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Update = update
	p := newPair(t, lasting(t, func(c *ServerConfig) { c.Update = update }), cfg)
	p.confirm()
	for range 200 {
		p.get()
		if p.served() != 1 {
			t.Fatal("a request was not served")
		}
		p.pass(2 * time.Second)
	}
	send, receive := p.device.ch.rec.Epochs()
	if send < 10 || receive < 10 {
		t.Errorf("epochs %d and %d after 200 requests", send, receive)
	}
}

// A first record that was held back does not put an older session in the place of a newer one.
func TestLateConfirmation(t *testing.T) {
	server := lasting(t)
	older := newPair(t, server, deviceConfig(handshake.ModeKEM))
	older.opened()
	if _, err := older.device.Ping(older.now, &older.toServer); err != nil {
		t.Fatal(err)
	}
	newer := newPair(t, server, deviceConfig(handshake.ModeKEM))
	newer.confirm()
	current := server.Device(epoch, "device")
	for _, b := range older.toServer.All() { // only now
		server.Receive(older.now, older.from, netip.Addr{}, b, &older.toDevice)
	}
	if server.Device(epoch, "device") != current || !current.retireAt.IsZero() || server.Stats().Sessions != 1 {
		t.Error("the older session has taken the place of the newer")
	}
	newer.get()
	if newer.served() != 1 {
		t.Error("the newer session is not served")
	}
}

// A device whose address changes in the middle of things is answered again after a few round
// trips, also by a server that has never measured one.
func TestMovesSoon(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.get()
	p.served()
	p.from = netip.AddrPortFrom(address.Addr(), 40001)
	p.get()
	p.pass(200 * time.Millisecond)
	if got := p.server.Device(p.now, "device").Peer(); got != p.from {
		t.Errorf("the server sends to %v still", got)
	}
	if p.served() != 1 || p.device.state != open {
		t.Error("the request is not served")
	}
}
