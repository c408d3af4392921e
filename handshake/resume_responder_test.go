package handshake

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"
)

// TestResumptionExpires: to the second, and through any number of resumptions: a chain does
// not outlive what the full handshake began.
func TestResumptionExpires(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		c := newChain(t, MLKEM512, ModeKEM)
		c.limits.SmallAge = c.limits.Lifetime
		end := c.now.Add(c.limits.Lifetime)
		c.now = c.now.Add(10 * 24 * time.Hour)
		c.resume(ephemeral)
		if !c.state.Expires.Equal(end) {
			t.Errorf("the new ticket ends at %v, want %v", c.state.Expires, end)
		}
		c.now = end.Add(-time.Second)
		if a, err := c.open(c.resumer(ephemeral).M1R()); err != nil || a == nil {
			t.Errorf("a second before: %v", err)
		}
		c.now = end
		a, err := c.open(c.resumer(ephemeral).M1R())
		refuse(t, a, err, RefusedTicket)
		if _, _, err := a.Respond(random("x"), c.grant); !errors.Is(err, ErrMisuse) {
			t.Errorf("Respond: error = %v, want %v", err, ErrMisuse)
		}
	}
}

// TestSmallFormNumber: a number of small resumptions in a row, then one with a KEM key, after
// which as many are allowed again.
func TestSmallFormNumber(t *testing.T) {
	c := newChain(t, MLKEM512, ModePSK)
	c.limits.SmallAge = c.limits.Lifetime
	for range 2 {
		for n := range 3 {
			if !c.state.SmallUntil.After(c.now) {
				t.Fatalf("after %d the device is told that no small form is left", n)
			}
			c.resume(false)
		}
		if c.state.SmallUntil.After(c.now) {
			t.Error("the device is not told that it needs a KEM key")
		}
		a, err := c.open(c.resumer(false).M1R())
		refuse(t, a, err, RefusedSmallForm)
		c.resume(true)
	}
}

// TestSmallFormAge: the age of the last KEM key counts, not that of the ticket.
func TestSmallFormAge(t *testing.T) {
	c := newChain(t, MLKEM512, ModeKEM)
	end := c.now.Add(c.limits.SmallAge)
	c.now = c.now.Add(time.Hour)
	c.resume(false)
	if !c.state.SmallUntil.Equal(end) {
		t.Errorf("small form until %v, want %v", c.state.SmallUntil, end)
	}
	c.now = end.Add(-time.Second)
	if _, err := c.open(c.resumer(false).M1R()); err != nil {
		t.Errorf("a second before: %v", err)
	}
	c.now = end
	a, err := c.open(c.resumer(false).M1R())
	refuse(t, a, err, RefusedSmallForm)
	c.resume(true)
	if want := end.Add(c.limits.SmallAge); !c.state.SmallUntil.Equal(want) {
		t.Errorf("after a KEM key small form until %v, want %v", c.state.SmallUntil, want)
	}
	c.resume(false)
}

// TestManyResumptions: the counter stays where it cannot grow.
func TestManyResumptions(t *testing.T) {
	g := lineage{resumptions: 254}
	if g = g.next(true, 0).next(true, 0); g.resumptions != 255 {
		t.Errorf("%d resumptions", g.resumptions)
	}
	if left := g.small(0, Limits{Small: 255, SmallAge: time.Hour}); left != 0 {
		t.Errorf("%d s of the small form left", left)
	}
}

// TestSwappedSuite: the suite on the wire is that of the ticket.
func TestSwappedSuite(t *testing.T) {
	c := newChain(t, MLKEM768, ModeKEM)
	for _, suite := range []Suite{XWing, MLKEM512, MLKEM1024} {
		a, err := c.open(with(t, c.resumer(false).M1R(), 0, uint64(suite)))
		if a != nil || !errors.Is(err, ErrRejected) {
			t.Errorf("%v: error = %v, want %v", suite, err, ErrRejected)
		}
	}
}

