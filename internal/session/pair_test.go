package session

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

var (
	epoch   = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	address = netip.MustParseAddrPort("198.51.100.7:40000")
)

// testKeys are those of a server and a device of the quickest suite.
var testKeys = sync.OnceValues(func() (serverKey, deviceKey *handshake.PrivateKey) {
	for _, k := range []**handshake.PrivateKey{&serverKey, &deviceKey} {
		var err error
		if *k, err = handshake.GenerateKey(rand.Reader, handshake.MLKEM512); err != nil {
			panic(err)
		}
	}
	return serverKey, deviceKey
})

var errStranger = errors.New("stranger")

func newTestServer(change func(*ServerConfig)) *Server {
	serverKey, deviceKey := testKeys()
	cfg := ServerConfig{
		Identities: []handshake.Identity{serverKey.Identity()},
		Authorize: func(_ handshake.Suite, c handshake.ClientCredential) (Client, error) {
			switch {
			case c.Mode == handshake.ModeNone:
				return Client{}, nil
			case c.Mode == handshake.ModeKEM && c.ID == deviceKey.Public().DeviceID():
				return Client{Name: "device", Key: deviceKey.Public()}, nil
			}
			return Client{}, errStranger
		},
		Rand: rand.Reader,
		Echo: coap.NewEchoKeys([32]byte{1}, [32]byte{2}),
	}
	if change != nil {
		change(&cfg)
	}
	return NewServer(cfg)
}

func deviceConfig(mode handshake.Mode) DeviceConfig {
	serverKey, deviceKey := testKeys()
	cfg := DeviceConfig{Server: serverKey.ServerCredential(), Suite: handshake.MLKEM512, Rand: rand.Reader}
	if mode == handshake.ModeKEM {
		cfg.Key = deviceKey
	}
	return cfg
}

// A pair is a device and a server with nothing between them. Work is run at once, unless it
// is kept.
type pair struct {
	t        *testing.T
	now      time.Time
	device   *Device
	server   *Server
	from     netip.AddrPort
	toServer Outbox
	toDevice Outbox
	keepWork bool
	work     []*Work
	events   []Event // of the device
	requests []Event // of the server
	ended    []Event // of the server
}

func newPair(t *testing.T, server *Server, cfg DeviceConfig) *pair {
	t.Helper()
	p := &pair{t: t, now: epoch, server: server, from: address}
	var err error
	if p.device, err = NewDevice(p.now, cfg, &p.toServer); err != nil {
		t.Fatal(err)
	}
	return p
}

// run carries datagrams both ways until there are none.
func (p *pair) run() {
	for p.toServer.Len() > 0 || p.toDevice.Len() > 0 {
		var up, down Outbox
		up, p.toServer = p.toServer, up
		down, p.toDevice = p.toDevice, down
		for _, b := range up.All() {
			p.server.Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
			p.drain()
		}
		for to, b := range down.All() {
			if to == p.from { // else it is lost
				p.device.Receive(p.now, b, &p.toServer)
			}
		}
		for ev, ok := p.device.Next(); ok; ev, ok = p.device.Next() {
			p.events = append(p.events, ev)
		}
	}
}

// drain takes the server's events.
func (p *pair) drain() {
	for ev, ok := p.server.Next(); ok; ev, ok = p.server.Next() {
		switch {
		case ev.Kind == EventWork && p.keepWork:
			p.work = append(p.work, ev.Work)
		case ev.Kind == EventWork:
			ev.Work.Run()
			p.server.Done(p.now, ev.Work, &p.toDevice)
		case ev.Kind == EventRequest:
			p.requests = append(p.requests, ev)
		case ev.Kind == EventClosed:
			p.ended = append(p.ended, ev)
		}
	}
}

// pass lets time go by at both ends, in steps no larger than their deadlines.
func (p *pair) pass(d time.Duration) {
	end := p.now.Add(d)
	for {
		next := earliest(p.device.Deadline(), p.server.Deadline())
		if next.IsZero() || next.After(end) {
			p.now = end
			return
		}
		if next.After(p.now) {
			p.now = next
		}
		p.device.Advance(p.now, &p.toServer)
		p.server.Advance(p.now, &p.toDevice)
		p.drain()
		p.run()
	}
}

// opened fails unless the device's session is open.
func (p *pair) opened() {
	p.t.Helper()
	p.run()
	if p.device.state != open {
		p.t.Fatalf("device is in state %d: %v", p.device.state, p.device.err)
	}
}

// confirm has the device send its first record.
func (p *pair) confirm() {
	p.t.Helper()
	p.opened()
	if _, err := p.device.Ping(p.now, &p.toServer); err != nil {
		p.t.Fatal(err)
	}
	p.run()
}

// get sends a request.
func (p *pair) get() uint64 {
	p.t.Helper()
	m := coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("x")}}}
	id, err := p.device.Request(p.now, m, coap.RequestOptions{}, &p.toServer)
	if err != nil {
		p.t.Fatal(err)
	}
	p.run()
	return id
}
