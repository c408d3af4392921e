package session

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

func testKey(t *testing.T, suite handshake.Suite) *handshake.PrivateKey {
	t.Helper()
	k, err := handshake.GenerateKey(rand.Reader, suite)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestFirstUse: any key of the suite is taken, and can be asked for afterwards.
func TestFirstUse(t *testing.T) {
	cfg := deviceConfig(handshake.ModeKEM)
	want := cfg.Server.Fingerprint()
	cfg.Server, cfg.FirstUse = nil, true
	p := newPair(t, newTestServer(nil), cfg)
	p.opened()
	if p.device.Server().Fingerprint() != want {
		t.Error("another key")
	}
	for name, offered := range map[string][]byte{
		"garbage":       []byte("x"),
		"another suite": testKey(t, handshake.MLKEM768).ServerCredential().Bytes(),
	} {
		p := newPair(t, newTestServer(nil), cfg)
		p.device.trust(p.now, offered, &p.toServer)
		if p.device.Server() != nil || !errors.Is(p.device.Hint(), ErrCredential) || p.device.state != fetching {
			t.Errorf("%s: %v", name, p.device.Hint())
		}
	}
}

// TestFingerprintNamed: where the pinned key is not taken, the error has what is offered in its
// place.
func TestFingerprintNamed(t *testing.T) {
	other := testKey(t, handshake.MLKEM512)
	server := newTestServer(func(c *ServerConfig) { c.Identities = []handshake.Identity{other.Identity()} })
	cfg := deviceConfig(handshake.ModeKEM)
	p := newPair(t, server, cfg)
	p.run()
	p.pass(HandshakeTimeout)
	var named *FingerprintError
	var hint *HintError
	if err := p.device.err; !errors.As(err, &named) || !errors.As(err, &hint) || !errors.Is(err, ErrFingerprint) || !errors.Is(err, ErrHandshakeTimeout) {
		t.Fatalf("error %v", p.device.err)
	}
	if named.Pinned != cfg.Server.Fingerprint() || named.Offered != other.ServerCredential().Fingerprint() {
		t.Errorf("%v", named)
	}
}

// TestFingerprintUnnamed: asking for it does not take long, and what it is asked for stays said.
func TestFingerprintUnnamed(t *testing.T) {
	p := newPair(t, newTestServer(func(c *ServerConfig) { c.Identities = nil }), deviceConfig(handshake.ModeKEM))
	p.run()
	for !p.device.checking {
		p.pass(firstPause)
	}
	p.toServer.Reset()
	begin := p.now
	for p.device.state != closed {
		p.now = p.device.Deadline()
		p.device.Advance(p.now, &p.toServer) // nobody hears it
		p.toServer.Reset()
	}
	var hint *HintError
	if took := p.now.Sub(begin); took > checkTime || !errors.As(p.device.err, &hint) {
		t.Errorf("after %v: %v", took, p.device.err)
	}
}

// TestFetchedAgain: a server that does not know its credential any more is asked for another, once
// an attempt.
func TestFetchedAgain(t *testing.T) {
	f := newFleet(t)
	serverKey, _ := testKeys()
	old, err := f.verify(f.token(cwt.UsageServer, nil))
	if err != nil {
		t.Fatal(err)
	}
	newer := testKey(t, handshake.MLKEM512)
	token := f.token(cwt.UsageServer, func(c *cwt.Claims) { c.Key = newer.Public() })
	cfg := f.device()
	cfg.Server = old
	p := newPair(t, f.server(f.identity(newer, token)), cfg)
	p.run()
	p.pass(firstPause)
	p.opened()
	if !bytes.Equal(p.device.Server().Bytes(), token) {
		t.Error("the old credential is trusted still")
	}

	p = newPair(t, f.server(serverKey.Identity()), cfg)
	p.run()
	p.pass(HandshakeTimeout)
	if p.device.err == nil || p.device.stats.Hints != maxHints {
		t.Errorf("%d hints, %v", p.device.stats.Hints, p.device.err)
	}
}

// TestFormer: a ticket and a session of the key before are gone on with, of another they are not.
func TestFormer(t *testing.T) {
	next := testKey(t, handshake.MLKEM512)
	oldKey, _ := testKeys()
	server := lasting(t)
	server.SetIdentities([]handshake.Identity{next.Identity(), oldKey.Identity()})
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.confirm()
	former := p.device.Server().Fingerprint()
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Server, cfg.Former, cfg.Resume = next.ServerCredential(), former, p.ticket()
	p = p.next(cfg)
	p.confirm()
	if !p.device.Stats().Resumed || p.device.Trusts() != former {
		t.Error("not resumed, or not from the session with the key before")
	}
	ticket := p.ticket()
	p.pass(time.Minute)
	state, err := p.device.Save()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := RestoreDevice(p.now, cfg, state); err != nil || d.Trusts() != former {
		t.Errorf("not restored: %v", err)
	}
	cfg.Former, cfg.Resume = testKey(t, handshake.MLKEM512).ServerCredential().Fingerprint(), ticket
	p = p.next(cfg)
	p.confirm()
	if p.device.Stats().Resumed || p.device.Trusts() != next.ServerCredential().Fingerprint() {
		t.Error("resumed by the ticket of a key that is not trusted")
	}
}
