package handshake

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"
)

var (
	epoch      = time.Unix(1_800_000_000, 0)
	testLimits = Limits{Lifetime: 30 * 24 * time.Hour, Small: 3, SmallAge: 24 * time.Hour}
)

// A chain is a device and a server that have shaken hands once: state is the device's.
type chain struct {
	*pair
	now    time.Time
	keys   *TicketKeys
	limits Limits
	state  *ResumptionState
}

func newChain(t testing.TB, suite Suite, mode Mode) *chain {
	t.Helper()
	c := &chain{pair: newPair(t, suite, mode), now: epoch, limits: testLimits}
	var err error
	if c.keys, err = NewTicketKeys(random("ticket keys"), c.now); err != nil {
		t.Fatal(err)
	}
	i := c.initiator()
	m2, server := c.respond(i.M1())
	device, err := i.Finish(m2)
	if err != nil {
		t.Fatal(err)
	}
	c.state = c.ticket(device, server)
	return c
}

// ticket issues one at the server and keeps it at the device.
func (c *chain) ticket(device, server *Result) *ResumptionState {
	c.t.Helper()
	issued, err := c.keys.Issue(random("ticket"), c.now, server, c.limits)
	if err != nil {
		c.t.Fatal(err)
	}
	received, err := ParseNewTicket(issued.Append(nil))
	if err != nil {
		c.t.Fatal(err)
	}
	state, err := NewResumptionState(c.now, device, received)
	if err != nil {
		c.t.Fatal(err)
	}
	return state
}

// again is a copy of the state, for a test that uses it more than once.
func (c *chain) again() *ResumptionState {
	c.t.Helper()
	s, err := ParseResumptionState(c.state.Append(nil))
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *chain) config(ephemeral bool) ResumerConfig {
	return ResumerConfig{
		Suite: c.suite, Server: c.cfg.Server.Fingerprint(), Key: c.cfg.Key, PSK: c.cfg.PSK,
		Parameters: c.cfg.Parameters, Ephemeral: ephemeral,
	}
}

func (c *chain) resumer(ephemeral bool) *Resumer {
	c.t.Helper()
	r, err := NewResumer(random("resumer"), c.again(), c.config(ephemeral))
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *chain) open(m1r []byte) (*Resumption, error) {
	c.t.Helper()
	m, err := ParseM1R(m1r)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.responder.OpenResumption(c.now, m, c.keys, c.limits)
}

func (c *chain) answer(m1r []byte, name string) ([]byte, *Result) {
	c.t.Helper()
	a, err := c.open(m1r)
	if err != nil {
		c.t.Fatal(err)
	}
	m2r, res, err := a.Respond(random(name), c.grant)
	if err != nil {
		c.t.Fatal(err)
	}
	return m2r, res
}

// resume is a whole resumption, and keeps the new ticket.
func (c *chain) resume(ephemeral bool) {
	c.t.Helper()
	r := c.resumer(ephemeral)
	m2r, server := c.answer(r.M1R(), "responder")
	device, err := r.Finish(m2r)
	if err != nil {
		c.t.Fatal(err)
	}
	c.state = c.ticket(device, server)
}

func rejectedM2R(t *testing.T, r *Resumer, b []byte) {
	t.Helper()
	if res, err := r.Finish(b); res != nil || err != ErrRejected {
		t.Fatalf("Finish: result = %v, error = %v, want only ErrRejected", res != nil, err)
	}
}

// eachForm runs f for every suite, mode and form.
func eachForm(t *testing.T, f func(t *testing.T, c *chain, ephemeral bool)) {
	for _, suite := range allSuites {
		for _, mode := range allModes {
			for _, ephemeral := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%v/%v", suite, mode, ephemeral), func(t *testing.T) {
					f(t, newChain(t, suite, mode), ephemeral)
				})
			}
		}
	}
}

// TestResumption: both sides agree, on the mode and identity of the first session, and the
// ticket of the second leads to a third.
func TestResumption(t *testing.T) {
	eachForm(t, func(t *testing.T, c *chain, ephemeral bool) {
		for range 3 {
			r := c.resumer(ephemeral)
			a, err := c.open(r.M1R())
			if err != nil {
				t.Fatal(err)
			}
			if a.Suite != c.suite || a.Credential != c.cfg.credential(c.mode) || a.Small == ephemeral {
				t.Errorf("opened %v, %v, small %v", a.Suite, a.Credential, a.Small)
			}
			m2r, server, err := a.Respond(random("responder"), c.grant)
			if err != nil {
				t.Fatal(err)
			}
			device, err := r.Finish(m2r)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, c.pair, device, server)
			c.state = c.ticket(device, server)
		}
	})
}

// TestReplayedM1R is X1 of the model: a replay costs work, and its session has other keys.
func TestReplayedM1R(t *testing.T) {
	eachForm(t, func(t *testing.T, c *chain, ephemeral bool) {
		r := c.resumer(ephemeral)
		m2r, one := c.answer(r.M1R(), "one")
		other, two := c.answer(r.M1R(), "two")
		if bytes.Equal(m2r, other) || bytes.Equal(one.ReceiveSecret, two.ReceiveSecret) ||
			bytes.Equal(one.Resumption, two.Resumption) || one.SessionID == two.SessionID {
			t.Error("the replay gave the same session")
		}
	})
}

