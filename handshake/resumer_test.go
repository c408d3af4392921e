package handshake

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// TestStaleState: a device that changed its pin, suite or credential does not use the ticket.
func TestStaleState(t *testing.T) {
	for _, mode := range allModes {
		c := newChain(t, MLKEM768, mode)
		state := c.again()
		for _, row := range []struct {
			name   string
			change func(cfg *ResumerConfig)
			want   error
		}{
			{"pin", func(cfg *ResumerConfig) { cfg.Server[31] ^= 1 }, ErrStale},
			{"suite", func(cfg *ResumerConfig) { cfg.Suite = XWing }, ErrStale},
			{"another key", func(cfg *ResumerConfig) { cfg.Key, cfg.PSK = mustKey(t, MLKEM768, "new"), nil }, ErrStale},
			{"key of another suite", func(cfg *ResumerConfig) { cfg.Key, cfg.PSK = mustKey(t, XWing, "device"), nil }, ErrStale},
			{"another PSK", func(cfg *ResumerConfig) { cfg.Key, cfg.PSK = nil, mustPSK(t, "new") }, ErrStale},
			{"PSK under the same identifier", func(cfg *ResumerConfig) {
				cfg.Key, cfg.PSK = nil, &PSK{ID: mustPSK(t, "device").ID, Key: PSKKey{1}}
			}, ErrStale},
			{"key and PSK", func(cfg *ResumerConfig) {
				cfg.Key, cfg.PSK = mustKey(t, MLKEM768, "device"), mustPSK(t, "device")
			}, ErrMisuse},
			{"echo", func(cfg *ResumerConfig) { cfg.Parameters.Echo = make([]byte, 8) }, ErrMisuse},
			{"parameters", func(cfg *ResumerConfig) { cfg.Parameters.MaxUDPPayload = 1 }, ErrMisuse},
		} {
			cfg := c.config(false)
			row.change(&cfg)
			if r, err := NewResumer(random("x"), state, cfg); r != nil || !errors.Is(err, row.want) {
				t.Errorf("%v: %s: error = %v, want %v", mode, row.name, err, row.want)
			}
		}
		if mode != ModeNone {
			cfg := c.config(false)
			cfg.Key, cfg.PSK = nil, nil
			if r, err := NewResumer(random("x"), state, cfg); r != nil || err != ErrStale {
				t.Errorf("%v: no credential: error = %v, want %v", mode, err, ErrStale)
			}
		}
		if _, err := NewResumer(random("x"), state, c.config(false)); err != nil {
			t.Errorf("%v: then the right configuration: %v", mode, err)
		}
	}
}

// TestStateOnce: one state is for one m1r.
func TestStateOnce(t *testing.T) {
	c := newChain(t, MLKEM512, ModeKEM)
	state := c.again()
	for _, n := range []int{0, 15, 16, 79} { // 16 for nonce_C, 64 for sk_e
		if r, err := NewResumer(bytes.NewReader(make([]byte, n)), state, c.config(true)); r != nil || err == nil {
			t.Errorf("%d random bytes were enough", n)
		}
	}
	r, err := NewResumer(bytes.NewReader(make([]byte, 80)), state, c.config(true))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := NewResumer(random("x"), state, c.config(true)); s != nil || !errors.Is(err, ErrMisuse) {
		t.Errorf("second m1r: error = %v, want %v", err, ErrMisuse)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a used state was encoded")
			}
		}()
		state.Append(nil)
	}()
	m2r, _ := c.answer(r.M1R(), "responder")
	secret, s1 := r.state.secret, r.step1.s1
	if _, err := r.Finish(m2r); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(secret, make([]byte, 32)) || !bytes.Equal(s1, make([]byte, len(s1))) || r.skE != nil {
		t.Error("a secret was left")
	}
	if _, err := r.Finish(m2r); !errors.Is(err, ErrMisuse) {
		t.Errorf("second Finish: error = %v, want %v", err, ErrMisuse)
	}
}

