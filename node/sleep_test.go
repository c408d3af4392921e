package node

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A day of sleep costs nothing but the record of the reading, one of the answer, and what proves
// the new address to the server.
func TestSleep(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.FreshAfter = -1
		c := w.dial(cfg)
		id := c.Session().SessionID
		w.ask(c)
		for round := range 20 {
			if err := c.Sleep(t.Context()); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if _, err := c.Get(t.Context(), "/"); !errors.Is(err, ErrClosed) {
				t.Errorf("a request while it sleeps: %v", err)
			}
			time.Sleep(23 * time.Hour)
			if n := w.count(func() { c = w.dial(cfg) }); n != 0 {
				t.Errorf("waking costs %d datagrams", n)
			}
			c.by(t, "waking")
			if !c.Woken() || c.Session().SessionID != id {
				t.Fatalf("woken %v", c.Woken())
			}
			if n := w.count(func() { w.ask(c) }); n > 3 { // the record, its answer, a challenge
				t.Errorf("round %d: %d datagrams for a reading", round, n)
			}
			time.Sleep(10 * time.Second)
		}
		if err := c.Close(); err != nil || w.server.Opened() != 1 {
			t.Errorf("%v, %d sessions", err, w.server.Opened())
		}
	})
}

// Sleep waits for what is open.
func TestSleepWaits(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := w.dial(w.config())
		done := make(chan error, 1)
		go func() {
			_, err := c.Get(t.Context(), "/")
			done <- err
		}()
		time.Sleep(delay / 2)
		if err := c.Sleep(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.dial(w.config()).by(t, "waking")
	})
}

// Where something stays open for too long the session is not saved, and the next begins with the
// ticket.
func TestSleepTooLate(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		w.answer = func(coap.Message) *coap.Message { return nil }
		c := w.dial(w.config())
		go c.Get(t.Context(), "/")
		time.Sleep(time.Second)
		if err := c.Sleep(within(t, 5*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		c = w.dial(w.config())
		defer c.Close()
		c.by(t, "resumption")
	})
}

