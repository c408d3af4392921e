package node

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// rotate has the server want to be known by another key, and take the old one as well, until
// over is called.
func (w *world) rotate(old *handshake.PrivateKey) (next *handshake.PrivateKey, over func()) {
	w.t.Helper()
	next = newKey(w.t)
	w.server.SetIdentities(next.Identity(), old.Identity())
	w.serving("hs", func(m *coap.Message) *coap.Message {
		if q, _ := m.Options.Queries(); len(q) != 1 || q[0] != "s=3" {
			w.t.Errorf("queries %q", q)
		}
		return coap.Content(message.AppCBOR, next.ServerCredential().Bytes())
	})
	return next, func() { w.server.SetIdentities(next.Identity()) }
}

// pins are the ways to pin a server's key.
var pins = map[string]func(*Config){
	"whole":       func(*Config) {},
	"fingerprint": func(c *Config) { c.Fingerprint, c.Trust = c.Trust.Fingerprint(), nil },
	"first use":   func(c *Config) { c.Trust, c.FirstUse = nil, true },
}

// forEachPin runs f in a world for each way to pin the server's key.
func forEachPin(t *testing.T, f func(t *testing.T, w *world, cfg Config, key *handshake.PrivateKey)) {
	key, _ := testKeys()
	for name, pin := range pins {
		t.Run(name, func(t *testing.T) {
			inWorld(t, quiet, func(t *testing.T, w *world) {
				cfg := w.config()
				pin(&cfg)
				f(t, w, cfg, key)
			})
		})
	}
}

// A device that wakes while both keys are accepted learns the new one, over a session with the
// old, and makes a handshake with it at once, beside that session: nothing goes back to the old key
// any more.
func TestRotation(t *testing.T) {
	forEachPin(t, func(t *testing.T, w *world, cfg Config, key *handshake.PrivateKey) {
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(time.Second)
		c.Close()
		next, over := w.rotate(key)
		c = w.dial(cfg)
		c.by(t, "resumption") // of a session with the old key
		w.ask(c)
		time.Sleep(3 * time.Second)
		c.by(t, "handshake")
		if got := c.active.device.Server().KeyID(); got != next.ServerCredential().KeyID() {
			t.Error("the handshake was with another key")
		}
		c.Close()
		if k := w.known(); k.pin == nil || k.pin.Fingerprint() != next.ServerCredential().Fingerprint() || k.former != [32]byte{} {
			t.Fatalf("the new key is not kept: %+v", k)
		}
		w.logged("the server has a new key")
		over()
		c = w.dial(cfg)
		defer c.Close()
		c.by(t, "resumption")
		w.ask(c)
	})
}

// A device that makes no handshake of its own accord goes on with tickets of the old key while the
// server has it. When it is gone the server refuses them, sealed, and a handshake with the new key
// follows.
func TestRotationByTicket(t *testing.T) {
	forEachPin(t, func(t *testing.T, w *world, cfg Config, key *handshake.PrivateKey) {
		cfg.FreshAfter = -1
		w.dial(cfg).Close()
		next, over := w.rotate(key)
		w.forget()
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(3 * time.Second)
		c.Close()
		if w.known().former != key.ServerCredential().Fingerprint() {
			t.Fatal("it is not known which key was before")
		}
		c = w.dial(cfg)
		c.by(t, "resumption")
		time.Sleep(time.Second)
		c.Close()
		over()
		c = w.dial(cfg)
		defer c.Close()
		c.by(t, "handshake")
		w.ask(c)
		if got := c.active.device.Server().KeyID(); got != next.ServerCredential().KeyID() {
			t.Error("the handshake was with another key")
		}
		if w.known().former != [32]byte{} {
			t.Error("what goes back to the old key is good still")
		}
	})
}

// Who has stolen the folder of a server before its rotation, ticket keys included, can resume with a
// device that has a ticket of then, and cannot bring it to a key of theirs.
func TestRotationStolen(t *testing.T) {
	forEachPin(t, func(t *testing.T, w *world, cfg Config, key *handshake.PrivateKey) {
		cfg.FreshAfter = -1
		w.dial(cfg).Close()
		next, _ := w.rotate(key)
		w.forget()
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(3 * time.Second)
		c.Close()
		w.rotate(key) // to a key of the thief's
		c = w.dial(cfg)
		c.by(t, "resumption")
		w.ask(c)
		time.Sleep(3 * time.Second)
		c.Close()
		if k := w.known(); k.pin.Fingerprint() != next.ServerCredential().Fingerprint() {
			t.Error("the device has followed the thief")
		}
		w.forget()
		if err := w.fails(cfg); !errors.Is(err, session.ErrFingerprint) {
			t.Errorf("error %v", err)
		}
	})
}

// A device that meets its server for the first time while both keys are accepted, and knows the old
// one, does so too.
func TestRotationFirstMet(t *testing.T) {
	forEachPin(t, func(t *testing.T, w *world, cfg Config, key *handshake.PrivateKey) {
		next, over := w.rotate(key)
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(time.Second)
		c.Close()
		over()
		w.forget()
		c = w.dial(cfg)
		w.ask(c)
		c.Close()
		if w.known().pin.Fingerprint() != next.ServerCredential().Fingerprint() {
			t.Error("the new key is not pinned")
		}
	})
}

// A device that learns the new key of its server in the session of a ticket does so as well, and
// one that goes to sleep at once has learnt it.
func TestRotationBeforeSleep(t *testing.T) {
	forEachPin(t, func(t *testing.T, w *world, cfg Config, key *handshake.PrivateKey) {
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(time.Second)
		c.Close()
		next, over := w.rotate(key)
		c = w.dial(cfg)
		c.by(t, "resumption")
		if err := c.Sleep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k := w.known(); k.pin == nil || k.pin.Fingerprint() != next.ServerCredential().Fingerprint() {
			t.Fatal("the device sleeps without the new key")
		}
		c = w.dial(cfg)
		c.by(t, "waking")
		w.ask(c)
		c.Close()
		over()
		w.forget()
		c = w.dial(cfg)
		defer c.Close()
		w.ask(c)
	})
}

