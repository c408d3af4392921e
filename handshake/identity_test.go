package handshake

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
)

// token stands for one of an authority: this package only looks whether the key is in it.
func token(k *PublicKey, name string) []byte {
	return append(append([]byte(name), k.Bytes()...), "signature"...)
}

func mustIdentity(t testing.TB, k *PrivateKey, tokens ...[]byte) Identity {
	t.Helper()
	id, err := k.Identity().Certified(tokens...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIdentity(t *testing.T) {
	for _, suite := range allSuites {
		k := mustKey(t, suite, "server")
		if id := k.Identity(); id.Suite() != suite || id.Token() != nil || id.Pinned().KeyID() != k.ServerCredential().KeyID() {
			t.Errorf("%v: another identity", suite)
		}
		newer, older := token(k.Public(), "newer"), token(k.Public(), "older")
		id := mustIdentity(t, k, newer, older)
		if c := id.Token(); !bytes.Equal(c.Bytes(), newer) || c.Fingerprint() != sha256.Sum256(newer) || !c.Certified() || id.Pinned().Certified() {
			t.Errorf("%v: another token", suite)
		}
		newer[0]++
		if bytes.Equal(id.Token().Bytes(), newer) {
			t.Errorf("%v: the token is aliased", suite)
		}
	}
}

func TestCertifiedErrors(t *testing.T) {
	k := mustKey(t, MLKEM512, "server")
	for _, row := range []struct {
		name  string
		token []byte
		want  error
	}{
		{"baseline", token(k.Public(), ""), nil},
		{"of another key", token(mustKey(t, MLKEM512, "other").Public(), ""), ErrKey},
		{"nothing", nil, ErrKey},
		{"too long", append(token(k.Public(), ""), make([]byte, MaxToken)...), ErrMalformed},
	} {
		if _, err := k.Identity().Certified(token(k.Public(), "first"), row.token); !errors.Is(err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
	}
}

// TestCertifiedHandshake: a device that trusts a token, old or new, and one that has a token,
// in every suite.
func TestCertifiedHandshake(t *testing.T) {
	for _, suite := range allSuites {
		p := newPair(t, suite, ModeKEM)
		newer, older := token(p.serverKey.Public(), "newer"), token(p.serverKey.Public(), "older")
		p.responder = NewResponder(mustIdentity(t, p.serverKey, newer, older))
		for _, credS := range [][]byte{newer, older} {
			p.certify(credS)
			p.cfg.Token = token(p.cfg.Key.Public(), "device")
			i := p.initiator()
			a := p.accept(i.M1())
			if a.Credential != (ClientCredential{Mode: ModeKEM, Token: string(p.cfg.Token)}) {
				t.Errorf("%v: accepted mode %v, ID %x", suite, a.Credential.Mode, a.Credential.ID)
			}
			m2, server, err := a.Respond(random("responder"), p.grant)
			if err != nil {
				t.Fatal(err)
			}
			device, err := i.Finish(m2)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, p, device, server)
		}
	}
}

func (p *pair) certify(credS []byte) {
	p.t.Helper()
	c, err := NewCertifiedCredential(p.serverKey.Public(), credS)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cfg.Server = c
}

// TestUnknownToken: a token that the server does not know, of its own key, is no way in: the
// name and all that it says are part of what the two agree on.
func TestUnknownToken(t *testing.T) {
	p := newPair(t, MLKEM768, ModeNone)
	p.responder = NewResponder(mustIdentity(t, p.serverKey, token(p.serverKey.Public(), "known")))
	p.certify(token(p.serverKey.Public(), "another name"))
	m, err := ParseM1(p.initiator().M1())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.responder.Open(m); !errors.Is(err, ErrUnknownKey) || p.responder.Knows(m) {
		t.Errorf("unknown token: error = %v, want %v", err, ErrUnknownKey)
	}
	for _, kid := range [][8]byte{p.serverKey.ServerCredential().KeyID(), mustIdentity(t, p.serverKey, token(p.serverKey.Public(), "known")).Token().KeyID()} {
		m.KeyID = kid // and under the name of each credential of that key
		if _, err := p.responder.Open(m); !errors.Is(err, ErrRejected) {
			t.Errorf("another cred_S of the key: error = %v, want %v", err, ErrRejected)
		}
	}
}

// TestSuccessor: who has pinned an older key is told of the newer one, in a handshake and in a
// resumption; who trusts an authority, or has the newer key, is not.
func TestSuccessor(t *testing.T) {
	older := mustKey(t, MLKEM768, "server")
	newer, other := mustKey(t, MLKEM768, "newer"), mustKey(t, XWing, "other suite")
	want := newer.ServerCredential().KeyID()
	for _, row := range []struct {
		name string
		key  *PrivateKey
		cred *ServerCredential
		want [8]byte
	}{
		{"older, pinned", older, older.ServerCredential(), want},
		{"older, certified", older, mustIdentity(t, older, token(older.Public(), "")).Token(), [8]byte{}},
		{"newer, pinned", newer, newer.ServerCredential(), [8]byte{}},
	} {
		c := newChain(t, MLKEM768, ModeKEM)
		c.responder = NewResponder(other.Identity(), newer.Identity(), mustIdentity(t, older, token(older.Public(), "")), older.Identity())
		c.pair.cfg.Server, c.pair.serverKey = row.cred, row.key
		i := c.initiator()
		m2, server := c.respond(i.M1())
		device, err := i.Finish(m2)
		if err != nil {
			t.Fatal(err)
		}
		if device.Peer.Successor != row.want {
			t.Errorf("%s: successor %x, want %x", row.name, device.Peer.Successor, row.want)
		}
		c.state = c.ticket(device, server)
		r := c.resumer(true)
		m2r, _ := c.answer(r.M1R(), "responder")
		resumed, err := r.Finish(m2r)
		if err != nil {
			t.Fatal(err)
		}
		if resumed.Peer.Successor != row.want {
			t.Errorf("%s: successor %x in a resumption, want %x", row.name, resumed.Peer.Successor, row.want)
		}
	}
}
