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

// TestCertifiedServerRejected: what a device does not take for its server, by no handshake.
func TestCertifiedServerRejected(t *testing.T) {
	f := newFleet(t)
	serverKey, deviceKey := testKeys()
	_, stranger := authorities()
	for _, row := range []struct {
		name string
		key  *handshake.PrivateKey
		cred []byte
		want error
	}{
		{"a device's token", deviceKey, f.token(cwt.UsageDevice, nil), cwt.ErrUsage},
		{"a device's token under the server's name", deviceKey, f.token(cwt.UsageDevice, func(c *cwt.Claims) { c.Subject = "server" }), cwt.ErrUsage},
		{"another server's", serverKey, f.token(cwt.UsageServer, func(c *cwt.Claims) { c.Subject = "other" }), cwt.ErrSubject},
		{"of another issuer", serverKey, f.token(cwt.UsageServer, func(c *cwt.Claims) { c.Issuer = "other" }), cwt.ErrIssuer},
		{"of another authority", serverKey, f.tokenBy(stranger, cwt.UsageServer, nil), cwt.ErrSignature},
		{"expired", serverKey, f.token(cwt.UsageServer, func(c *cwt.Claims) { c.Expires = epoch.Add(-time.Minute) }), cwt.ErrExpired},
		{"not yet valid", serverKey, f.token(cwt.UsageServer, func(c *cwt.Claims) { c.NotBefore = epoch.Add(time.Hour) }), cwt.ErrNotYet},
		{"the pinned form", serverKey, serverKey.ServerCredential().Bytes(), cwt.ErrMalformed},
	} {
		p := newPair(t, f.server(f.identity(row.key, row.cred)), f.device())
		p.pass(HandshakeTimeout)
		if !errors.Is(p.device.err, ErrCredential) || !errors.Is(p.device.err, row.want) || p.device.stats.M1 != 0 {
			t.Errorf("%s: error %v, m1 of %d bytes, want %v and none", row.name, p.device.err, p.device.stats.M1, row.want)
		}
	}
	p := newPair(t, f.server(serverKey.Identity()), f.device())
	p.pass(HandshakeTimeout)
	var hint *HintError
	if !errors.As(p.device.err, &hint) || p.device.stats.M1 != 0 {
		t.Errorf("a server without a token: error %v", p.device.err)
	}
}

// TestCertifiedMixUp: the device looks at what Verify gives back: its suite, and that it is
// what was offered.
func TestCertifiedMixUp(t *testing.T) {
	f := newFleet(t)
	token := f.token(cwt.UsageServer, nil)
	weak, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM768)
	if err != nil {
		t.Fatal(err)
	}
	other := f.token(cwt.UsageServer, func(c *cwt.Claims) { c.Key = weak.Public() })
	for name, verify := range map[string]func([]byte) (*handshake.ServerCredential, error){
		"a key of another suite": func([]byte) (*handshake.ServerCredential, error) {
			return handshake.NewCertifiedCredential(weak.Public(), other)
		},
		"another credential": func([]byte) (*handshake.ServerCredential, error) { return f.verify(f.token(cwt.UsageServer, nil)) },
	} {
		cfg := f.device()
		cfg.Verify = verify
		serverKey, _ := testKeys()
		p := newPair(t, f.server(f.identity(serverKey, token)), cfg)
		p.pass(HandshakeTimeout)
		if !errors.Is(p.device.err, ErrCredential) || p.device.stats.M1 != 0 {
			t.Errorf("%s: error %v, m1 of %d bytes", name, p.device.err, p.device.stats.M1)
		}
	}
}