// TestTwoM1RFromOneTicket: a state that came back from a backup gives another m1r, another
// k1r, and another session.
func TestTwoM1RFromOneTicket(t *testing.T) {
	c := newChain(t, XWing, ModeKEM)
	one := c.resumer(false)
	two, err := NewResumer(random("restored"), c.again(), c.config(false))
	if err != nil {
		t.Fatal(err)
	}
	x, y := elements(t, one.M1R()), elements(t, two.M1R())
	if bytes.Equal(x[2].([]byte), y[2].([]byte)) || bytes.Equal(x[4].([]byte), y[4].([]byte)) {
		t.Error("nonce_C or sealed_1r is the same")
	}
	m2r, _ := c.answer(one.M1R(), "one")
	rejectedM2R(t, two, m2r)
}

// TestChangedM1R flips every bit: none opens.
func TestChangedM1R(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		c := newChain(t, MLKEM512, ModeKEM)
		m1r := c.resumer(ephemeral).M1R()
		for n := range 8 * len(m1r) {
			changed := bytes.Clone(m1r)
			changed[n/8] ^= 1 << (n % 8)
			m, err := ParseM1R(changed)
			if err != nil {
				if !errors.Is(err, ErrMalformed) {
					t.Fatalf("bit %d: error = %v", n, err)
				}
				continue
			}
			a, err := c.responder.OpenResumption(c.now, m, c.keys, c.limits)
			if a != nil || !errors.Is(err, ErrRejected) && !errors.Is(err, ErrUnknownKey) {
				t.Fatalf("bit %d: opened = %v, error = %v", n, a != nil, err)
			}
		}
	}
}

// TestChangedM2R flips every bit and cuts at every length; then the true m2r is still taken.
func TestChangedM2R(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		c := newChain(t, MLKEM512, ModePSK)
		r := c.resumer(ephemeral)
		m2r, server := c.answer(r.M1R(), "responder")
		for n := range 8 * len(m2r) {
			changed := bytes.Clone(m2r)
			changed[n/8] ^= 1 << (n % 8)
			rejectedM2R(t, r, changed)
			rejectedM2R(t, r, m2r[:n/8])
		}
		rejectedM2R(t, r, append(bytes.Clone(m2r), 0))
		device, err := r.Finish(m2r)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, c.pair, device, server)
	}
}

// TestStrippedKey is T6 of the model: nobody takes pk_e out of m1r or ct_e out of m2r.
func TestStrippedKey(t *testing.T) {
	for _, suite := range allSuites {
		c := newChain(t, suite, ModeKEM)
		r := c.resumer(true)
		if a, err := c.open(with(t, r.M1R(), 3, nil)); a != nil || !errors.Is(err, ErrRejected) {
			t.Errorf("%v: without pk_e: error = %v, want %v", suite, err, ErrRejected)
		}
		small := c.resumer(false)
		pkE := elements(t, r.M1R())[3]
		if a, err := c.open(with(t, small.M1R(), 3, pkE)); a != nil || !errors.Is(err, ErrRejected) {
			t.Errorf("%v: with a pk_e: error = %v, want %v", suite, err, ErrRejected)
		}
		m2r, _ := c.answer(r.M1R(), "responder")
		rejectedM2R(t, r, with(t, m2r, 1, nil))
		ofSmall, _ := c.answer(small.M1R(), "responder")
		rejectedM2R(t, small, with(t, ofSmall, 1, elements(t, m2r)[1]))
		rejectedM2R(t, small, m2r)
		rejectedM2R(t, r, ofSmall)
	}
}

// TestForwardSecrecy: who gets the secret of the ticket and the ticket key later can compute
// the keys of the small form (F4 F5 of the model: a limit), and lacks ss_e of the other (F1).
func TestForwardSecrecy(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		c := newChain(t, MLKEM768, ModeKEM)
		r := c.resumer(ephemeral)
		m2r, server := c.answer(r.M1R(), "responder")
		m, _ := ParseM1R(r.M1R())
		o, _ := parseM2R(c.suite, !ephemeral, m2r)
		contents, err := c.keys.find(m.ticket).open(m.ticket) // the thief has the ticket key
		if err != nil {
			t.Fatal(err)
		}
		_, secret, _, _ := parseContents(contents)
		step1, k1r := newStep1R(c.suite, secret, m.ticket, m.nonceC, m.pkE)
		plain1, err := open(k1r, m.sealed1)
		if err != nil {
			t.Fatal(err)
		}
		step1.add(plain1)
		step2 := step1.nextR(o.NonceS, o.CtE, c.suite.zeros())
		plain2, err := open(step2.k2r(), o.Sealed)
		if (err == nil) == ephemeral {
			t.Fatalf("ephemeral %v: m2r opened for the thief: %v", ephemeral, err == nil)
		}
		if ephemeral {
			continue
		}
		step3 := step2.nextR(plain2)
		if !bytes.Equal(step3.secret("c_ap"), server.ReceiveSecret) {
			t.Error("the limit is not as the threat model says")
		}
	}
}
