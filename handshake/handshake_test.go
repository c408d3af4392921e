package handshake

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	allSuites = Suites()
	allModes  = []Mode{ModeNone, ModeKEM, ModePSK}
)

// random is a deterministic source named by a string.
func random(name string) io.Reader { return rand.NewChaCha8(sha256.Sum256([]byte(name))) }

// A pair is a device and a server that fit together.
type pair struct {
	t         testing.TB
	suite     Suite
	mode      Mode
	serverKey *PrivateKey
	responder *Responder
	cfg       InitiatorConfig
	grant     Grant
}

func newPair(t testing.TB, suite Suite, mode Mode) *pair {
	t.Helper()
	p := &pair{t: t, suite: suite, mode: mode, serverKey: mustKey(t, suite, "server")}
	p.responder = NewResponder(p.serverKey.Identity())
	p.cfg = InitiatorConfig{
		Server:     p.serverKey.ServerCredential(),
		Parameters: Parameters{MaxUDPPayload: 1232, IdleTimeout: time.Hour},
	}
	p.grant = Grant{
		ConnectionID: []byte{0x40, 1},
		ResetToken:   [16]byte{1, 2, 3},
		Parameters:   Parameters{Echo: []byte("echoecho")},
	}
	switch mode {
	case ModeKEM:
		p.cfg.Key = mustKey(t, suite, "device")
		p.grant.Key = p.cfg.Key.Public()
	case ModePSK:
		p.cfg.PSK = mustPSK(t, "device")
		p.grant.PSK = p.cfg.PSK
	}
	return p
}

func mustKey(t testing.TB, suite Suite, name string) *PrivateKey {
	t.Helper()
	k, err := GenerateKey(random("key of "+name), suite)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustPSK(t testing.TB, name string) *PSK {
	t.Helper()
	k, err := GeneratePSK(random("psk of " + name))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p *pair) initiator() *Initiator {
	p.t.Helper()
	i, err := NewInitiator(random("initiator"), p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return i
}

func (p *pair) accept(m1 []byte) *Accepted {
	p.t.Helper()
	m, err := ParseM1(m1)
	if err != nil {
		p.t.Fatal(err)
	}
	a, err := p.responder.Open(m)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

func (p *pair) respond(m1 []byte) ([]byte, *Result) {
	p.t.Helper()
	m2, res, err := p.accept(m1).Respond(random("responder"), p.grant)
	if err != nil {
		p.t.Fatal(err)
	}
	return m2, res
}

// each runs f for every suite and mode.
func each(t *testing.T, f func(t *testing.T, p *pair)) {
	for _, suite := range allSuites {
		for _, mode := range allModes {
			t.Run(fmt.Sprintf("%v/%v", suite, mode), func(t *testing.T) { f(t, newPair(t, suite, mode)) })
		}
	}
}

func TestHandshake(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		i := p.initiator()
		a := p.accept(i.M1())
		if a.Suite != p.suite || a.Credential != p.cfg.credential(p.mode) {
			t.Errorf("accepted %v, %v", a.Suite, a.Credential)
		}
		if a.Parameters.MaxUDPPayload != 1232 || a.Parameters.IdleTimeout != time.Hour {
			t.Errorf("parameters of the device: %+v", a.Parameters)
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
	})
}

// agree checks that both results are of one session.
func agree(t *testing.T, p *pair, device, server *Result) {
	t.Helper()
	for name, eq := range map[string]bool{
		"c_ap":       bytes.Equal(device.SendSecret, server.ReceiveSecret),
		"s_ap":       bytes.Equal(device.ReceiveSecret, server.SendSecret),
		"exporter":   bytes.Equal(device.Exporter, server.Exporter),
		"resumption": bytes.Equal(device.Resumption, server.Resumption),
		"session id": device.SessionID == server.SessionID && device.SessionID != [16]byte{},
		"cid_S": bytes.Equal(device.ConnectionID, server.ConnectionID) &&
			bytes.Equal(device.ConnectionID, p.grant.ConnectionID),
		"token": device.ResetToken == server.ResetToken && device.ResetToken == p.grant.ResetToken,
		"suite": device.Suite == p.suite && server.Suite == p.suite,
		"mode":  device.Mode == p.mode && server.Mode == p.mode,
		"peers": bytes.Equal(device.Peer.Echo, p.grant.Parameters.Echo) && server.Peer.IdleTimeout == time.Hour,
	} {
		if !eq {
			t.Errorf("the two sides differ: %s", name)
		}
	}
	seen := map[string]bool{}
	sizes := []int{p.suite.Hash().Size(), p.suite.Hash().Size(), p.suite.Hash().Size(), 32}
	for n, s := range []Secret{device.SendSecret, device.ReceiveSecret, device.Exporter, device.Resumption} {
		if len(s) != sizes[n] || seen[string(s)] || bytes.Equal(s, make([]byte, len(s))) {
			t.Errorf("a secret is short, repeated or wiped")
		}
		seen[string(s)] = true
	}
}

// TestDeterministic: the same randomness gives the same bytes, so vectors can be made.
func TestDeterministic(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		i, j := p.initiator(), p.initiator()
		if !bytes.Equal(i.M1(), j.M1()) {
			t.Error("m1 differs")
		}
		m2, r := p.respond(i.M1())
		again, s := p.respond(j.M1())
		if !bytes.Equal(m2, again) || !bytes.Equal(r.Exporter, s.Exporter) {
			t.Error("m2 or keys differ")
		}
	})
}

