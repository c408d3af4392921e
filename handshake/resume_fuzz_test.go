package handshake

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzM1R: what parses is encoded to the same bytes, is no m1, and opening it ends in one of
// the documented ways.
func FuzzM1R(f *testing.F) {
	c := newChain(f, MLKEM512, ModeKEM)
	for _, ephemeral := range []bool{false, true} {
		f.Add(c.resumer(ephemeral).M1R())
	}
	f.Add(newPair(f, MLKEM512, ModeKEM).initiator().M1())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseM1R(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error = %v", err)
			}
			return
		}
		if !bytes.Equal(m.encode(), b) {
			t.Fatal("parsed, but not encoded to the same")
		}
		if _, err := ParseM1(b); err == nil {
			t.Fatal("m1 and m1r at once")
		}
		a, err := c.responder.OpenResumption(c.now, m, c.keys, c.limits)
		if (a == nil) != (err != nil) && !errors.As(err, new(*Refusal)) {
			t.Fatalf("opened = %v, error = %v", a != nil, err)
		}
	})
}

// FuzzTicket: no ticket but those that the key has sealed opens.
func FuzzTicket(f *testing.F) {
	c := newChain(f, MLKEM512, ModePSK)
	f.Add(c.state.ticket)
	f.Add(c.state.ticket[:ticketHead])
	f.Add(append([]byte{1, 1}, c.state.ticket[ticketIDSize:]...))
	f.Add(make([]byte, minTicket))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < minTicket || bytes.Equal(b, c.state.ticket) {
			return
		}
		key := c.keys.find(b)
		if key == nil {
			return
		}
		if contents, err := key.open(b); contents != nil || err != ErrRejected {
			t.Fatalf("a ticket of %d bytes opened, error = %v", len(b), err)
		}
	})
}

// FuzzContents: what parses is encoded to the same bytes.
func FuzzContents(f *testing.F) {
	for _, mode := range allModes {
		res := serverResult(f, MLKEM512, mode)
		f.Add(res.lineage.contents(MLKEM512, res.Resumption))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		suite, secret, g, err := parseContents(b)
		if err == nil && !bytes.Equal(g.contents(suite, secret), b) {
			t.Fatal("parsed, but not encoded to the same")
		}
	})
}

// FuzzFinishResumption: only the true m2r and refusal do anything.
func FuzzFinishResumption(f *testing.F) {
	c := newChain(f, MLKEM512, ModeKEM)
	r := c.resumer(true)
	m2r, _ := c.answer(r.M1R(), "responder")
	a, err := c.open(r.M1R())
	if err != nil {
		f.Fatal(err)
	}
	refusal, err := a.Refuse(random("refusal"), RefusedTicket, 0, "gone")
	if err != nil {
		f.Fatal(err)
	}
	small := c.resumer(false)
	ofSmall, _ := c.answer(small.M1R(), "responder")
	for _, b := range [][]byte{m2r, refusal, ofSmall, r.M1R()} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Equal(b, m2r) || bytes.Equal(b, refusal) || bytes.Equal(b, ofSmall) {
			return
		}
		for _, r := range []*Resumer{r, small} {
			if res, err := r.Finish(b); res != nil || err != ErrRejected {
				t.Fatalf("result = %v, error = %v", res != nil, err)
			}
		}
	})
}

// FuzzPlaintextsR: what parses of plaintext_1r and plaintext_2r is within its limits, and is
// encoded to something that parses to the same.
func FuzzPlaintextsR(f *testing.F) {
	full := Parameters{1232, seconds(3600), []byte("12345678"), [8]byte{1}}
	f.Add(encodePlaintext1R(Parameters{}))
	f.Add(encodePlaintext1R(full))
	f.Add((&plaintext2{connID: []byte{1}, parameters: full}).encodeR())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parsePlaintext1R(b); err == nil {
			again, err := parsePlaintext1R(encodePlaintext1R(p))
			if err != nil || again.Echo != nil || again.MaxUDPPayload != p.MaxUDPPayload || again.IdleTimeout != p.IdleTimeout {
				t.Fatalf("%+v became %+v, error = %v", p, again, err)
			}
		}
		if p, err := parsePlaintext2R(b); err == nil {
			again, err := parsePlaintext2R(p.encodeR())
			if err != nil || p.ctC != nil || !bytes.Equal(again.connID, p.connID) || again.resetToken != p.resetToken {
				t.Fatalf("%+v became %+v, error = %v", p, again, err)
			}
		}
	})
}

// FuzzResumptionObjects: files and NewTicket that parse are encoded to the same bytes, times
// apart that no clock has.
func FuzzResumptionObjects(f *testing.F) {
	c := newChain(f, MLKEM512, ModePSK)
	f.Add(c.state.Append(nil))
	f.Add(twoKeys(f).Append(nil))
	f.Add((&NewTicket{Ticket: c.state.ticket, Lifetime: seconds(9)}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseResumptionState(b); err == nil && !bytes.Equal(s.Append(nil), b) {
			t.Fatal("another state")
		}
		if k, err := ParseTicketKeys(b); err == nil && !bytes.Equal(k.Append(nil), b) {
			t.Fatal("other ticket keys")
		}
		n, err := ParseNewTicket(b)
		if err == nil && n.Lifetime < seconds(maxSeconds) && n.Small < seconds(maxSeconds) && !bytes.Equal(n.Append(nil), b) {
			t.Fatal("another NewTicket")
		}
	})
}
