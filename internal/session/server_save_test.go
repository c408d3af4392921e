package session

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// multiplied is a saved table in which one session stands n times, under IDs and names of its own.
func multiplied(b testing.TB, n int) (state []byte, authorize Authorizer) {
	entries, authorize := crowd(b, n)
	rand.Shuffle(n, func(i, j int) { entries[i], entries[j] = entries[j], entries[i] }) // as Save may leave them
	state, err := cbor.Marshal(savedServer{Version: savedVersion, Sessions: entries})
	if err != nil {
		b.Fatal(err)
	}
	return state, authorize
}

// crowd are the entries of n sessions: true ones but for their IDs, which are not those of their
// records, and for their names.
func crowd(b testing.TB, n int) (entries [][]byte, authorize Authorizer) {
	p := newPair(&testing.T{}, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.confirm()
	session := p.server.Device(p.now, "device")
	session.mark = [8]byte{}
	state, err := session.ch.control.Export()
	if err != nil {
		b.Fatal(err)
	}
	ids := newIDSpace(p.server.cfg.Rand, 0, 1)
	names := make(map[[16]byte]Client)
	for i := range n {
		if session.id, err = ids.take(); err != nil {
			b.Fatal(err)
		}
		session.name = fmt.Sprintf("device-%d", i)
		session.credential.ID = [16]byte{byte(i), byte(i >> 8), byte(i >> 16)}
		names[session.credential.ID] = Client{Name: session.name}
		entries = append(entries, session.writeEntry(nil, state.Bytes()))
	}
	return entries, func(_ handshake.Suite, c handshake.ClientCredential) (Client, error) { return names[c.ID], nil }
}

// As many sessions come back as were saved, and can be saved again.
func TestSaveMany(t *testing.T) {
	const n = 2000
	state, authorize := multiplied(t, n)
	for range 2 {
		s := newTestServer(func(c *ServerConfig) { c.Authorize = authorize })
		if err := Load(epoch, state, s); err != nil || s.Stats().Sessions != n {
			t.Fatalf("%d sessions, %v", s.Stats().Sessions, err)
		}
		var err error
		if state, err = Save(s); err != nil {
			t.Fatal(err)
		}
	}
	s := newTestServer(func(c *ServerConfig) { c.Authorize, c.MaxSessions = authorize, 10 })
	if err := Load(epoch, state, s); err != nil || s.Stats().Sessions != 10 {
		t.Errorf("%d sessions where 10 have room, %v", s.Stats().Sessions, err)
	}
}

// go test -run - -bench ServerLoad ./internal/session
func BenchmarkServerLoad(b *testing.B) {
	for _, n := range []int{4000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			state, authorize := multiplied(b, n)
			for b.Loop() {
				b.StopTimer()
				s := newTestServer(func(c *ServerConfig) { c.Authorize = authorize })
				copied := append([]byte(nil), state...)
				b.StartTimer()
				if err := Load(epoch, copied, s); err != nil || s.Stats().Sessions != n {
					b.Fatal(s.Stats().Sessions, err)
				}
			}
		})
	}
}

// go test -run - -bench ServerSave ./internal/session
func BenchmarkServerSave(b *testing.B) {
	for _, n := range []int{4000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			state, authorize := multiplied(b, n)
			b.ReportMetric(float64(len(state))/float64(n), "B/session")
			for b.Loop() {
				b.StopTimer()
				s := newTestServer(func(c *ServerConfig) { c.Authorize = authorize })
				if err := Load(epoch, append([]byte(nil), state...), s); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := Save(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a session is configured to take it takes also when it goes on, at either end.
func TestForwardGoesOn(t *testing.T) {
	p := newPair(t, lasting(t, func(c *ServerConfig) { c.Forward = true }), deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.pass(time.Minute)
	// Of a session's configuration, an unknown critical option that is safe to forward tells.
	ask := func() {
		t.Helper()
		m := coap.Message{Code: coap.GET, Options: message.Options{{ID: 65001, Value: []byte{1}}}}
		if _, err := p.device.Request(p.now, m, coap.RequestOptions{}, &p.toServer); err != nil {
			t.Fatal(err)
		}
		p.run()
		if p.served() != 1 {
			t.Error("a request to be forwarded was not taken")
		}
		p.pass(time.Minute)
	}
	ask()
	state, err := Save(p.server)
	if err != nil {
		t.Fatal(err)
	}
	p.server = lasting(t, func(c *ServerConfig) { c.Forward = true })
	if err := Load(p.now, state, p.server); err != nil {
		t.Fatal(err)
	}
	ask()
	slept, err := p.device.Save()
	if err != nil {
		t.Fatal(err)
	}
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Forward = true
	if p.device, err = RestoreDevice(p.now, cfg, slept); err != nil {
		t.Fatal(err)
	}
	m := coap.Message{Code: coap.GET, Options: message.Options{{ID: 65001, Value: []byte{1}}}}
	if _, err := p.server.Request(p.now, p.server.Device(p.now, "device"), m, coap.RequestOptions{}, &p.toDevice); err != nil {
		t.Fatal(err)
	}
	p.events = nil
	p.run()
	for _, ev := range p.events {
		if ev.Kind == EventRequest {
			return
		}
	}
	t.Error("the device did not take a request to be forwarded")
}