// TestReplayedM1: what is made from a replayed m1 has other keys (X2 of the model).
func TestReplayedM1(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		i := p.initiator()
		m2, r := p.respond(i.M1())
		other, s, err := p.accept(i.M1()).Respond(random("another time"), p.grant)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(m2, other) || bytes.Equal(r.SendSecret, s.SendSecret) || r.SessionID == s.SessionID {
			t.Error("the replay gave the same session")
		}
	})
}

// TestChangedM1 flips every byte of m1, at a server that would answer it: none opens, and
// none fails in another way than by its class.
func TestChangedM1(t *testing.T) {
	for _, suite := range allSuites {
		p := newPair(t, suite, ModeKEM)
		m1 := p.initiator().M1()
		for n := range m1 {
			changed := bytes.Clone(m1)
			changed[n] ^= 1
			m, err := ParseM1(changed)
			if err != nil {
				if !errors.Is(err, ErrMalformed) {
					t.Fatalf("%v, byte %d: error = %v", suite, n, err)
				}
				continue
			}
			a, err := p.responder.Open(m)
			if a != nil || !errors.Is(err, ErrRejected) && !errors.Is(err, ErrUnknownKey) {
				t.Fatalf("%v, byte %d: accepted = %v, error = %v", suite, n, a != nil, err)
			}
		}
	}
}

// TestChangedM2 does the same to m2, and to its length; then the true m2 is still taken.
func TestChangedM2(t *testing.T) {
	for _, suite := range allSuites {
		p := newPair(t, suite, ModeKEM)
		i := p.initiator()
		m2, server := p.respond(i.M1())
		for n := range m2 {
			changed := bytes.Clone(m2)
			changed[n] ^= 1
			rejected(t, i, changed)
			rejected(t, i, m2[:n])
		}
		rejected(t, i, append(bytes.Clone(m2), 0))
		device, err := i.Finish(m2)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, p, device, server)
	}
}

func rejected(t *testing.T, i *Initiator, b []byte) {
	t.Helper()
	if res, err := i.Finish(b); res != nil || err != ErrRejected {
		t.Fatalf("Finish: result = %v, error = %v, want only ErrRejected", res != nil, err)
	}
}

// TestModeConfusion gives an m2 of each mode to a device of each other, over one transcript:
// the server answers as if sealed_1 had named what it did not.
func TestModeConfusion(t *testing.T) {
	for _, mode := range allModes {
		for _, other := range allModes {
			if mode == other {
				continue
			}
			p, q := newPair(t, MLKEM768, mode), newPair(t, MLKEM768, other)
			i := p.initiator()
			a := p.accept(i.M1())
			a.Credential = q.cfg.credential(other)
			m2, server, err := a.Respond(random("responder"), q.grant)
			if err != nil {
				t.Fatal(err)
			}
			device, err := i.Finish(m2)
			if mode == ModeKEM || other == ModeKEM {
				if err != ErrRejected {
					t.Errorf("%v took m2 of %v: error = %v", mode, other, err)
				}
				continue
			}
			if err != nil { // none and psk have one form: the keys tell
				t.Fatal(err)
			}
			if bytes.Equal(device.SendSecret, server.ReceiveSecret) {
				t.Errorf("%v and %v have the same keys", mode, other)
			}
		}
	}
}
