package handshake

import (
	"errors"
	"testing"
)

func TestClientCredential(t *testing.T) {
	for _, c := range []ClientCredential{
		{}, {Mode: ModeKEM, ID: [16]byte{1}}, {Mode: ModeKEM, Token: "token"}, {Mode: ModePSK, ID: [16]byte{2}},
	} {
		if got, err := parseClientCredential(c.object()); err != nil || got != c {
			t.Errorf("%v became %v, error = %v", c, got, err)
		}
	}
}

// TestTokenMisuse: a device shows no token of another key, and none without a key.
func TestTokenMisuse(t *testing.T) {
	for _, row := range []struct {
		name   string
		mode   Mode
		change func(cfg *InitiatorConfig)
	}{
		{"of another key", ModeKEM, func(cfg *InitiatorConfig) { cfg.Token = token(mustKey(t, MLKEM768, "other").Public(), "") }},
		{"empty", ModeKEM, func(cfg *InitiatorConfig) { cfg.Token = []byte{} }},
		{"too long", ModeKEM, func(cfg *InitiatorConfig) {
			cfg.Token = append(token(cfg.Key.Public(), ""), make([]byte, MaxToken)...)
		}},
		{"in mode none", ModeNone, func(cfg *InitiatorConfig) { cfg.Token = token(mustKey(t, MLKEM768, "device").Public(), "") }},
		{"in mode psk", ModePSK, func(cfg *InitiatorConfig) { cfg.Token = token(mustKey(t, MLKEM768, "device").Public(), "") }},
	} {
		p := newPair(t, MLKEM768, row.mode)
		row.change(&p.cfg)
		if i, err := NewInitiator(random("x"), p.cfg); i != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: error = %v, want %v", row.name, err, ErrMisuse)
		}
	}
}

// TestTokenGrant: the server grants no key but the one in the token.
func TestTokenGrant(t *testing.T) {
	p := newPair(t, MLKEM768, ModeKEM)
	p.cfg.Token = token(p.cfg.Key.Public(), "device")
	a := p.accept(p.initiator().M1())
	for name, key := range map[string]*PublicKey{
		"another key": mustKey(t, MLKEM768, "stranger").Public(), "another suite": mustKey(t, XWing, "device").Public(), "no key": nil,
	} {
		g := p.grant
		g.Key = key
		if _, _, err := a.Respond(random("x"), g); !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: error = %v, want %v", name, err, ErrMisuse)
		}
	}
	if _, _, err := a.Respond(random("x"), p.grant); err != nil {
		t.Errorf("then the right key: %v", err)
	}
}

// TestTokenThenTicket: a ticket names the key that the token was for, so it is good with a
// renewed token too; the server's side of it is the credential that the device trusted.
func TestTokenThenTicket(t *testing.T) {
	c := newChain(t, MLKEM512, ModeKEM)
	credS, renewed := token(c.serverKey.Public(), "server"), token(c.serverKey.Public(), "renewed")
	c.responder = NewResponder(mustIdentity(t, c.serverKey, credS))
	c.certify(credS)
	c.cfg.Token = token(c.cfg.Key.Public(), "device")
	i := c.initiator()
	m2, server := c.respond(i.M1())
	device, err := i.Finish(m2)
	if err != nil {
		t.Fatal(err)
	}
	c.state = c.ticket(device, server)
	c.cfg.Token = token(c.cfg.Key.Public(), "renewed")
	c.responder = NewResponder(mustIdentity(t, c.serverKey, renewed, credS))
	a, err := c.open(c.resumer(false).M1R())
	if want := (ClientCredential{Mode: ModeKEM, ID: c.cfg.Key.Public().DeviceID()}); err != nil || a.Credential != want {
		t.Fatalf("credential %+v, error = %v, want %+v", a.Credential, err, want)
	}
	c.resume(true)
	c.responder = NewResponder(mustIdentity(t, c.serverKey, renewed))
	a, err = c.open(c.resumer(true).M1R())
	refuse(t, a, err, RefusedTicket)
}

// TestTokenImpostor shows the token of a device without having its key: as with a reference,
// m2 opens, and the keys are not the server's.
func TestTokenImpostor(t *testing.T) {
	for _, suite := range allSuites {
		p := newPair(t, suite, ModeKEM)
		p.cfg.Token = token(p.cfg.Key.Public(), "device")
		own := mustKey(t, suite, "impostor")
		p.cfg.Key = &PrivateKey{own.seed, own.kem, p.cfg.Key.public}
		differ(t, p)
	}
}