// craftM2R answers with a plaintext_2r of the test's.
func craftM2R(t *testing.T, a *Resumption, plain []byte) []byte {
	t.Helper()
	ctE, ssE, err := a.encapsulate(random("ct_e"))
	if err != nil {
		t.Fatal(err)
	}
	nonceS := []byte("0123456789abcdef")
	step2 := a.step1.nextR(nonceS, ctE, ssE)
	return encode(m2rObject{NonceS: nonceS, CtE: ctE, Sealed: seal(step2.k2r(), plain)})
}

// TestFinishPlaintext2R: a plaintext_2r that opens is checked all the same.
func TestFinishPlaintext2R(t *testing.T) {
	eachForm(t, func(t *testing.T, c *chain, ephemeral bool) {
		r := c.resumer(ephemeral)
		cid, token, empty := []byte{1}, make([]byte, 16), map[uint64]any{}
		craft := func(o ...any) []byte {
			a, err := c.open(r.M1R())
			if err != nil {
				t.Fatal(err)
			}
			return craftM2R(t, a, encode(o))
		}
		rejectedM2R(t, r, craft([]byte{}, token, empty))
		rejectedM2R(t, r, craft(token[:9], token, empty))
		rejectedM2R(t, r, craft(cid, token[1:], empty))
		rejectedM2R(t, r, craft(cid, token, nil))
		rejectedM2R(t, r, craft(cid, token))
		rejectedM2R(t, r, craft(nil, cid, token, empty)) // plaintext_2
		rejectedM2R(t, r, craft(cid, token, map[uint64]any{3: token[:7]}))
		if _, err := r.Finish(craft(cid, token, empty)); err != nil {
			t.Errorf("baseline: %v", err)
		}
	})
}

// TestResumptionRefused: the device believes a sealed refusal and nothing else, and can still
// take m2r.
func TestResumptionRefused(t *testing.T) {
	eachForm(t, func(t *testing.T, c *chain, ephemeral bool) {
		r := c.resumer(ephemeral)
		a, err := c.open(r.M1R())
		if err != nil {
			t.Fatal(err)
		}
		want := Refusal{RefusedOverload, 20 * time.Second, "later"}
		b, err := a.Refuse(random("refusal"), want.Code, want.RetryAfter, want.Text)
		if err != nil {
			t.Fatal(err)
		}
		for n := range b {
			changed := bytes.Clone(b)
			changed[n] ^= 4
			rejectedM2R(t, r, changed)
			rejectedM2R(t, r, b[:n])
		}
		rejectedM2R(t, r, with(t, b, 0, make([]byte, 15)))
		other, err := NewResumer(random("other"), c.again(), c.config(ephemeral))
		if err != nil {
			t.Fatal(err)
		}
		rejectedM2R(t, other, b)
		var got *Refusal
		if res, err := r.Finish(b); res != nil || !errors.As(err, &got) || *got != want {
			t.Errorf("refusal became %v", err)
		}
		if err := r.Retry(random("retry")); !errors.Is(err, ErrMisuse) {
			t.Errorf("Retry for another code: error = %v, want %v", err, ErrMisuse)
		}
		a.Close()
		if b, err := a.Refuse(random("x"), 1, 0, ""); b != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("Refuse after Close: error = %v, want %v", err, ErrMisuse)
		}
		m2r, _ := c.answer(r.M1R(), "responder")
		if _, err := r.Finish(m2r); err != nil {
			t.Error(err)
		}
	})
}

