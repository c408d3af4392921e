package handshake

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestInitiatorMisuse(t *testing.T) {
	server := mustKey(t, MLKEM768, "server").ServerCredential()
	for _, row := range []struct {
		name string
		cfg  InitiatorConfig
	}{
		{"no server", InitiatorConfig{}},
		{"key and PSK", InitiatorConfig{Server: server, Key: mustKey(t, MLKEM768, "x"), PSK: mustPSK(t, "x")}},
		{"key of another suite", InitiatorConfig{Server: server, Key: mustKey(t, XWing, "x")}},
		{"empty PSK", InitiatorConfig{Server: server, PSK: &PSK{ID: [16]byte{1}}}},
		{"echo", InitiatorConfig{Server: server, Parameters: Parameters{Echo: []byte("12345678")}}},
		{"parameters", InitiatorConfig{Server: server, Parameters: Parameters{IdleTimeout: time.Millisecond}}},
	} {
		if i, err := NewInitiator(random("x"), row.cfg); i != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: error = %v, want %v", row.name, err, ErrMisuse)
		}
	}
}

func TestInitiatorRandomness(t *testing.T) {
	p := newPair(t, MLKEM768, ModeKEM)
	for _, n := range []int{0, 63, 64, 95} { // 64 for sk_e, 32 for ct_S
		if i, err := NewInitiator(bytes.NewReader(make([]byte, n)), p.cfg); i != nil || err == nil {
			t.Errorf("%d random bytes were enough", n)
		}
	}
	if _, err := NewInitiator(bytes.NewReader(make([]byte, 96)), p.cfg); err != nil {
		t.Errorf("96 random bytes were not enough: %v", err)
	}
}

// TestFinishAgain: what does not open leaves the Initiator as it was; what opens ends it.
func TestFinishAgain(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		i := p.initiator()
		stranger, err := NewInitiator(random("another device"), p.cfg)
		if err != nil {
			t.Fatal(err)
		}
		other, _ := p.respond(stranger.M1())
		long := encode(answerObject{First: make([]byte, p.suite.CiphertextSize()), Sealed: make([]byte, 2049)})
		short := encode(answerObject{First: make([]byte, p.suite.CiphertextSize()-1), Sealed: make([]byte, 99)})
		for _, b := range [][]byte{nil, {0x82}, []byte("junk"), i.M1(), other, long, short} {
			rejected(t, i, b)
		}
		m2, server := p.respond(i.M1())
		device, err := i.Finish(m2)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, p, device, server)
		if _, err := i.Finish(m2); !errors.Is(err, ErrMisuse) {
			t.Errorf("second Finish: error = %v, want %v", err, ErrMisuse)
		}
		if !bytes.Equal(i.step1.s1, make([]byte, len(i.step1.s1))) || i.skE != nil {
			t.Error("s1 or sk_e was left")
		}
	})
}

// craftM2 answers a with a plaintext_2 of the test's, sealed as a server would.
func craftM2(t *testing.T, a *Accepted, plain []byte) []byte {
	t.Helper()
	ctE, ssE, err := a.Suite.encapsulate(a.pkE, random("ct_e"))
	if err != nil {
		t.Fatal(err)
	}
	step2 := a.step1.next(ctE, ssE)
	return encode(answerObject{First: ctE, Sealed: seal(step2.k2(), plain)})
}

// TestFinishForm: a server that leaves out the encapsulation to the device's key, or adds
// one that was not asked for, is refused like any other m2.
func TestFinishForm(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		i := p.initiator()
		good := plaintext2{connID: []byte{1}}
		bad := plaintext2{connID: []byte{1}, ctC: make([]byte, p.suite.CiphertextSize())}
		if p.mode == ModeKEM {
			good, bad = bad, good
		}
		rejected(t, i, craftM2(t, p.accept(i.M1()), bad.encode()))
		rejected(t, i, craftM2(t, p.accept(i.M1()), append(good.encode(), 0)))
		rejected(t, i, craftM2(t, p.accept(i.M1()), nil))
		if _, err := i.Finish(craftM2(t, p.accept(i.M1()), good.encode())); err != nil {
			t.Errorf("baseline: %v", err)
		}
	})
}

// TestWrongPin: a device that trusts another key than the server has.
func TestWrongPin(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		p.cfg.Server = mustKey(t, p.suite, "another server").ServerCredential()
		i := p.initiator()
		m, err := ParseM1(i.M1())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.responder.Open(m); !errors.Is(err, ErrUnknownKey) || p.responder.Knows(m) {
			t.Errorf("unknown kid_S: error = %v, want %v", err, ErrUnknownKey)
		}
		m.KeyID = p.serverKey.ServerCredential().KeyID() // and with the right name
		if _, err := p.responder.Open(m); !errors.Is(err, ErrRejected) {
			t.Errorf("wrong pk_S: error = %v, want %v", err, ErrRejected)
		}
	})
}

// TestImpostor names the key of a device without having it: m2 opens, as it is sealed for
// whoever made m1, but the keys are not the server's.
func TestImpostor(t *testing.T) {
	for _, suite := range allSuites {
		p := newPair(t, suite, ModeKEM)
		own := mustKey(t, suite, "impostor")
		p.cfg.Key = &PrivateKey{own.seed, own.kem, p.cfg.Key.public}
		differ(t, p)
	}
}

// TestWrongPSK: two keys under one identifier show in the keys only.
func TestWrongPSK(t *testing.T) {
	for _, suite := range allSuites {
		p := newPair(t, suite, ModePSK)
		p.grant.PSK = &PSK{ID: p.cfg.PSK.ID, Key: mustPSK(t, "impostor").Key}
		differ(t, p)
	}
}

func differ(t *testing.T, p *pair) {
	t.Helper()
	i := p.initiator()
	m2, server := p.respond(i.M1())
	device, err := i.Finish(m2)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(device.SendSecret, server.ReceiveSecret) ||
		bytes.Equal(device.ReceiveSecret, server.SendSecret) ||
		bytes.Equal(device.Resumption, server.Resumption) ||
		bytes.Equal(device.Exporter, server.Exporter) {
		t.Errorf("%v, %v: a key in common", p.suite, p.mode)
	}
}

func TestInitiatorClose(t *testing.T) {
	p := newPair(t, MLKEM512, ModeNone)
	i := p.initiator()
	m2, _ := p.respond(i.M1())
	i.Close()
	if _, err := i.Finish(m2); !errors.Is(err, ErrMisuse) {
		t.Errorf("Finish after Close: error = %v, want %v", err, ErrMisuse)
	}
}
