package session

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// TestFetchByFingerprint: GET /hs, then the handshake; the server's other keys are refused.
func TestFetchByFingerprint(t *testing.T) {
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Fingerprint, cfg.Server = cfg.Server.Fingerprint(), nil
	newPair(t, newTestServer(nil), cfg).opened()

	cfg.Fingerprint[31]++
	p := newPair(t, newTestServer(nil), cfg)
	p.pass(HandshakeTimeout)
	if !errors.Is(p.device.err, ErrFingerprint) || p.device.stats.M1 != 0 {
		t.Errorf("error %v, m1 of %d bytes sent: want ErrFingerprint and none", p.device.err, p.device.stats.M1)
	}
}

// TestHintsEndAnAttempt: four unsealed failures, each under a new tag after a longer pause.
func TestHintsEndAnAttempt(t *testing.T) {
	other := func(c *ServerConfig) { c.Identities = nil }
	p := newPair(t, newTestServer(other), deviceConfig(handshake.ModeKEM))
	p.run()
	p.pass(HandshakeTimeout)
	var hint *HintError
	if !errors.As(p.device.err, &hint) || hint.Code != coap.Unauthorized || !errors.Is(p.device.err, ErrHandshakeTimeout) {
		t.Fatalf("error %v, want a 4.01 as a hint", p.device.err)
	}
	if p.device.stats.Hints != maxHints {
		t.Errorf("%d hints, want %d", p.device.stats.Hints, maxHints)
	}
}

// TestHintThenSuccess: a forged failure delays a handshake and does not end it.
func TestHintThenSuccess(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.device.failure(p.now, &HintError{coap.Unauthorized})
	p.device.plain.Cancel(p.now, p.device.transfer, new(coap.Batch)) // as if the transfer had ended with it
	p.toServer.Reset()
	p.pass(firstPause)
	p.opened()
}

// TestSealedRefusal: believed at once, except "not now".
func TestSealedRefusal(t *testing.T) {
	stranger := deviceConfig(handshake.ModeKEM)
	stranger.Key, _ = testKeys() // not the key that is enrolled
	p := newPair(t, newTestServer(nil), stranger)
	p.run()
	var refusal *handshake.Refusal
	if !errors.As(p.device.err, &refusal) || refusal.Code != handshake.RefusedCredential {
		t.Errorf("error %v, want a refusal of the credential", p.device.err)
	}
}

func TestRefusedForNow(t *testing.T) {
	calls := 0
	busy := func(c *ServerConfig) {
		c.Authorize = func(handshake.Suite, handshake.ClientCredential) (Client, error) {
			if calls++; calls == 1 {
				return Client{}, &handshake.Refusal{Code: handshake.RefusedOverload, RetryAfter: 5 * time.Second, Text: "later"}
			}
			return Client{}, nil
		}
	}
	p := newPair(t, newTestServer(busy), deviceConfig(handshake.ModeNone))
	p.run()
	first := p.device.attempt
	p.pass(4 * time.Second)
	if p.device.state == closed || first != nil || calls != 1 {
		t.Fatalf("state %d after %d calls: want to wait", p.device.state, calls)
	}
	p.pass(2 * time.Second)
	p.opened()
}

// TestForgedM2: what does not open is fetched again.
func TestForgedM2(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	forged := 0
	var last [][]byte
	for range 400 {
		var up Outbox
		up, p.toServer = p.toServer, up
		for _, b := range up.All() {
			p.server.Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
			p.drain()
		}
		for _, b := range p.toDevice.All() {
			if len(b) > 300 && forged < 4 {
				b = bytes.Clone(b)
				b[len(b)-1] ^= 1
				forged++
			}
			last = append(last, b)
			p.device.Receive(p.now, bytes.Clone(b), &p.toServer)
		}
		p.toDevice.Reset()
		if p.device.state == open {
			break
		}
		p.now = earliest(p.now.Add(20*time.Millisecond), p.device.Deadline())
		p.device.Advance(p.now, &p.toServer)
	}
	if p.device.state != open || forged != 4 {
		t.Errorf("state %d after %d forged blocks in %d datagrams, want an open session", p.device.state, forged, len(last))
	}
}

// TestDeviceGivesUp: a server that never answers gets at most 150 datagrams in 60 s.
func TestDeviceGivesUp(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	sent := 0
	for p.device.state != closed {
		sent += p.toServer.Len()
		p.toServer.Reset()
		p.now = p.device.Deadline()
		p.device.Advance(p.now, &p.toServer)
	}
	if took := p.now.Sub(epoch); took != HandshakeTimeout || !errors.Is(p.device.err, ErrHandshakeTimeout) {
		t.Errorf("ended after %v with %v", took, p.device.err)
	}
	if sent > 150 || sent < 10 {
		t.Errorf("%d datagrams, want at most 150", sent)
	}
}

// TestUnconfirmedSessionEnds: a session whose first record is never answered ends.
func TestUnconfirmedSessionEnds(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.opened()
	for p.device.state != closed {
		p.now = p.device.Deadline()
		p.device.Advance(p.now, &p.toServer)
		p.toServer.Reset()
	}
	if !errors.Is(p.device.err, ErrHandshakeTimeout) {
		t.Errorf("ended with %v", p.device.err)
	}
}

// FuzzReceive: any datagram at either end, at any time of a session, panics nowhere and ends
// nothing.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{0x40, 0x01, 0, 1, 0xb2, 'h', 's'})
	f.Add([]byte{0x60, 0x44, 0, 1, 0xff, 1})
	f.Add([]byte{0x33, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18})
	f.Add(bytes.Repeat([]byte{0x23}, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		server := newTestServer(nil)
		p := newPair(t, server, deviceConfig(handshake.ModeNone))
		server.Receive(p.now, netip.AddrPortFrom(address.Addr(), 1), netip.Addr{}, bytes.Clone(b), &p.toDevice)
		p.toDevice.Reset()
		p.device.Receive(p.now, bytes.Clone(b), &p.toServer)
		p.opened()
		p.device.Receive(p.now, bytes.Clone(b), &p.toServer)
		p.confirm()
		server.Receive(p.now, p.from, netip.Addr{}, bytes.Clone(b), &p.toDevice)
		p.get()
		if len(p.requests) != 1 {
			t.Fatal("a datagram of a stranger ended the session")
		}
	})
}
