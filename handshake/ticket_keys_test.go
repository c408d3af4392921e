package handshake

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
)

func mustRotate(t *testing.T, k *TicketKeys, name string, now, from time.Time, lifetime time.Duration) *TicketKeys {
	t.Helper()
	next, err := k.Rotate(random(name), now, from, lifetime)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TestRotatedTicketKey: new tickets are sealed by the newest key, older ones open until none
// of them is left.
func TestRotatedTicketKey(t *testing.T) {
	c := newChain(t, MLKEM512, ModeKEM)
	old := c.keys
	c.keys = mustRotate(t, old, "second", c.now.Add(time.Hour), c.now.Add(time.Hour), c.limits.Lifetime)
	c.now = c.now.Add(2 * time.Hour)
	state := c.again()
	if a, err := c.open(c.resumer(false).M1R()); a == nil || err != nil {
		t.Fatalf("a ticket of the older key: %v", err)
	}
	c.resume(false)
	if !bytes.Equal(c.state.ticket[:2], c.keys.keys[1].id[:]) {
		t.Error("a new ticket is not of the newest key")
	}
	m, _ := ParseM1R(c.resumer(false).M1R())
	if _, err := c.responder.OpenResumption(c.now, m, old, c.limits); !errors.Is(err, ErrUnknownKey) || old.Knows(m) {
		t.Errorf("at a server without the new key: error = %v, want %v", err, ErrUnknownKey)
	}
	c.now = c.now.Add(c.limits.Lifetime)
	c.keys = mustRotate(t, c.keys, "third", c.now, c.now, c.limits.Lifetime)
	c.state = state
	m, _ = ParseM1R(c.resumer(false).M1R())
	if _, err := c.responder.OpenResumption(c.now, m, c.keys, c.limits); !errors.Is(err, ErrUnknownKey) || c.keys.Knows(m) {
		t.Errorf("a ticket of a key that is gone: error = %v, want %v", err, ErrUnknownKey)
	}
	if len(c.keys.keys) != 2 {
		t.Errorf("%d keys, want 2", len(c.keys.keys))
	}
}

// TestRotateKeeps: no key goes while one of its tickets may be good: the last one is as old
// as the key that followed.
func TestRotateKeeps(t *testing.T) {
	const lifetime = 10 * time.Hour
	k, err := NewTicketKeys(random("first"), epoch)
	if err != nil {
		t.Fatal(err)
	}
	k = mustRotate(t, k, "second", epoch, epoch.Add(time.Hour), lifetime)
	if n := len(mustRotate(t, k, "x", epoch.Add(11*time.Hour-time.Second), epoch.Add(48*time.Hour), lifetime).keys); n != 3 {
		t.Errorf("a second too early: %d keys, want 3", n)
	}
	if n := len(mustRotate(t, k, "x", epoch.Add(11*time.Hour), epoch.Add(48*time.Hour), lifetime).keys); n != 2 {
		t.Errorf("in time: %d keys, want 2", n)
	}
}

// TestKeyInAdvance: a key that a cluster has been given opens at once and seals from its time
// on.
func TestKeyInAdvance(t *testing.T) {
	c := newChain(t, MLKEM512, ModeNone)
	c.keys = mustRotate(t, c.keys, "second", c.now, c.now.Add(time.Hour), c.limits.Lifetime)
	for _, step := range []struct {
		after time.Duration
		key   int
	}{{0, 0}, {time.Hour - time.Second, 0}, {time.Hour, 1}} {
		c.now = epoch.Add(step.after)
		c.resume(false)
		if !bytes.Equal(c.state.ticket[:2], c.keys.keys[step.key].id[:]) {
			t.Errorf("after %v: not of key %d", step.after, step.key)
		}
		c.resume(true)
	}
}

// TestClusterSharesTickets: another server with the same ticket and KEM keys resumes; one with
// its own ticket keys does not, whether the identifier is known there or not.
func TestClusterSharesTickets(t *testing.T) {
	c := newChain(t, XWing, ModeKEM)
	shared, err := ParseTicketKeys(c.keys.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	m1r := c.resumer(true).M1R()
	own := c.keys
	c.keys, c.responder = shared, NewResponder(mustKey(t, XWing, "server").Identity())
	if _, err := c.open(m1r); err != nil {
		t.Errorf("in a cluster: %v", err)
	}
	if c.keys, err = NewTicketKeys(random("another server"), c.now); err != nil {
		t.Fatal(err)
	}
	if a, err := c.open(m1r); a != nil || !errors.Is(err, ErrUnknownKey) {
		t.Errorf("another server: error = %v, want %v", err, ErrUnknownKey)
	}
	c.keys.keys[0].id = own.keys[0].id
	if a, err := c.open(m1r); a != nil || !errors.Is(err, ErrRejected) {
		t.Errorf("another key under that identifier: error = %v, want %v", err, ErrRejected)
	}
}

func TestRotateMisuse(t *testing.T) {
	k, err := NewTicketKeys(random("first"), epoch)
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]time.Time{
		"before the last": epoch.Add(-time.Second), "before 1970": time.Unix(-1, 0), "too late": time.Unix(maxSeconds+1, 0),
	} {
		if next, err := k.Rotate(random("x"), epoch, from, 0); next != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: error = %v, want %v", name, err, ErrMisuse)
		}
	}
	for n := range 15 {
		k = mustRotate(t, k, string(rune('a'+n)), epoch, epoch.Add(time.Hour), time.Hour)
	}
	if next, err := k.Rotate(random("x"), epoch, epoch.Add(time.Hour), time.Hour); next != nil || !errors.Is(err, ErrMisuse) {
		t.Errorf("17 keys: error = %v, want %v", err, ErrMisuse)
	}
	for _, n := range []int{0, 31, 33} {
		if next, err := NewTicketKeys(bytes.NewReader(make([]byte, n)), epoch); next != nil || err == nil {
			t.Errorf("a key from %d random bytes", n)
		}
	}
}

