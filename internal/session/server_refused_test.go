package session

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/wheel"
)

// refusals takes the server's events and leaves those of refusals.
func (p *pair) refusals() (found []Refused) {
	for ev, ok := p.server.Next(); ok; ev, ok = p.server.Next() {
		if ev.Kind == EventRefused {
			found = append(found, *ev.Refused)
		}
	}
	return found
}

// The operator gets to know why a device is refused, and the device does not.
func TestRefusedReason(t *testing.T) {
	reason := errors.New("suspended since Monday")
	_, deviceKey := testKeys()
	credential := handshake.ClientCredential{Mode: handshake.ModeKEM, ID: deviceKey.Public().DeviceID()}
	p := newPair(t, newTestServer(func(c *ServerConfig) {
		c.Authorize = func(handshake.Suite, handshake.ClientCredential) (Client, error) { return Client{}, reason }
	}), deviceConfig(handshake.ModeKEM))
	p.keepWork = true
	p.run()
	w := p.work[0]
	w.Run()
	p.server.Done(p.now, w, &p.toDevice)
	got := p.refusals()
	if len(got) != 1 || got[0] != (Refused{From: address, Suite: handshake.MLKEM512, Credential: credential, Reason: reason}) {
		t.Errorf("%+v", got)
	}
	p.run()
	var told *handshake.Refusal
	if err := p.device.err; !errors.As(err, &told) || told.Text != "credential not accepted" {
		t.Errorf("the device is told %v", err)
	}
}

// A session that is not confirmed is told of, with the name that its credential is of.
func TestRefusedNoRecord(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.opened()
	p.refusals()
	p.server.Advance(p.now.Add(halfOpenTimeout+wheel.Tick), &p.toDevice)
	if got := p.refusals(); len(got) != 1 || got[0].Reason != ErrNoRecord || got[0].Device != "device" || got[0].From != address {
		t.Errorf("%+v", got)
	}
}

// What is answered with a code alone has a reason too.
func TestRefusedPlain(t *testing.T) {
	other, err := handshake.GenerateKey(zeros{}, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	strange := deviceConfig(handshake.ModeKEM)
	strange.Server = other.ServerCredential()
	for want, cfg := range map[error]DeviceConfig{ErrNotOpened: strange, ErrNoRoom: deviceConfig(handshake.ModeKEM)} {
		p := newPair(t, newTestServer(nil), cfg)
		var got []Refused
		for i := 0; len(got) == 0 && i < 20; i++ { // datagram by datagram
			for _, b := range p.toServer.All() {
				p.server.Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
			}
			p.toServer.Reset()
			for ev, ok := p.server.Next(); ok; ev, ok = p.server.Next() {
				switch ev.Kind {
				case EventWork:
					ev.Work.Busy()
					p.server.Done(p.now, ev.Work, &p.toDevice)
				case EventRefused:
					got = append(got, *ev.Refused)
				}
			}
			for _, b := range p.toDevice.All() {
				p.device.Receive(p.now, b, &p.toServer)
			}
			p.toDevice.Reset()
		}
		if len(got) != 1 || got[0] != (Refused{From: address, Reason: want}) {
			t.Errorf("%+v, want %v", got, want)
		}
	}
}

// zeros is where a key comes from that no server has.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestSetPolicy(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.confirm()
	if p.server.Device(p.now, "device").Resumed() {
		t.Error("the session has come about by a ticket")
	}
	p.server.SetPolicy(Policy{IdleTimeout: time.Hour, AlwaysEcho: true})
	if p.server.cfg.Limits != DefaultLimits || p.server.cfg.IdleTimeout != time.Hour {
		t.Errorf("%+v", p.server.cfg)
	}
	p.get()
	p.device.Close(p.now, &Outbox{})
	p.pass(time.Hour - time.Second)
	if p.server.Device(p.now, "device") == nil {
		t.Error("the session has ended early")
	}
	p.pass(2 * time.Second)
	if p.server.Device(p.now, "device") != nil {
		t.Error("the session has not ended")
	}
	again := newPair(t, p.server, deviceConfig(handshake.ModeKEM))
	again.opened()
	if p.server.LaneStats().EchoDemanded == 0 {
		t.Error("no Echo was demanded")
	}
}
