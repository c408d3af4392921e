package node

import (
	"errors"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// A device whose clock stands in the year 2000, as that of this test does, and a fleet of today.
func TestToday(t *testing.T) {
	authority, _ := testAuthority()
	serverKey, deviceKey := testKeys()
	at := func(day int) time.Time { return time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC) }
	days := func(from, to int) func(*cwt.Claims) {
		return func(c *cwt.Claims) { c.NotBefore, c.Issued, c.Expires = at(from), at(from), at(to) }
	}
	for name, tt := range map[string]struct {
		noClock    bool
		credential bool // the device's own is of the 10th
		from, to   int  // of the server's
		want       error
	}{
		"a clock that is not set, believed":              {false, false, 1, 30, cwt.ErrNotYet},
		"no clock":                                       {true, false, 1, 30, nil},
		"no clock, and the server's time has not come":   {true, true, 20, 30, nil},
		"no clock, and the server's time is over":        {true, true, 1, 9, cwt.ErrExpired},
		"no clock, over when the device's own was made":  {true, true, 1, 10, cwt.ErrExpired},
		"a clock behind the device's credential is none": {false, true, 1, 30, nil},
		"the same, and the server's time is over":        {false, true, 1, 9, cwt.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, quiet, func(t *testing.T, w *world) {
				w.server.SetIdentities(certified(t, serverKey,
					issue(t, authority, cwt.UsageServer, testServer, serverKey, days(tt.from, tt.to))))
				cfg := w.fleetConfig()
				cfg.NoClock, cfg.Credential = tt.noClock, nil
				if tt.credential {
					cfg.Credential = issue(t, authority, cwt.UsageDevice, testDevice, deviceKey, days(10, 30))
				}
				if tt.want != nil {
					if err := w.fails(cfg); !errors.Is(err, tt.want) {
						t.Errorf("error %v, want %v", err, tt.want)
					}
					return
				}
				c := w.dial(cfg)
				w.ask(c)
				c.Close()
			})
		})
	}
}

// The floor rises with what the authority signs, with what the program learns, and with the time
// that passes while it runs. It is kept, and never falls.
func TestFloor(t *testing.T) {
	authority, _ := testAuthority()
	serverKey, _ := testKeys()
	at := func(day int) time.Time { return time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC) }
	token := func(from, to int) []byte {
		return issue(t, authority, cwt.UsageServer, testServer, serverKey, func(c *cwt.Claims) {
			c.NotBefore, c.Issued, c.Expires = at(from), at(from), at(to)
		})
	}
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.fleetConfig()
		cfg.NoClock, cfg.Credential = true, nil
		w.server.SetIdentities(certified(t, serverKey, token(3, 20)))
		c := w.dial(cfg)
		w.ask(c)
		if floor := w.known().floor; !floor.Equal(at(3)) {
			t.Errorf("a credential of the 3rd: %v", floor)
		}
		c.NoteTime(at(2))
		time.Sleep(24 * time.Hour)
		c.Close()
		if floor := w.known().floor; floor.Before(at(4)) || floor.After(at(4).Add(time.Minute)) {
			t.Errorf("a day later: %v", floor)
		}
		c = w.dial(cfg)
		c.NoteTime(at(25))
		c.Close()
		if floor := w.known().floor; floor.Before(at(25)) {
			t.Errorf("told that it is the 25th: %v", floor)
		}
		w.forget()
		if err := w.fails(cfg); !errors.Is(err, cwt.ErrExpired) {
			t.Errorf("a credential that was over on the 20th: %v", err)
		}
		w.server.SetIdentities(certified(t, serverKey, token(24, 30)))
		w.ask(w.dial(cfg))
	})
}

// A clock that is a little behind the authority's is one, and one that is far behind is none.
func TestHasClock(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := newConn(w.net.Listen(deviceAddr), serverAddr, w.fleetConfig())
		defer c.kill()
		c.mu.Lock()
		defer c.mu.Unlock()
		now := time.Now()
		c.raise(now, now.Add(skew))
		if !c.hasClock(now) {
			t.Error("a little behind")
		}
		if c.raise(now, now.Add(skew+time.Second)); c.hasClock(now) {
			t.Error("far behind")
		}
		if c.raise(now, now); c.hasClock(now) {
			t.Error("the floor has fallen")
		}
	})
}

// A credential that begins a little in the future is one of a server whose clock is ahead.
func TestSkew(t *testing.T) {
	authority, _ := testAuthority()
	serverKey, _ := testKeys()
	inWorld(t, quiet, func(t *testing.T, w *world) {
		w.server.SetIdentities(certified(t, serverKey,
			issue(t, authority, cwt.UsageServer, testServer, serverKey, func(c *cwt.Claims) {
				c.NotBefore = c.NotBefore.Add(skew - time.Second)
			})))
		w.ask(w.dial(w.fleetConfig()))
	})
}
