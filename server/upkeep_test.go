package server

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/server/registry"
)

// folder has the bench serve a folder in which the device is enrolled.
func (w *bench) folder(path string, change ...func(*Config)) *Dir {
	w.t.Helper()
	w.server.Close()
	<-w.done
	d := openFolder(w.t, path)
	if err := d.OpenDevices(); err != nil {
		w.t.Fatal(err)
	}
	_, key := testKeys()
	device := registry.Device{Name: "a", Suite: handshake.MLKEM512, PublicKey: key.Public(), Enrolled: time.Now()}
	if err := d.Devices.Enroll(device); err != nil && !errors.Is(err, registry.ErrTaken) {
		w.t.Fatal(err)
	}
	cfg := d.Config(w.server.cfg.Handler)
	cfg.Workers = 1
	for _, c := range change {
		c(&cfg)
	}
	w.start(cfg)
	w.key = d.Keys[0]
	return d
}

// A device that is removed, suspended or revoked loses its session at once, and is told.
func TestDeviceNotLetIn(t *testing.T) {
	for what, bar := range map[string]func(*registry.Registry) error{
		"removed":   func(r *registry.Registry) error { return r.Remove("a") },
		"suspended": func(r *registry.Registry) error { return r.Suspend("a") },
		"revoked":   func(r *registry.Registry) error { return r.Revoke("a") },
	} {
		dir := initDir(t, handshake.MLKEM512)
		onBench(t, func(t *testing.T, w *bench) {
			folder := w.folder(dir)
			d := w.connect(nil)
			time.Sleep(time.Minute)
			if w.server.Device("a") == nil {
				t.Fatal("the session is gone")
			}
			if err := errors.Join(folder.Devices.Enroll(another("b")), folder.Devices.Suspend("b")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if w.server.Device("a") == nil {
				t.Error("another device's change has ended the session")
			}
			if err := bar(folder.Devices); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if err := <-d.ended; errors.Is(err, session.ErrReset) || time.Since(start) > time.Second {
				t.Errorf("%s: after %v: %v", what, time.Since(start), err)
			}
			if s := w.server.Stats().Sessions; s != 0 {
				t.Errorf("%s: %d sessions", what, s)
			}
			d.close()
		})
	}
}

// another is a device that never connects.
func another(name string) registry.Device {
	psk, err := handshake.GeneratePSK(rand.Reader)
	if err != nil {
		panic(err)
	}
	return registry.Device{Name: name, Suite: handshake.MLKEM512, PSK: psk, Enrolled: time.Now()}
}

// A saved session of a device that was removed meanwhile does not go on.
func TestDeviceRemovedWhileSaved(t *testing.T) {
	dir := initDir(t, handshake.MLKEM512)
	onBench(t, func(t *testing.T, w *bench) {
		w.folder(dir)
		d := w.connect(nil)
		if err := w.server.Shutdown(w.within(time.Minute)); err != nil {
			t.Fatal(err)
		}
		<-w.done
		folder := openFolder(t, dir)
		if err := folder.OpenDevices(); err != nil {
			t.Fatal(err)
		}
		if err := folder.Devices.Remove("a"); err != nil {
			t.Fatal(err)
		}
		w.start(folder.Config(w.server.cfg.Handler))
		if s := w.server.Stats().Sessions; s != 0 {
			t.Errorf("%d sessions", s)
		}
		d.close()
	})
}

// Recheck ends what the Authorizer does not let in any more, also what it had let in before and is
// confirmed later.
func TestRecheck(t *testing.T) {
	barred := false
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		if n := w.server.Recheck(); n != 0 || w.server.Device("a") == nil {
			t.Errorf("%d ended", n)
		}
		barred = true
		if n := w.server.Recheck(); n != 1 || w.server.Device("a") != nil {
			t.Errorf("%d ended", n)
		}
		<-d.ended
		d.close()

		barred = false
		late := w.halfOpen()
		barred = true
		w.server.Recheck()
		late.sleep(false)
		late.request(put("x"))
		<-late.ended
		if w.server.Device("a") != nil || w.server.Stats().Confirmed != 2 {
			t.Errorf("%d sessions were confirmed", w.server.Stats().Confirmed)
		}
		late.close()
		w.server.Close()
		if n := w.server.Recheck(); n != 0 {
			t.Errorf("closed: %d ended", n)
		}
	}, func(cfg *Config) {
		cfg.Authorize = func(s handshake.Suite, c handshake.ClientCredential) (Client, error) {
			if barred {
				return Client{}, errStranger
			}
			return authorize(s, c)
		}
	})
}

func TestDisconnect(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		if w.server.Disconnect("a") {
			t.Error("a device that is not there")
		}
		d := w.connect(nil)
		if !w.server.Disconnect("a") || w.server.Device("a") != nil {
			t.Error("still connected")
		}
		if err := <-d.ended; errors.Is(err, session.ErrReset) {
			t.Errorf("the device was not told: %v", err)
		}
		d.close()
		w.connect(nil).close() // it may come back
	})
}

// A running server takes the keys that the command makes, and makes some of its own in time.
func TestTicketsWhileServing(t *testing.T) {
	dir := initDir(t, handshake.MLKEM512)
	onBench(t, func(t *testing.T, w *bench) {
		settings := []byte("ticket_rotation = 1\nticket_lifetime = 10\n")
		err := os.WriteFile(filepath.Join(dir, settingsFile), settings, 0o600)
		// The first key is of the clock of this machine, which is far from the bubble's.
		if err := errors.Join(err, os.Remove(filepath.Join(dir, ticketsFile))); err != nil {
			t.Fatal(err)
		}
		folder := w.folder(dir)
		d := w.connect(nil)
		ticket := d.newestTicket()
		time.Sleep(time.Minute)
		d.close()
		if err := folder.RotateTickets(time.Now(), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		resumed := func(ticket *handshake.ResumptionState, want bool) *handshake.ResumptionState {
			t.Helper()
			d := w.connect(ticket)
			defer d.close()
			if got := d.session.Stats().Resumed; got != want {
				t.Errorf("resumed %v, want %v", got, want)
			}
			synctest.Wait()
			return d.newestTicket()
		}
		ticket = resumed(ticket, true)
		time.Sleep(2 * time.Hour) // rotated by the server
		if got := openKeys(t, dir).keys.Newest(); time.Since(got) > time.Hour {
			t.Errorf("the newest key is of %v, now is %v", got, time.Now())
		}
		ticket = resumed(ticket, true)
		if err := folder.RotateTickets(time.Now(), true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		resumed(ticket, false)
	})
}
