package session

import (
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/wheel"
)

// A saved session goes on only for who was let in: by the same name, with the same key.
func TestLoadAsksAgain(t *testing.T) {
	psk, err := handshake.GeneratePSK(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := &handshake.PSK{ID: psk.ID, Key: handshake.PSKKey{1}}
	answer := func(c Client, err error) Authorizer {
		return func(handshake.Suite, handshake.ClientCredential) (Client, error) { return c, err }
	}
	for name, test := range map[string]struct {
		authorize Authorizer
		sessions  int
	}{
		"as before":                     {answer(Client{Name: "a", PSK: psk}, nil), 1},
		"not let in":                    {answer(Client{}, errStranger), 0},
		"another name":                  {answer(Client{Name: "b", PSK: psk}, nil), 0},
		"another key, by the same name": {answer(Client{Name: "a", PSK: other}, nil), 0},
		"no key":                        {answer(Client{Name: "a"}, nil), 0},
	} {
		first := lasting(t, func(c *ServerConfig) { c.Authorize = answer(Client{Name: "a", PSK: psk}, nil) })
		cfg := deviceConfig(handshake.ModeNone)
		cfg.PSK = psk
		p := newPair(t, first, cfg)
		p.confirm()
		session := first.Device(p.now, "a")
		if c := session.Holder().Credential; c.Mode != handshake.ModePSK || c.ID != psk.ID {
			t.Fatalf("credential %v", c)
		}
		client, err := test.authorize(session.Suite(), session.Holder().Credential)
		if got := err == nil && session.Holder().Admits(client); got != (test.sessions == 1) {
			t.Errorf("%s: admitted %v", name, got)
		}
		state, err := Save(first)
		if err != nil {
			t.Fatal(err)
		}
		p.server = lasting(t, func(c *ServerConfig) { c.Authorize = test.authorize })
		if err := Load(p.now, state, p.server); err != nil {
			t.Fatal(err)
		}
		if got := p.server.Stats().Sessions; got != test.sessions {
			t.Errorf("%s: %d sessions, want %d", name, got, test.sessions)
		}
		if s := p.server.Device(p.now, "a"); s != nil && (s.Holder().Credential != session.Holder().Credential || !s.Holder().Admits(Client{Name: "a", PSK: psk})) {
			t.Errorf("%s: the credential is lost", name)
		}
	}
}

// When the time of a device is over the server is asked, and says until when it goes on.
func TestDue(t *testing.T) {
	until := epoch.Add(time.Hour)
	_, key := testKeys()
	first := lasting(t, func(c *ServerConfig) {
		c.Authorize = func(handshake.Suite, handshake.ClientCredential) (Client, error) {
			return Client{Name: "a", Key: key.Public(), Until: until}, nil
		}
	})
	p := newPair(t, first, deviceConfig(handshake.ModeKEM))
	p.confirm()
	due := func(at time.Time) (n int) {
		p.now = at
		p.server.Advance(p.now, &p.toDevice)
		for ev, ok := p.server.Next(); ok; ev, ok = p.server.Next() {
			if ev.Kind == EventDue && ev.Session == p.server.Device(p.now, "a") {
				n++
			}
		}
		return n
	}
	if due(until.Add(-time.Second)) != 0 || p.server.Deadline().After(until) {
		t.Errorf("due before its time, or looked at no sooner than %v", p.server.Deadline())
	}
	for range 2 { // of a session that goes on, and of one that was saved
		if due(until.Add(wheel.Tick)) != 1 || due(until.Add(time.Second)) != 0 {
			t.Error("want one event at its time, and no more")
		}
		until = until.Add(time.Hour)
		p.server.Extend(p.now, p.server.Device(p.now, "a").Ref(), until)
		if due(until.Add(-time.Second)) != 0 || due(until.Add(wheel.Tick)) != 1 {
			t.Error("extended: want one event at its time")
		}
		until = until.Add(time.Hour)
		state, err := Save(p.server)
		if err != nil {
			t.Fatal(err)
		}
		p.server = lasting(t, func(c *ServerConfig) { c.Authorize = first.cfg.Authorize })
		if err := Load(p.now, state, p.server); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAdmits(t *testing.T) {
	serverKey, deviceKey := testKeys()
	h := Holder{Name: "a", mark: markOf(Client{Key: deviceKey.Public()})}
	for name, test := range map[string]struct {
		client Client
		want   bool
	}{
		"the same":    {Client{Name: "a", Key: deviceKey.Public()}, true},
		"another key": {Client{Name: "a", Key: serverKey.Public()}, false},
		"no key":      {Client{Name: "a"}, false},
	} {
		if h.Admits(test.client) != test.want {
			t.Errorf("%s: want %v", name, test.want)
		}
	}
}

// A record comes with an event if somebody waits for it, and only then.
func TestListen(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	heard := func() (n int) {
		if _, err := p.device.Ping(p.now, &p.toServer); err != nil {
			t.Fatal(err)
		}
		for _, b := range p.toServer.All() {
			p.server.Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
		}
		p.toServer.Reset()
		for ev, ok := p.server.Next(); ok; ev, ok = p.server.Next() {
			if ev.Kind == EventHeard && ev.Session == p.server.Device(p.now, "device") {
				n++
			}
		}
		p.run()
		return n
	}
	if heard() != 0 {
		t.Error("an event that nobody asked for")
	}
	p.server.Device(p.now, "device").Listen = true
	p.server.Receive(p.now, p.from, netip.Addr{}, append([]byte{0x30, 0x01}, make([]byte, 30)...), &p.toDevice)
	for _, want := range []int{1, 0} {
		if got := heard(); got != want {
			t.Errorf("%d events, want %d", got, want)
		}
	}
	if s := p.server.Device(p.now, "device"); !s.Heard().Equal(p.now) || s.Asked().After(p.now) {
		t.Errorf("heard %v, asked %v", s.Heard(), s.Asked())
	}
}

// Without tickets a device is not resumed, with them again; work in hand is not concerned.
func TestSetTickets(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	keys := p.server.cfg.Tickets
	for _, k := range []*handshake.TicketKeys{keys, nil} {
		cfg := deviceConfig(handshake.ModeKEM)
		cfg.Resume = p.ticket()
		p.server.SetTickets(k)
		p = p.next(cfg)
		p.run()
		p.pass(10 * time.Second)
		p.confirm()
		if got := p.device.Stats().Resumed; got != (k != nil) {
			t.Errorf("keys %v: resumed %v", k != nil, got)
		}
	}
}

func TestQuiet(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.pass(10 * time.Second)
	if !p.server.Quiet() || p.server.Stats().Sessions != 1 {
		t.Errorf("%d sessions; quiet: %v", p.server.Stats().Sessions, p.server.Quiet())
	}
	p.get()
	if p.server.Quiet() {
		t.Error("quiet with a request that is not answered")
	}
	p.served()
	p.pass(10 * time.Second)
	if !p.server.Quiet() {
		t.Error("not quiet, and nothing is under way")
	}
}
