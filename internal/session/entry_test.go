package session

import (
	"bytes"
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

// What a session is goes into its entry and comes out of it.
func TestEntry(t *testing.T) {
	p := newPair(t, lasting(t), deviceConfig(handshake.ModeKEM))
	p.confirm()
	for _, peer := range []string{"198.51.100.7:40000", "[2001:db8::1]:1", "[fe80::1%eth0]:5683"} {
		for _, name := range []string{"", "device", string(make([]byte, mostName))} {
			s := p.server.Device(p.now, "device")
			s.ch.path = record.NewPath(netip.MustParseAddrPort(peer))
			s.name, s.Listen, s.idle, s.payload = name, true, 3*time.Hour, 1200
			s.until = epoch.Add(time.Duration(len(name)) * time.Hour)
			e := s.writeEntry([]byte("before"), []byte("records"))[len("before"):]
			got, ok := parseEntry(append(bytes.Clone(e), 0, 0))
			if !ok || !bytes.Equal(got, e) {
				t.Fatalf("%q at %s: %v, %x", name, peer, ok, got)
			}
			again := got.session()
			if again.Holder() != s.Holder() || again.Peer() != s.Peer() || !again.heard.Equal(s.heard) || again.token != s.token ||
				again.sessionID != s.sessionID || again.idle != s.idle || again.payload != s.payload || !again.Listen || again.serial != s.serial || !again.until.Equal(s.until) {
				t.Errorf("%q at %s comes back as %+v", name, peer, again)
			}
			if records := got.parts().records; string(records) != "records" {
				t.Errorf("records %q", records)
			}
			for n := range e {
				if _, ok := parseEntry(e[:n]); ok {
					t.Fatalf("%d of %d bytes are an entry", n, len(e))
				}
			}
			s.name = "device"
		}
	}
}

// Whatever bytes are loaded as sessions: no panic, also when they wake.
func FuzzLoadEntry(f *testing.F) {
	p := newPair(&testing.T{}, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.confirm()
	e, err := p.server.Device(p.now, "device").appendEntry(nil)
	if err != nil {
		f.Fatal(err)
	}
	copy(e[entryMark:], make([]byte, 8)) // of a client without a key
	f.Add([]byte(e))
	f.Add([]byte(e[:entryHead]))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 8 && b[0] >= 0xC0 {
			b[1], b[2] = 0, 0 // a slot whose table fits the memory
		}
		s := NewServer(ServerConfig{
			Identities: p.server.cfg.Identities, Rand: rand.Reader, Echo: p.server.cfg.Echo,
			Authorize: func(handshake.Suite, handshake.ClientCredential) (Client, error) {
				if len(b) < entryHead {
					return Client{}, nil
				}
				e, _ := parseEntry(b)
				return Client{Name: string(e.name())}, nil
			},
		})
		state, err := cbor.Marshal(savedServer{Version: savedVersion, Sessions: [][]byte{b}})
		if err != nil {
			t.Fatal(err)
		}
		if err := Load(epoch, state, s); err != nil {
			t.Fatal(err)
		}
		sound(t, s)
		holders, _ := s.Holders(Page{})
		for _, h := range holders {
			s.Session(epoch, h.Ref)
		}
		sound(t, s)
		s.Close(epoch, &Outbox{})
	})
}
