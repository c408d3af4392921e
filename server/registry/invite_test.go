package registry

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/invite"
)

func invitation(name string) Invitation {
	return Invitation{Name: name, Suite: handshake.MLKEM512, Groups: []string{"g"}, Allow: []string{"GET /x"}}
}

func invited(t *testing.T, r *Registry, i Invitation) *handshake.PSK {
	t.Helper()
	code, err := r.Invite(i)
	ok(t, err)
	return code.PSK()
}

func byPSK(psk *handshake.PSK) handshake.ClientCredential {
	return handshake.ClientCredential{Mode: handshake.ModePSK, ID: psk.ID}
}

func TestInviteAndRedeem(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	psk, key := invited(t, r, invitation("a")), publicKey(handshake.MLKEM512, 1)
	r = reopen(t, r, dir)
	d, err := r.Lookup(handshake.MLKEM512, byPSK(psk))
	if err != nil || !d.Enrolling || d.Name != "a" || *d.PSK != *psk || d.Status() != "invited" {
		t.Fatalf("looked up: %+v, %v", d, err)
	}
	_, err = r.Lookup(handshake.XWing, byPSK(psk))
	wants(t, "in another suite", err, ErrSuite)
	_, err = r.Redeem(psk.ID, publicKey(handshake.XWing, 1), enrolled)
	wants(t, "a key of another suite", err, ErrSuite)
	_, err = r.Redeem([16]byte{1}, key, enrolled)
	wants(t, "a code that nobody has", err, ErrUnknown)

	d, err = r.Redeem(psk.ID, key, enrolled)
	want := Device{
		Name: "a", Suite: handshake.MLKEM512, PublicKey: key, Groups: []string{"g"}, Allow: []string{"GET /x"},
		Origin: Code, Enrolled: enrolled,
	}
	if err != nil || !equal(d, &want) || !found(r, want) {
		t.Fatalf("redeemed: %+v, %v", d, err)
	}
	r = reopen(t, r, dir)
	if d, err = r.Redeem(psk.ID, key, enrolled); err != nil || !equal(d, &want) {
		t.Errorf("redeemed by the same key again: %+v, %v", d, err)
	}
	_, err = r.Redeem(psk.ID, publicKey(handshake.MLKEM512, 2), enrolled)
	wants(t, "another key", err, ErrTaken)
	if d, err := r.Lookup(handshake.MLKEM512, byPSK(psk)); err != nil || !d.Enrolling {
		t.Errorf("the device cannot come for its answer again: %v", err)
	}
	wants(t, "enroll with the identifier of the code",
		r.Enroll(Device{Name: "x", Suite: handshake.XWing, PSK: psk, Enrolled: enrolled}), ErrTaken)

	ok(t, r.Suspend("a"))
	_, err = r.Lookup(handshake.MLKEM512, byPSK(psk))
	wants(t, "the code of a suspended device", err, ErrSuspended)
	ok(t, r.Resume("a"))
	ok(t, r.Revoke("a"))
	for range 2 {
		_, err = r.Lookup(handshake.MLKEM512, byPSK(psk))
		wants(t, "the code of a revoked device", err, ErrUnknown)
		_, err = r.Redeem(psk.ID, key, enrolled)
		wants(t, "the code of a revoked device", err, ErrUnknown)
		if err := r.Remove("a"); err != nil && !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
	}
}

func TestInvitationExpires(t *testing.T) {
	r := open(t, t.TempDir())
	clock := enrolled
	r.now = func() time.Time { return clock }
	unused, used := invited(t, r, invitation("unused")), invited(t, r, invitation("used"))
	key := publicKey(handshake.MLKEM512, 1)
	clock = clock.Add(InviteLifetime - time.Second)
	_, err := r.Redeem(used.ID, key, clock)
	ok(t, err)
	_, err = r.Lookup(handshake.MLKEM512, byPSK(unused))
	ok(t, err)
	clock = clock.Add(time.Second)
	for what, psk := range map[string]*handshake.PSK{"unused": unused, "used": used} {
		_, err = r.Lookup(handshake.MLKEM512, byPSK(psk))
		wants(t, what+": Lookup", err, ErrExpired)
		_, err = r.Redeem(psk.ID, key, clock)
		wants(t, what+": Redeem", err, ErrExpired)
	}
	ok(t, r.Enroll(pskDevice("unused", 1))) // the name is free
	if d, err := r.Get("used"); err != nil || d.Enrolling {
		t.Errorf("the device that has redeemed: %v", err)
	}
	_, err = r.Lookup(handshake.MLKEM512, byPSK(unused))
	wants(t, "swept", err, ErrUnknown)
}

