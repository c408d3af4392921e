package handshake

import (
	"bytes"
	"errors"
	"sync"
	"testing"
)

// craftM1 makes an m1 with a pk_e and plaintext_1 of the test's, sealed as a device would.
func craftM1(t testing.TB, p *pair, pkE, plain []byte) *M1 {
	t.Helper()
	cred := p.cfg.Server
	ctS, ssS, err := p.suite.encapsulate(cred.public.kem, random("ct_S"))
	if err != nil {
		t.Fatal(err)
	}
	step1 := newStep1(cred, pkE, ctS, ssS)
	return &M1{p.suite, cred.KeyID(), pkE, ctS, seal(step1.k1(), plain)}
}

// TestOpenFields: a plaintext_1 that opens is checked like any other input, and pk_e by
// FIPS 203 section 7.2.
func TestOpenFields(t *testing.T) {
	for _, suite := range allSuites {
		p := newPair(t, suite, ModeNone)
		pkE := mustKey(t, suite, "ephemeral").Public().Bytes()
		unreduced := bytes.Clone(pkE)
		setCoefficient(unreduced, 5, 3329)
		plain := encode([]any{nil, map[uint64]any{}})
		for _, row := range []struct {
			name       string
			pkE, plain []byte
			want       error
		}{
			{"baseline", pkE, plain, nil},
			{"unreduced pk_e", unreduced, plain, ErrRejected},
			{"no plaintext", pkE, nil, ErrRejected},
			{"trailing byte", pkE, append(bytes.Clone(plain), 0), ErrRejected},
			{"unknown form", pkE, encode([]any{[]any{4, pkE[:16]}, map[uint64]any{}}), ErrRejected},
		} {
			a, err := p.responder.Open(craftM1(t, p, row.pkE, row.plain))
			if !errors.Is(err, row.want) || (a == nil) != (err != nil) {
				t.Errorf("%v: %s: error = %v, want %v", suite, row.name, err, row.want)
			}
		}
	}
}

// TestGrantMisuse: one row a field that does not fit the device; each leaves the Accepted
// usable.
func TestGrantMisuse(t *testing.T) {
	stranger, strangerPSK := mustKey(t, MLKEM768, "stranger").Public(), mustPSK(t, "stranger")
	for _, row := range []struct {
		name   string
		mode   Mode
		change func(g *Grant)
	}{
		{"no key", ModeKEM, func(g *Grant) { g.Key = nil }},
		{"another key", ModeKEM, func(g *Grant) { g.Key = stranger }},
		{"key of another suite", ModeKEM, func(g *Grant) { g.Key = mustKey(t, XWing, "device").Public() }},
		{"key and PSK", ModeKEM, func(g *Grant) { g.PSK = strangerPSK }},
		{"PSK in mode kem", ModeKEM, func(g *Grant) { g.Key, g.PSK = nil, strangerPSK }},
		{"no PSK", ModePSK, func(g *Grant) { g.PSK = nil }},
		{"another PSK", ModePSK, func(g *Grant) { g.PSK = strangerPSK }},
		{"empty PSK", ModePSK, func(g *Grant) { g.PSK = &PSK{ID: g.PSK.ID} }},
		{"key in mode psk", ModePSK, func(g *Grant) { g.Key, g.PSK = stranger, nil }},
		{"key in mode none", ModeNone, func(g *Grant) { g.Key = stranger }},
		{"PSK in mode none", ModeNone, func(g *Grant) { g.PSK = strangerPSK }},
		{"no connection ID", ModeNone, func(g *Grant) { g.ConnectionID = nil }},
		{"long connection ID", ModeNone, func(g *Grant) { g.ConnectionID = make([]byte, 9) }},
		{"parameters", ModeNone, func(g *Grant) { g.Parameters.Echo = []byte("short") }},
	} {
		p := newPair(t, MLKEM768, row.mode)
		a := p.accept(p.initiator().M1())
		g := p.grant
		row.change(&g)
		if m2, res, err := a.Respond(random("x"), g); m2 != nil || res != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: error = %v, want %v", row.name, err, ErrMisuse)
		}
		if _, _, err := a.Respond(random("x"), p.grant); err != nil {
			t.Errorf("%s: then the right grant: %v", row.name, err)
		}
	}
}

func TestRespondOnce(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		a := p.accept(p.initiator().M1())
		needed := p.suite.row().kem.EncapsulationSeedSize()
		if p.mode == ModeKEM {
			needed *= 2
		}
		for _, n := range []int{0, needed - 1} {
			m2, res, err := a.Respond(bytes.NewReader(make([]byte, n)), p.grant)
			if m2 != nil || res != nil || err == nil {
				t.Errorf("an answer from %d random bytes", n)
			}
		}
		if _, _, err := a.Respond(random("x"), p.grant); err != nil {
			t.Fatal(err)
		}
		if m2, res, err := a.Respond(random("x"), p.grant); m2 != nil || res != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("second Respond: error = %v, want %v", err, ErrMisuse)
		}
		if b, err := a.Refuse(random("x"), RefusedOverload, 0, ""); b != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("Refuse after Respond: error = %v, want %v", err, ErrMisuse)
		}
		if !bytes.Equal(a.step1.s1, make([]byte, len(a.step1.s1))) {
			t.Error("s1 was left")
		}
	})
}

// TestResultOwnsItsBytes: the grant is the caller's again after Respond.
func TestResultOwnsItsBytes(t *testing.T) {
	p := newPair(t, MLKEM512, ModeNone)
	id := []byte{9, 9}
	p.grant.ConnectionID = id
	_, res := p.respond(p.initiator().M1())
	clear(id)
	if !bytes.Equal(res.ConnectionID, []byte{9, 9}) {
		t.Error("the result aliases the grant")
	}
}

// TestManyKeys: a server with a key of each suite, and two of one.
func TestManyKeys(t *testing.T) {
	keys, ids := []*PrivateKey{}, []Identity{}
	for _, suite := range allSuites {
		keys = append(keys, mustKey(t, suite, "server"))
	}
	keys = append(keys, mustKey(t, XWing, "an older one"))
	for _, k := range keys {
		ids = append(ids, k.Identity())
	}
	r := NewResponder(ids...)
	for _, k := range keys {
		p := newPair(t, k.Suite(), ModeKEM)
		p.responder, p.cfg.Server = r, k.ServerCredential()
		i := p.initiator()
		m2, server := p.respond(i.M1())
		device, err := i.Finish(m2)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, p, device, server)
	}
}

// TestConcurrentOpen: a Responder and the keys are for any number of goroutines.
func TestConcurrentOpen(t *testing.T) {
	p := newPair(t, XWing, ModeKEM)
	i := p.initiator()
	want, _ := p.respond(i.M1())
	m, err := ParseM1(i.M1())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			a, err := p.responder.Open(m)
			if err != nil {
				t.Error(err)
				return
			}
			m2, _, err := a.Respond(random("responder"), p.grant)
			if err != nil || !bytes.Equal(m2, want) {
				t.Errorf("another m2, error = %v", err)
			}
		})
	}
	wg.Wait()
}
