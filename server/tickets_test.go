package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

var nothing = coap.HandlerFunc(nil)

const month = 30 * 24 * time.Hour

func openKeys(t *testing.T, path string) *tickets {
	t.Helper()
	k, err := openTickets(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func always(time.Time) bool { return true }

// A folder from before there were tickets gets a key when a server starts in it, one with
// resume = false does not use it.
func TestTicketsMade(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	if err := os.Remove(filepath.Join(path, ticketsFile)); err != nil {
		t.Fatal(err)
	}
	d := openFolder(t, path)
	made := func() (*Server, error) {
		srv, err := New(d.Config(nothing))
		if err == nil {
			srv.Close() // the folder is for the next one
		}
		return srv, err
	}
	d.Settings.Resume = false
	if srv, err := made(); err != nil || srv.cfg.Tickets != nil || !gone(filepath.Join(path, ticketsFile)) {
		t.Errorf("resume = false: %v, or there are keys", err)
	}
	d.Settings.Resume = true
	srv, err := made()
	if err != nil || srv.cfg.Tickets.Newest().IsZero() || srv.cfg.Limits != d.Settings.limits() {
		t.Errorf("%v, or no key", err)
	}
	first := srv.cfg.Tickets.Append(nil)
	if srv, err = made(); err != nil || string(srv.cfg.Tickets.Append(nil)) != string(first) {
		t.Errorf("%v, or the second start has other keys", err)
	}
	if err := os.WriteFile(filepath.Join(path, ticketsFile), first[:20], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := made(); !errors.Is(err, ErrDir) {
		t.Errorf("a file that is cut: %v", err)
	}
}

// Who shares the file sees a rotation, and does not do it again.
func TestTicketsShared(t *testing.T) {
	path, other := initDir(t, handshake.MLKEM512), initDir(t, handshake.MLKEM512)
	link := filepath.Join(other, ticketsFile)
	if err := errors.Join(os.Remove(link), os.Symlink(filepath.Join(path, ticketsFile), link)); err != nil {
		t.Fatal(err)
	}
	a, b := openKeys(t, path), openKeys(t, other)
	now := time.Now().Add(3 * 24 * time.Hour)
	const age = 72 * time.Hour
	for _, k := range []*tickets{a, b} {
		if changed, err := k.keep(now.Add(-time.Hour), age, month); changed || err != nil {
			t.Errorf("too early: %v, %v", changed, err)
		}
	}
	if changed, err := b.keep(now, age, month); !changed || err != nil || b.keys.Newest().Unix() != now.Add(ticketLead).Unix() {
		t.Errorf("in time: %v, %v", changed, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is one no more: %v", err)
	}
	for _, want := range []bool{true, false} {
		if changed, err := a.keep(now, age, month); changed != want || err != nil || !a.keys.Newest().Equal(b.keys.Newest()) {
			t.Errorf("the other one: %v, %v, want %v", changed, err, want)
		}
	}
	if rotated, err := a.rotate(now, month, func(newest time.Time) bool { return now.Sub(newest) >= age }); rotated || err != nil {
		t.Errorf("rotated twice: %v, %v", rotated, err)
	}
}

// By itself a server makes no key where it is not to, and few enough that there is room for some
// made by hand.
func TestTicketsKept(t *testing.T) {
	k := openKeys(t, initDir(t, handshake.MLKEM512))
	now := time.Now()
	if changed, err := k.keep(now.Add(1000*time.Hour), 0, month); changed || err != nil {
		t.Errorf("an age of 0: %v, %v", changed, err)
	}
	for i := range 100 {
		now = now.Add(73 * time.Hour)
		if changed, err := k.keep(now, 72*time.Hour, month); !changed || err != nil {
			t.Fatalf("rotation %d: %v, %v", i, changed, err)
		}
	}
	now = now.Add(time.Hour)
	byHand := 0
	for ; ; byHand++ {
		if _, err := k.rotate(now, month, always); err != nil {
			break
		}
	}
	if byHand < 3 {
		t.Errorf("room for %d keys made by hand", byHand)
	}
	// When there is no room it is not tried at every look.
	now = now.Add(2 * time.Minute)
	failures := 0
	for range 120 {
		if _, err := k.keep(now, time.Second, month); err != nil {
			failures++
		}
		now = now.Add(time.Second / 2)
	}
	if failures != 1 {
		t.Errorf("%d failures in a minute", failures)
	}
}

// A file that cannot be used takes no key away, and is complained of once.
func TestTicketsSpoilt(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	k := openKeys(t, path)
	before := string(k.keys.Append(nil))
	spoilt := filepath.Join(path, "x")
	if err := errors.Join(os.WriteFile(spoilt, []byte("x"), 0o600), os.Rename(spoilt, k.name)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{ErrDir, nil} {
		if changed, err := k.keep(time.Now(), 0, month); changed || !errors.Is(err, want) || string(k.keys.Append(nil)) != before {
			t.Errorf("%v, %v, want %v", changed, err, want)
		}
	}
	if err := os.Remove(k.name); err != nil {
		t.Fatal(err)
	}
	if changed, err := k.keep(time.Now(), 0, month); changed || err != nil || string(k.keys.Append(nil)) != before {
		t.Errorf("no file: %v, %v", changed, err)
	}
}

func TestRotateTickets(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	d, now := openFolder(t, path), time.Now()
	one := openKeys(t, path).keys.Append(nil)
	if err := d.RotateTickets(now, false); err != nil {
		t.Fatal(err)
	}
	two := openKeys(t, path)
	if len(two.keys.Append(nil)) <= len(one) || two.keys.Newest().Unix() != now.Add(ticketLead).Unix() {
		t.Errorf("newest of %v", two.keys.Newest())
	}
	if err := d.RotateTickets(now, true); err != nil {
		t.Fatal(err)
	}
	if last := openKeys(t, path); len(last.keys.Append(nil)) != len(one) || last.keys.Newest().Unix() != now.Unix() {
		t.Errorf("newest of %v", last.keys.Newest())
	}
	if err := errors.Join(os.Remove(filepath.Join(path, ticketsFile)), d.RotateTickets(now, false)); err != nil {
		t.Errorf("no file: %v", err)
	}
}
