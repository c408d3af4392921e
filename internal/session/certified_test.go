package session

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// TestCertified: neither knows the other's key before. What lasts of the session is the name
// of the device's key.
func TestCertified(t *testing.T) {
	f := newFleet(t)
	serverKey, deviceKey := testKeys()
	token := f.token(cwt.UsageServer, nil)
	p := newPair(t, f.server(f.identity(serverKey, token)), f.device())
	p.confirm()
	if !bytes.Equal(p.device.Server().Bytes(), token) {
		t.Error("the device trusts something else than the token")
	}
	session := p.server.Device(p.now, "device")
	if want := (handshake.ClientCredential{Mode: handshake.ModeKEM, ID: deviceKey.Public().DeviceID()}); session == nil || session.credential != want {
		t.Fatalf("session of another device: %v", session)
	}
	p.get()
	if p.served() != 1 {
		t.Error("a request was not served")
	}
	state, err := Save(p.server)
	if err != nil {
		t.Fatal(err)
	}
	again := f.server(f.identity(serverKey, token))
	if err := Load(p.now, state, again); err != nil || again.Device(epoch, "device") == nil {
		t.Errorf("after a restart the session is gone: %v", err)
	}
}

// TestCertifiedLargest: the largest tokens there are, of suite 4 and ML-DSA-65, fit into one m1
// and one cred_S.
func TestCertifiedLargest(t *testing.T) {
	const suite = handshake.MLKEM1024
	authority, err := cwt.GenerateAuthority(rand.Reader, cwt.MLDSA65)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("n", 64)
	issue := func(usage cwt.Usage) (*handshake.PrivateKey, []byte) {
		key, err := handshake.GenerateKey(rand.Reader, suite)
		if err != nil {
			t.Fatal(err)
		}
		token, err := authority.Issue(rand.Reader, cwt.Claims{
			Issuer: name, Subject: name, Usage: usage, Key: key.Public(), NotBefore: epoch, Issued: epoch, Expires: epoch.AddDate(20, 0, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		return key, token
	}
	verify := func(token []byte, usage cwt.Usage) (*cwt.Claims, error) {
		return authority.Public().Verify(token, cwt.Want{Issuer: name, Usage: usage, Suite: suite, Now: epoch})
	}
	f := newFleet(t)
	serverKey, serverToken := issue(cwt.UsageServer)
	deviceKey, deviceToken := issue(cwt.UsageDevice)
	server := newTestServer(func(c *ServerConfig) {
		c.Identities = []handshake.Identity{f.identity(serverKey, serverToken)}
		c.Authorize = func(_ handshake.Suite, c handshake.ClientCredential) (Client, error) {
			claims, err := verify([]byte(c.Token), cwt.UsageDevice)
			if err != nil {
				return Client{}, err
			}
			return Client{Name: claims.Subject, Key: claims.Key}, nil
		}
	})
	p := newPair(t, server, DeviceConfig{Suite: suite, Key: deviceKey, Token: deviceToken, Rand: rand.Reader,
		Verify: func(token []byte) (*handshake.ServerCredential, error) {
			claims, err := verify(token, cwt.UsageServer)
			if err != nil {
				return nil, err
			}
			return handshake.NewCertifiedCredential(claims.Key, token)
		}})
	p.confirm()
	t.Logf("token %d B, m1 %d B, to the server %d B, to the device %d B", len(deviceToken), p.device.Stats().M1,
		p.device.Stats().Handshake.BytesOut, p.device.Stats().Handshake.BytesIn)
}

// TestCertifiedResume: a ticket is good while the credential is that it came with, and no
// longer: an expired one is replaced before anything is resumed or restored.
func TestCertifiedResume(t *testing.T) {
	f := newFleet(t)
	serverKey, _ := testKeys()
	server := f.server(f.identity(serverKey, f.token(cwt.UsageServer, nil)))
	p := newPair(t, server, f.device())
	p.confirm()
	trusted := p.device.Server()

	cfg := f.device() // with a token that was renewed meanwhile
	cfg.Server, cfg.Resume = trusted, p.ticket()
	p = p.next(cfg)
	p.confirm()
	if !p.device.Stats().Resumed {
		t.Error("not resumed")
	}
	ticket := p.ticket()
	p.pass(time.Minute)
	state, err := p.device.Save()
	if err != nil {
		t.Fatal(err)
	}
	cfg = f.device()
	if _, err := RestoreDevice(p.now, cfg, state); !errors.Is(err, ErrState) {
		t.Errorf("without the credential: restored, error = %v", err)
	}
	cfg.Server = trusted
	if _, err := RestoreDevice(p.now, cfg, state); err != nil {
		t.Errorf("not restored: %v", err)
	}

	f.now = epoch.Add(25 * time.Hour)
	if _, err := RestoreDevice(p.now, cfg, state); !errors.Is(err, ErrState) {
		t.Errorf("with an expired credential: restored, error = %v", err)
	}
	longer := func(c *cwt.Claims) { c.Expires = epoch.Add(48 * time.Hour) }
	renewed := f.token(cwt.UsageServer, longer)
	server.SetIdentities([]handshake.Identity{f.identity(serverKey, renewed, trusted.Bytes())})
	cfg.Resume, cfg.Token = ticket, f.token(cwt.UsageDevice, longer)
	p = p.next(cfg)
	p.confirm()
	if p.device.Stats().Resumed || !bytes.Equal(p.device.Server().Bytes(), renewed) {
		t.Error("resumed with an expired credential")
	}
}

// TestRotation: two keys side by side. Who has pinned the old one is told of the new one, and
// finds it by GET /hs; when the old one is gone, it is refused without proof.
func TestRotation(t *testing.T) {
	oldKey, _ := testKeys()
	newKey, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	server := lasting(t)
	server.SetIdentities([]handshake.Identity{newKey.Identity(), oldKey.Identity()})
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.confirm()
	body, _, found := server.Public([]string{"hs"}, []string{"s=3"})
	pin, err := handshake.ParseServerCredential(body)
	if err != nil || !found || p.device.Result().Peer.Successor != pin.KeyID() || pin.KeyID() != newKey.ServerCredential().KeyID() {
		t.Fatalf("successor %x, error = %v", p.device.Result().Peer.Successor, err)
	}
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Server = pin
	p = p.next(cfg)
	p.confirm()
	if p.device.Result().Peer.Successor != [8]byte{} {
		t.Error("a successor of the newest key")
	}
	server.SetIdentities([]handshake.Identity{newKey.Identity()})
	p = p.next(deviceConfig(handshake.ModeKEM))
	p.pass(HandshakeTimeout)
	var hint *HintError
	if !errors.As(p.device.err, &hint) {
		t.Errorf("the old key: error %v", p.device.err)
	}
}