// TestSwappedTicket: a ticket of another device does not go with this one's secret.
func TestSwappedTicket(t *testing.T) {
	c := newChain(t, MLKEM768, ModeKEM)
	i, err := NewInitiator(random("another device"), c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	m2, server := c.respond(i.M1())
	device, err := i.Finish(m2)
	if err != nil {
		t.Fatal(err)
	}
	other := c.ticket(device, server)
	a, err := c.open(with(t, c.resumer(false).M1R(), 1, other.ticket))
	if a != nil || !errors.Is(err, ErrRejected) {
		t.Errorf("error = %v, want %v", err, ErrRejected)
	}
}

// TestServerKeyGone: a ticket does not outlive the server key that its session trusted.
func TestServerKeyGone(t *testing.T) {
	c := newChain(t, MLKEM768, ModeKEM)
	c.responder = NewResponder(mustKey(t, MLKEM768, "new").Identity(), mustKey(t, XWing, "server").Identity())
	a, err := c.open(c.resumer(true).M1R())
	refuse(t, a, err, RefusedTicket)
}

// TestResumptionGrant: the device has to be enrolled still, with what it had.
func TestResumptionGrant(t *testing.T) {
	stranger := mustKey(t, MLKEM768, "stranger").Public()
	for _, row := range []struct {
		name   string
		mode   Mode
		change func(g *Grant)
		want   error
	}{
		{"no key", ModeKEM, func(g *Grant) { g.Key = nil }, ErrMisuse},
		{"another key", ModeKEM, func(g *Grant) { g.Key = stranger }, ErrMisuse},
		{"PSK in mode kem", ModeKEM, func(g *Grant) { g.PSK = mustPSK(t, "x") }, ErrMisuse},
		{"no PSK", ModePSK, func(g *Grant) { g.PSK = nil }, ErrMisuse},
		{"another identifier", ModePSK, func(g *Grant) { g.PSK = mustPSK(t, "x") }, ErrMisuse},
		{"another PSK under the identifier", ModePSK, func(g *Grant) { g.PSK = &PSK{g.PSK.ID, PSKKey{1}} }, ErrStale},
		{"key in mode none", ModeNone, func(g *Grant) { g.Key = stranger }, ErrMisuse},
		{"no connection ID", ModeNone, func(g *Grant) { g.ConnectionID = nil }, ErrMisuse},
		{"parameters", ModeNone, func(g *Grant) { g.Parameters.Echo = []byte("short") }, ErrMisuse},
	} {
		c := newChain(t, MLKEM768, row.mode)
		a, err := c.open(c.resumer(true).M1R())
		if err != nil {
			t.Fatal(err)
		}
		g := c.grant
		row.change(&g)
		if m2r, res, err := a.Respond(random("x"), g); m2r != nil || res != nil || !errors.Is(err, row.want) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
		for _, n := range []int{0, 15, 16, 47} { // 16 for nonce_S, 32 for ct_e
			if m2r, _, err := a.Respond(bytes.NewReader(make([]byte, n)), c.grant); m2r != nil || err == nil {
				t.Errorf("%s: an answer from %d random bytes", row.name, n)
			}
		}
		if _, _, err := a.Respond(random("x"), c.grant); err != nil {
			t.Errorf("%s: then the right grant: %v", row.name, err)
		}
		if _, _, err := a.Respond(random("x"), c.grant); !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: second Respond: error = %v, want %v", row.name, err, ErrMisuse)
		}
		if !bytes.Equal(a.step1.s1, make([]byte, len(a.step1.s1))) {
			t.Error("s1r was left")
		}
	}
}

// TestPolicyTravels: what the grant of one session says is known when it resumes.
func TestPolicyTravels(t *testing.T) {
	c := newChain(t, MLKEM512, ModeKEM)
	for n := range uint8(3) {
		c.grant.Policy = n + 40
		c.resume(n%2 == 0)
		if a, err := c.open(c.resumer(false).M1R()); err != nil || a.Policy != n+40 {
			t.Errorf("policy %d, error = %v", a.Policy, err)
		}
	}
}

// TestOpenResumptionFields: a plaintext_1r that opens is checked like any other input, and
// pk_e by FIPS 203 section 7.2.
func TestOpenResumptionFields(t *testing.T) {
	for _, suite := range allSuites {
		c := newChain(t, suite, ModeNone)
		pkE := mustKey(t, suite, "ephemeral").Public().Bytes()
		unreduced := bytes.Clone(pkE)
		setCoefficient(unreduced, 5, 3329)
		plain := encode(map[uint64]any{})
		for _, row := range []struct {
			name       string
			pkE, plain []byte
			want       error
		}{
			{"baseline", nil, plain, nil},
			{"baseline with a key", pkE, plain, nil},
			{"unknown parameter", nil, encode(map[uint64]any{77: true}), nil},
			{"unreduced pk_e", unreduced, plain, ErrRejected},
			{"no plaintext", nil, nil, ErrRejected},
			{"null", nil, encode(nil), ErrRejected},
			{"plaintext_1", nil, encode([]any{nil, map[uint64]any{}}), ErrRejected},
			{"trailing byte", nil, append(bytes.Clone(plain), 0), ErrRejected},
			{"echo", nil, encode(map[uint64]any{3: make([]byte, 8)}), ErrRejected},
			{"payload", nil, encode(map[uint64]any{1: 63}), ErrRejected},
		} {
			s := c.again()
			_, k1r := newStep1R(suite, s.secret, s.ticket, make([]byte, 16), row.pkE)
			m := &M1R{suite, s.ticket, make([]byte, 16), row.pkE, seal(k1r, row.plain)}
			a, err := c.responder.OpenResumption(c.now, m, c.keys, c.limits)
			if !errors.Is(err, row.want) || (a == nil) != (err != nil) {
				t.Errorf("%v: %s: error = %v, want %v", suite, row.name, err, row.want)
			}
		}
	}
}

// TestConcurrentResumptions: keys and a Responder are for any number of goroutines.
func TestConcurrentResumptions(t *testing.T) {
	c := newChain(t, XWing, ModeKEM)
	r := c.resumer(true)
	want, _ := c.answer(r.M1R(), "responder")
	m, err := ParseM1R(r.M1R())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			a, err := c.responder.OpenResumption(c.now, m, c.keys, c.limits)
			if err != nil {
				t.Error(err)
				return
			}
			if m2r, _, err := a.Respond(random("responder"), c.grant); err != nil || !bytes.Equal(m2r, want) {
				t.Errorf("another m2r, error = %v", err)
			}
		})
	}
	wg.Wait()
}