// TestTicketIDs: an identifier that is taken is drawn again.
func TestTicketIDs(t *testing.T) {
	k, err := NewTicketKeys(random("first"), epoch)
	if err != nil {
		t.Fatal(err)
	}
	taken, fresh := k.keys[0].id, []byte{k.keys[0].id[0] ^ 1, 7}
	rand := io.MultiReader(bytes.NewReader(make([]byte, 32)), bytes.NewReader(taken[:]), bytes.NewReader(fresh))
	next, err := k.Rotate(rand, epoch, epoch, time.Hour)
	if err != nil || next.keys[1].id != [2]byte(fresh) {
		t.Errorf("identifiers %x, error = %v", next.keys, err)
	}
}

func TestWipeTicketKeys(t *testing.T) {
	k, err := NewTicketKeys(random("first"), epoch)
	if err != nil {
		t.Fatal(err)
	}
	next := mustRotate(t, k, "second", epoch, epoch, time.Hour)
	inside := k.keys
	k.Wipe()
	if inside[0].key != [32]byte{} || len(k.keys) != 0 {
		t.Error("a key was left")
	}
	if next.keys[0].key == [32]byte{} {
		t.Error("the copy was wiped, too")
	}
}

// TestNewest: the time of the newest key is the one it was made with, also in advance.
func TestNewest(t *testing.T) {
	if !new(TicketKeys).Newest().IsZero() {
		t.Error("a time without a key")
	}
	k, err := NewTicketKeys(random("first"), epoch)
	if err != nil {
		t.Fatal(err)
	}
	if k = mustRotate(t, k, "second", epoch, epoch.Add(time.Minute), time.Hour); !k.Newest().Equal(epoch.Add(time.Minute)) {
		t.Errorf("newest of %v", k.Newest())
	}
}