// What is learnt is lost, and the ticket or the session that belongs to it is not: the device goes by
// its configuration, and learns again.
func TestRotationForgotten(t *testing.T) {
	for by, end := range map[string]func(c *Conn) error{
		"waking":     func(c *Conn) error { return c.Sleep(t.Context()) },
		"resumption": func(c *Conn) error { return c.Close() },
	} {
		forEachPin(t, func(t *testing.T, w *world, cfg Config, key *handshake.PrivateKey) {
			c := w.dial(cfg)
			w.ask(c)
			time.Sleep(time.Second)
			if err := end(c); err != nil {
				t.Fatal(err)
			}
			os.Remove(knownPath(w.state))
			next, _ := w.rotate(key)
			c = w.dial(cfg)
			defer c.Close()
			if !cfg.FirstUse { // which has nothing to know the server by
				c.by(t, by)
			}
			w.ask(c)
			time.Sleep(time.Second)
			if k := w.known(); by == "resumption" && k.pin.Fingerprint() != next.ServerCredential().Fingerprint() {
				t.Error("the new key is not pinned")
			}
		})
	}
}

// A device that wakes when the old key is gone cannot know the server any more, and says so.
func TestRotationMissed(t *testing.T) {
	forEachPin(t, func(t *testing.T, w *world, cfg Config, key *handshake.PrivateKey) {
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(time.Second)
		if err := c.Sleep(t.Context()); err != nil {
			t.Fatal(err)
		}
		next, over := w.rotate(key)
		over()
		w.crash()
		time.Sleep(50 * time.Hour) // the session is too old, and the ticket of a key that is gone
		err := w.fails(cfg)
		if !errors.Is(err, session.ErrFingerprint) || !strings.Contains(err.Error(), "enrol it again") {
			t.Errorf("error %v", err)
		}
		if errors.Is(err, ErrKeyChanged) != cfg.FirstUse {
			t.Errorf("error %v", err)
		}
		fingerprint := next.ServerCredential().Fingerprint()
		if !strings.Contains(err.Error(), hex.EncodeToString(fingerprint[:])) {
			t.Errorf("the key that is offered is not named: %v", err)
		}
		if k := w.known(); k.pin != nil && k.pin.Fingerprint() != key.ServerCredential().Fingerprint() {
			t.Error("the new key has been trusted")
		}
	})
}

// A server that was restored from a backup, with the old key only, is refused by who has learnt
// the new one.
func TestRotationRestored(t *testing.T) {
	forEachPin(t, func(t *testing.T, w *world, cfg Config, key *handshake.PrivateKey) {
		w.dial(cfg).Close()
		w.rotate(key)
		w.forget()
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(time.Second)
		c.Close()
		w.server.SetIdentities(key.Identity())
		w.forget()
		if err := w.fails(cfg); !errors.Is(err, session.ErrFingerprint) {
			t.Errorf("error %v", err)
		}
	})
}

// What the configuration says anew takes the place of what was learnt.
func TestRotationConfigured(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		key, _ := testKeys()
		cfg := w.config()
		w.rotate(key)
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(time.Second)
		c.Close()
		third := newKey(t)
		w.server.SetIdentities(third.Identity())
		cfg.Trust = third.ServerCredential()
		c = w.dial(cfg)
		defer c.Close()
		w.ask(c)
	})
}

// Whatever the server sends in place of the key that it has announced, the pin stays.
func TestRotationLies(t *testing.T) {
	key, _ := testKeys()
	other, err := handshake.GenerateKey(zeroReader{}, handshake.MLKEM768)
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]*coap.Message{
		"another key":   coap.Content(message.AppCBOR, newKey(t).ServerCredential().Bytes()),
		"another suite": coap.Content(message.AppCBOR, other.ServerCredential().Bytes()),
		"the old one":   coap.Content(message.AppCBOR, key.ServerCredential().Bytes()),
		"garbage":       coap.Content(message.AppCBOR, []byte("x")),
		"too much":      coap.Content(message.AppCBOR, make([]byte, maxCredentials+1)),
		"nothing":       {Code: coap.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, quiet, func(t *testing.T, w *world) {
				w.rotate(key)
				asked := 0
				w.serving("hs", func(*coap.Message) *coap.Message { asked++; return answer })
				c := w.dial(w.config())
				defer c.Close()
				w.ask(c)
				time.Sleep(time.Hour)
				w.ask(c)
				if _, err := os.Stat(knownPath(w.state)); err == nil && w.known().pin != nil {
					t.Error("it is pinned")
				}
				if w.logged("the server's new key"); asked < 2 || asked > 7 {
					t.Errorf("asked %d times in an hour", asked)
				}
			})
		})
	}
}

// Without a state file the new key is gone by while the program runs.
func TestRotationWithoutState(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		key, _ := testKeys()
		_, over := w.rotate(key)
		cfg := w.config()
		cfg.State, cfg.Spread = "", -1
		c := w.dial(cfg)
		defer c.Close()
		w.ask(c)
		time.Sleep(time.Second)
		w.logged("forgotten when this program ends")
		over()
		c.mu.Lock()
		c.ticket = nil
		c.mu.Unlock()
		w.crash()
		if _, err := c.Get(t.Context(), "/"); err != nil {
			t.Error(err)
		}
		c.by(t, "handshake")
	})
}