// TestCertifiedStoredMixUp: what the device has kept is looked at in the same way: a token for a
// key of another suite, or the pin of before, is replaced by one that is fetched.
func TestCertifiedStoredMixUp(t *testing.T) {
	f := newFleet(t)
	serverKey, _ := testKeys()
	token := f.token(cwt.UsageServer, nil)
	other, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM768)
	if err != nil {
		t.Fatal(err)
	}
	otherSuite, err := handshake.NewCertifiedCredential(other.Public(), f.token(cwt.UsageServer, func(c *cwt.Claims) { c.Key = other.Public() }))
	if err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string]*handshake.ServerCredential{"of another suite": otherSuite, "a pin": serverKey.ServerCredential()} {
		cfg := f.device()
		cfg.Server = kept
		p := newPair(t, f.server(f.identity(serverKey, token)), cfg)
		p.confirm()
		if !bytes.Equal(p.device.Server().Bytes(), token) {
			t.Errorf("%s: the device trusts something else than the token", name)
		}
	}
}

// TestCertifiedOtherName: the holder of the key offers the credential that the device wants,
// but knows itself by another: the two do not agree, whoever passes the messages on. The device
// asks for its credential, and is shown the other name.
func TestCertifiedOtherName(t *testing.T) {
	f := newFleet(t)
	serverKey, _ := testKeys()
	cfg := f.device()
	var err error
	if cfg.Server, err = f.verify(f.token(cwt.UsageServer, nil)); err != nil {
		t.Fatal(err)
	}
	renamed := f.token(cwt.UsageServer, func(c *cwt.Claims) { c.Subject = "other" })
	p := newPair(t, f.server(f.identity(serverKey, renamed)), cfg)
	p.pass(HandshakeTimeout)
	if !errors.Is(p.device.err, ErrCredential) || p.server.Stats().HalfOpened != 0 {
		t.Errorf("error %v, %d sessions", p.device.err, p.server.Stats().HalfOpened)
	}
}

// TestCertifiedDeviceRejected: whichever check fails, the device is told the same.
func TestCertifiedDeviceRejected(t *testing.T) {
	f := newFleet(t)
	serverKey, deviceKey := testKeys()
	_, stranger := authorities()
	server := f.server(f.identity(serverKey, f.token(cwt.UsageServer, nil)))
	junk := append([]byte("junk"), deviceKey.Public().Bytes()...)
	for name, token := range map[string][]byte{
		"a server's token":     f.token(cwt.UsageServer, func(c *cwt.Claims) { c.Key = deviceKey.Public() }),
		"of another issuer":    f.token(cwt.UsageDevice, func(c *cwt.Claims) { c.Issuer = "other" }),
		"of another authority": f.tokenBy(stranger, cwt.UsageDevice, nil),
		"expired":              f.token(cwt.UsageDevice, func(c *cwt.Claims) { c.Expires = epoch.Add(-time.Minute) }),
		"not yet valid":        f.token(cwt.UsageDevice, func(c *cwt.Claims) { c.NotBefore = epoch.Add(time.Hour) }),
		"no token at all":      junk,
	} {
		cfg := f.device()
		cfg.Token = token
		p := newPair(t, server, cfg)
		p.pass(HandshakeTimeout)
		var refusal *handshake.Refusal
		want := handshake.Refusal{Code: handshake.RefusedCredential, Text: "credential not accepted"}
		if !errors.As(p.device.err, &refusal) || *refusal != want {
			t.Errorf("%s: error %v", name, p.device.err)
		}
	}
	if n := server.Stats().HalfOpened; n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestCertifiedGrant: an Authorizer that returns no key of the token lets nobody in.
func TestCertifiedGrant(t *testing.T) {
	f := newFleet(t)
	serverKey, _ := testKeys()
	for name, client := range map[string]Client{"no key": {Name: "device"}, "another key": {Name: "device", Key: serverKey.Public()}} {
		server := newTestServer(func(c *ServerConfig) {
			c.Identities = []handshake.Identity{f.identity(serverKey, f.token(cwt.UsageServer, nil))}
			c.Authorize = func(handshake.Suite, handshake.ClientCredential) (Client, error) { return client, nil }
		})
		p := newPair(t, server, f.device())
		p.pass(HandshakeTimeout)
		if p.device.err == nil || server.Stats().HalfOpened != 0 {
			t.Errorf("%s: error %v, %d sessions", name, p.device.err, server.Stats().HalfOpened)
		}
	}
}