// TestRetry: when the server says under seal that it wants a KEM key, and only then, the same
// ticket gives one more m1r; the answer to the first is of no use any more.
func TestRetry(t *testing.T) {
	c := newChain(t, XWing, ModeKEM)
	r := c.resumer(false)
	old, _ := c.answer(r.M1R(), "before")
	if err := r.Retry(random("retry")); !errors.Is(err, ErrMisuse) {
		t.Fatalf("Retry without a refusal: error = %v, want %v", err, ErrMisuse)
	}
	c.limits.Small = 0
	a, refusal := c.open(r.M1R())
	b := refuse(t, a, refusal, RefusedSmallForm)
	if _, err := r.Finish(b); !errors.As(err, new(*Refusal)) {
		t.Fatal(err)
	}
	first := r.M1R()
	if err := r.Retry(bytes.NewReader(make([]byte, 20))); err == nil || !bytes.Equal(r.M1R(), first) {
		t.Fatal("Retry without randomness")
	}
	if err := r.Retry(random("retry")); err != nil {
		t.Fatal(err)
	}
	rejectedM2R(t, r, old)
	rejectedM2R(t, r, b)
	if err := r.Retry(random("retry")); !errors.Is(err, ErrMisuse) {
		t.Fatalf("second Retry: error = %v, want %v", err, ErrMisuse)
	}
	m2r, server := c.answer(r.M1R(), "responder")
	device, err := r.Finish(m2r)
	if err != nil {
		t.Fatal(err)
	}
	agree(t, c.pair, device, server)
}

// refuse checks the class of an error of OpenResumption and seals it.
func refuse(t *testing.T, a *Resumption, err error, want RefusalCode) []byte {
	t.Helper()
	var refusal *Refusal
	if a == nil || !errors.As(err, &refusal) || refusal.Code != want {
		t.Fatalf("opened = %v, error = %v, want %v", a != nil, err, want)
	}
	b, err := a.Refuse(random("refusal"), refusal.Code, refusal.RetryAfter, refusal.Text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestResumerClose(t *testing.T) {
	c := newChain(t, MLKEM512, ModeNone)
	r := c.resumer(false)
	m2r, _ := c.answer(r.M1R(), "responder")
	r.Close()
	if _, err := r.Finish(m2r); !errors.Is(err, ErrMisuse) {
		t.Errorf("Finish after Close: error = %v, want %v", err, ErrMisuse)
	}
}

// TestResumptionNeedsNoStaticKey is KCI: the long-term keys and the PSK are of no use to who
// wants to resume without the secret of the ticket, on either side (S1 S2 of the model).
func TestResumptionNeedsNoStaticKey(t *testing.T) {
	for _, mode := range allModes {
		c := newChain(t, MLKEM768, mode)
		thief := c.again() // has the ticket, which is public, and c.cfg and c.serverKey
		clear(thief.secret)
		r, err := NewResumer(random("thief"), thief, c.config(true))
		if err != nil {
			t.Fatal(err)
		}
		if a, err := c.open(r.M1R()); a != nil || !errors.Is(err, ErrRejected) {
			t.Errorf("%v: a thief as the device: error = %v, want %v", mode, err, ErrRejected)
		}
		honest := c.resumer(true)
		m, _ := ParseM1R(honest.M1R())
		other, err := NewTicketKeys(random("thief"), c.now)
		if err != nil {
			t.Fatal(err)
		}
		other.keys[0].id = c.keys.keys[0].id
		if a, err := c.responder.OpenResumption(c.now, m, other, c.limits); a != nil || !errors.Is(err, ErrRejected) {
			t.Errorf("%v: a thief as the server: error = %v, want %v", mode, err, ErrRejected)
		}
	}
}

// TestResumeResponseSize: no m2r is larger than what the device expects.
func TestResumeResponseSize(t *testing.T) {
	eachForm(t, func(t *testing.T, c *chain, ephemeral bool) {
		want := c.resumer(ephemeral).ResponseSize()
		c.grant.Parameters = Parameters{65527, seconds(maxSeconds), []byte("12345678"), [8]byte{}}
		c.grant.ConnectionID = make([]byte, 8)
		if m2r, _ := c.answer(c.resumer(ephemeral).M1R(), "x"); len(m2r) != want {
			t.Errorf("largest m2r is %d bytes, expected %d", len(m2r), want)
		}
		c.grant.Parameters, c.grant.ConnectionID = Parameters{}, []byte{1}
		if m2r, _ := c.answer(c.resumer(ephemeral).M1R(), "x"); len(m2r) > want || len(m2r) < want-30 {
			t.Errorf("smallest m2r is %d bytes, expected %d", len(m2r), want)
		}
	})
}