func TestSleepRefused(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.State = ""
		c := w.dial(cfg)
		if err := c.Sleep(t.Context()); !errors.Is(err, ErrState) {
			t.Errorf("without a file: %v", err)
		}
		w.ask(c)
		c.Close()
		if err := c.Sleep(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// Whatever has become of the state file, the device starts, and uses nothing twice.
func TestWake(t *testing.T) {
	type files struct{ state, used []byte }
	read := func(w *world) (f files) {
		f.state, _ = os.ReadFile(w.state)
		f.used, _ = os.ReadFile(w.state + ".used")
		return f
	}
	write := func(w *world, f files) {
		os.WriteFile(w.state, f.state, 0o600)
		os.WriteFile(w.state+".used", f.used, 0o600)
	}
	asleep := func(w *world) {
		c := w.dial(w.config())
		w.ask(c)
		if err := c.Sleep(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	tests := map[string]struct {
		prepare func(w *world)
		want    string
		log     string
	}{
		"asleep":  {asleep, "waking", ""},
		"no file": {func(*world) {}, "handshake", ""},
		"closed":  {func(w *world) { c := w.dial(w.config()); time.Sleep(time.Second); c.Close() }, "resumption", ""},
		"killed":  {func(w *world) { c := w.dial(w.config()); time.Sleep(time.Second); c.kill() }, "resumption", ""},
		"killed after waking": {func(w *world) {
			asleep(w)
			c := w.dial(w.config())
			w.ask(c)
			c.kill()
		}, "resumption", ""},
		"killed while resuming": {func(w *world) {
			c := w.dial(w.config())
			time.Sleep(time.Second)
			c.kill()
			c = newConn(w.net.Listen(deviceAddr), serverAddr, w.config())
			c.mu.Lock()
			c.wake(time.Now())
			c.start(time.Now())
			c.mu.Unlock()
			c.kill()
		}, "handshake", ""},
		"killed before the first record": {func(w *world) {
			asleep(w)
			w.dial(w.config()).kill()
		}, "resumption", ""},
		"truncated": {func(w *world) {
			asleep(w)
			f := read(w)
			write(w, files{f.state[:len(f.state)/2], f.used})
		}, "handshake", "cut, changed"},
		"empty": {func(w *world) { asleep(w); write(w, files{nil, read(w).used}) }, "handshake", "cut, changed"},
		"changed": {func(w *world) {
			asleep(w)
			f := read(w)
			f.state[len(f.state)-1] ^= 1
			write(w, f)
		}, "handshake", "cut, changed"},
		"used twice": {func(w *world) {
			asleep(w)
			f := read(w)
			c := w.dial(w.config())
			w.ask(c)
			c.kill()
			write(w, files{f.state, read(w).used})
		}, "handshake", "a copy that was put back"},
		"a ticket used twice": {func(w *world) {
			c := w.dial(w.config())
			time.Sleep(time.Second)
			f := read(w)
			c.kill()
			c = w.dial(w.config())
			c.kill()
			write(w, files{f.state, read(w).used})
		}, "handshake", "a copy that was put back"},
		"old": {func(w *world) {
			asleep(w)
			f := read(w)
			for range 3 {
				asleep(w)
			}
			write(w, files{f.state, read(w).used})
		}, "handshake", "a copy that was put back"},
		"without the file beside it": {func(w *world) {
			asleep(w)
			os.Remove(w.state + ".used")
		}, "handshake", "cut, changed"},
		"asleep for too long":   {func(w *world) { asleep(w); time.Sleep(49 * time.Hour) }, "resumption", "too old"},
		"a folder in its place": {func(w *world) { os.MkdirAll(w.state+"/x", 0o700) }, "handshake", "state not used"},
		"a folder in the place of the other": {func(w *world) {
			os.MkdirAll(w.state+".used/x", 0o700)
		}, "handshake", "nothing will be kept"},
		"a server that has forgotten": {func(w *world) {
			asleep(w)
			w.crash()
			c := w.dial(w.config())
			if _, err := c.Get(w.t.Context(), "/"); err != nil {
				w.t.Error(err)
			}
			c.by(w.t, "resumption")
			c.Close()
		}, "resumption", "forgotten"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, quiet, func(t *testing.T, w *world) {
				tt.prepare(w)
				c := w.dial(w.config())
				defer c.Close()
				c.by(t, tt.want)
				w.ask(c)
				if !strings.Contains(w.log.String(), tt.log) {
					t.Errorf("the log lacks %q:\n%s", tt.log, w.log.String())
				}
			})
		})
	}
}

// A session belongs to the address of its server, and a ticket to its key.
func TestWakeElsewhere(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := w.dial(w.config())
		w.ask(c)
		if err := c.Sleep(t.Context()); err != nil {
			t.Fatal(err)
		}
		other := newConn(w.net.Listen(deviceAddr), deviceAddr, w.config())
		defer other.kill()
		other.mu.Lock()
		other.wake(time.Now())
		if other.active != nil || other.ticket == nil {
			t.Error("the session of another server is gone on with, or its ticket is lost")
		}
		other.mu.Unlock()
	})
}

// Two programs with one file: one wakes, the other does not.
func TestWakeTwice(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := w.dial(w.config())
		w.ask(c)
		if err := c.Sleep(t.Context()); err != nil {
			t.Fatal(err)
		}
		woken := 0
		for range 2 {
			c := w.dial(w.config())
			defer c.Close()
			if c.Woken() {
				woken++
			}
		}
		if woken != 1 {
			t.Errorf("%d of two go on with the session", woken)
		}
	})
}

// Without a file the ticket is kept in memory.
func TestTicketInMemory(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.State = ""
		c := w.dial(cfg)
		defer c.Close()
		for round := range 3 {
			time.Sleep(time.Second)
			w.crash()
			if _, err := c.Get(t.Context(), "/"); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			c.by(t, "resumption")
		}
	})
}

// A ticket that cannot be removed from the disk is not used.
func TestTicketStays(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := w.dial(w.config())
		defer c.Close()
		time.Sleep(time.Second)
		if err := os.Mkdir(w.state+".used.tmp", 0o700); err != nil {
			t.Fatal(err)
		}
		w.crash()
		if _, err := c.Get(t.Context(), "/"); err != nil {
			t.Fatal(err)
		}
		c.by(t, "handshake")
	})
}

// One that the server does not take any more is followed by a handshake.
func TestTicketExpires(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := w.dial(w.config())
		time.Sleep(time.Second)
		c.Close()
		time.Sleep(2 * time.Hour)
		c = w.dial(w.config())
		defer c.Close()
		c.by(t, "handshake")
	}, func(cfg *session.ServerConfig) {
		cfg.Limits = handshake.Limits{Lifetime: time.Hour, Small: 16, SmallAge: time.Hour}
	})
}