func TestInviteRefuses(t *testing.T) {
	r := open(t, t.TempDir())
	ok(t, r.Enroll(kemDevice("taken", handshake.MLKEM512, 1)))
	invited(t, r, invitation("invited"))
	for what, c := range map[string]struct {
		i   Invitation
		err error
	}{
		"no name":         {Invitation{Suite: 1}, ErrInvalid},
		"no suite":        {Invitation{Name: "a"}, ErrInvalid},
		"a wrong rule":    {Invitation{Name: "a", Suite: 1, Allow: []string{"x"}}, ErrInvalid},
		"too short":       {Invitation{Name: "a", Suite: 1, Lifetime: time.Second}, ErrInvalid},
		"too long":        {Invitation{Name: "a", Suite: 1, Lifetime: 31 * 24 * time.Hour}, ErrInvalid},
		"below zero":      {Invitation{Name: "a", Suite: 1, Lifetime: -time.Hour}, ErrInvalid},
		"an enrolled one": {invitation("taken"), ErrTaken},
		"an invited one":  {invitation("invited"), ErrTaken},
	} {
		_, err := r.Invite(c.i)
		wants(t, what, err, c.err)
	}
	wants(t, "enroll one that is invited", r.Enroll(pskDevice("invited", 2)), ErrTaken)
	psk := invited(t, r, invitation("b"))
	_, err := r.Redeem(psk.ID, publicKey(handshake.MLKEM512, 1), enrolled)
	wants(t, "the key of another device", err, ErrTaken)
	if d, err := r.Get("b"); err != nil || !d.Enrolling {
		t.Errorf("the invitation is gone: %v", err)
	}
	wants(t, "suspend one that is invited", r.Suspend("b"), ErrUnknown)
	ok(t, r.Remove("b"))
	_, err = r.Redeem(psk.ID, publicKey(handshake.MLKEM512, 3), enrolled)
	wants(t, "an invitation that was taken back", err, ErrUnknown)
}

// Of many who come with one code at once, each with a key of its own, one is let in.
func TestRedeemAtOnce(t *testing.T) {
	r := open(t, t.TempDir())
	psk := invited(t, r, invitation("a"))
	var all sync.WaitGroup
	var let atomic.Int32
	for n := range 20 {
		all.Go(func() {
			switch _, err := r.Redeem(psk.ID, publicKey(handshake.MLKEM512, uint64(n)), enrolled); {
			case err == nil:
				let.Add(1)
			case !errors.Is(err, ErrTaken):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := let.Load(); n != 1 {
		t.Errorf("%d keys for one code", n)
	}
}

// TestGuessing: many guess codes at once. They are told of a few a second; meanwhile devices are
// found, and so is an invitation that was found before, and one that is asked for when they pause.
func TestGuessing(t *testing.T) {
	r := open(t, t.TempDir())
	clock := new(atomic.Int64)
	r.now = func() time.Time { return enrolled.Add(time.Duration(clock.Load())) }
	device := pskDevice("device", 1)
	ok(t, r.Enroll(device))
	known, hidden := invited(t, r, invitation("known")), invited(t, r, invitation("hidden"))
	if _, err := r.Lookup(handshake.MLKEM512, byPSK(known)); err != nil {
		t.Fatal(err)
	}
	var answered, busy atomic.Int32
	guess := func(n int) {
		code, err := invite.NewCode(seeded(uint64(n)))
		if err != nil {
			t.Error(err)
		}
		switch _, err := r.Lookup(handshake.MLKEM512, byPSK(code.PSK())); {
		case errors.Is(err, ErrUnknown):
			answered.Add(1)
		case errors.Is(err, ErrBusy):
			busy.Add(1)
		default:
			t.Errorf("a guess: %v", err)
		}
	}
	const seconds = 5
	for second := range seconds {
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				for i := range 50 {
					guess(second<<12 | n<<8 | i)
				}
				if !found(r, device) {
					t.Error("a device that is enrolled is not found")
				}
				if _, err := r.Lookup(handshake.MLKEM512, byPSK(known)); err != nil {
					t.Errorf("an invitation that was found before: %v", err)
				}
				_, err := r.Lookup(handshake.MLKEM512, byPSK(hidden))
				wants(t, "a code that is guessed right while others are guessed", err, ErrBusy)
			})
		}
		all.Wait()
		clock.Add(int64(time.Second))
	}
	if n := answered.Load(); n != seconds*UnknownPerSecond || busy.Load() != seconds*400-n {
		t.Errorf("%d guesses were answered in %d s, %d were not", n, seconds, busy.Load())
	}
	if _, err := r.Lookup(handshake.MLKEM512, byPSK(hidden)); err != nil {
		t.Errorf("an invitation when nobody guesses: %v", err)
	}
}
