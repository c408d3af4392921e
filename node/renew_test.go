package node

import (
	"bytes"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// changed is the answer 2.04 with credentials.
func changed(t testing.TB, r credentials) *coap.Message {
	t.Helper()
	b, err := cbor.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	m := coap.Content(message.AppCBOR, b)
	m.Code = codes.Changed
	return m
}

// renewing has the server give new credentials, and tells those it has given.
func (w *world) renewing() (given func() [][]byte) {
	authority, _ := testAuthority()
	_, deviceKey := testKeys()
	var all [][]byte
	w.serving("renew", func(m *coap.Message) *coap.Message {
		if m.Code != coap.POST || len(m.Payload) != 0 {
			w.t.Errorf("%v with %d bytes", m.Code, len(m.Payload))
		}
		token := issue(w.t, authority, cwt.UsageDevice, testDevice, deviceKey)
		all = append(all, token)
		return changed(w.t, credentials{Token: token, Authority: authority.Public().Bytes()})
	})
	return func() [][]byte {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Clone(all)
	}
}

// A credential is renewed when two thirds of its time are over, and the new one is shown from then
// on, by the next program too.
func TestRenew(t *testing.T) {
	var seen []handshake.ClientCredential
	inWorld(t, quiet, func(t *testing.T, w *world) {
		w.certify()
		given := w.renewing()
		cfg := w.fleetConfig()
		cfg.FreshAfter, cfg.KeepAlive = -1, time.Hour
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(month*2/3 - time.Hour)
		w.ask(c)
		if len(given()) != 0 {
			t.Fatal("renewed too early")
		}
		time.Sleep(2 * time.Hour)
		w.ask(c)
		if len(given()) != 1 {
			t.Fatalf("renewed %d times", len(given()))
		}
		w.logged("a new credential")
		time.Sleep(time.Second)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(w.known().token, given()[0]) {
			t.Error("it is not kept")
		}
		w.forget()
		w.certify()
		c = w.dial(cfg)
		w.ask(c)
		if last := seen[len(seen)-1]; last.Token != string(given()[0]) {
			t.Error("the old one is shown")
		}
		time.Sleep(month)
		if c.Close(); len(given()) != 2 {
			t.Errorf("renewed %d times", len(given()))
		}
	}, seeing(&seen))
}

// A device that sleeps renews when it wakes.
func TestRenewBeforeSleep(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		w.certify()
		given := w.renewing()
		cfg := w.fleetConfig()
		cfg.FreshAfter = -1
		c := w.dial(cfg)
		for day := range 25 {
			w.ask(c)
			if err := c.Sleep(t.Context()); err != nil {
				t.Fatalf("day %d: %v", day, err)
			}
			time.Sleep(24 * time.Hour)
			c = w.dial(cfg)
			c.by(t, "waking")
		}
		if c.Close(); len(given()) != 1 {
			t.Errorf("renewed %d times", len(given()))
		}
	})
}

// What a server sends in place of a credential does not take the place of the one there is, and is
// not asked for again and again.
func TestRenewLies(t *testing.T) {
	authority, other := testAuthority()
	serverKey, deviceKey := testKeys()
	due := func(c *cwt.Claims) { c.NotBefore, c.Issued = c.NotBefore.Add(-3*month), c.Issued.Add(-3*month) }
	for name, answer := range map[string]func() *coap.Message{
		"garbage":   func() *coap.Message { return changed(t, credentials{Name: "x"}) },
		"not CBOR":  func() *coap.Message { m := coap.Content(0, []byte("x")); m.Code = codes.Changed; return m },
		"too much":  func() *coap.Message { return coap.Content(0, make([]byte, maxCredentials+1)) },
		"cannot":    func() *coap.Message { return &coap.Message{Code: codes.Forbidden} },
		"no answer": func() *coap.Message { return nil },
		"of another key": func() *coap.Message {
			return changed(t, credentials{Token: issue(t, authority, cwt.UsageDevice, testDevice, newKey(t))})
		},
		"of another authority": func() *coap.Message {
			return changed(t, credentials{Token: issue(t, other, cwt.UsageDevice, testDevice, deviceKey)})
		},
		"another authority": func() *coap.Message {
			return changed(t, credentials{Token: issue(t, other, cwt.UsageDevice, testDevice, deviceKey), Authority: other.Public().Bytes()})
		},
		"a server's": func() *coap.Message {
			return changed(t, credentials{Token: issue(t, authority, cwt.UsageServer, testServer, serverKey)})
		},
		"an older one": func() *coap.Message {
			return changed(t, credentials{Token: issue(t, authority, cwt.UsageDevice, testDevice, deviceKey, due, due)})
		},
		"one that is due at once": func() *coap.Message {
			return changed(t, credentials{Token: issue(t, authority, cwt.UsageDevice, testDevice, deviceKey, func(c *cwt.Claims) {
				c.Expires = c.Issued.Add(time.Second)
			})})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, quiet, func(t *testing.T, w *world) {
				asked := 0
				w.serving("renew", func(*coap.Message) *coap.Message { asked++; return answer() })
				w.certify()
				cfg := w.fleetConfig()
				cfg.Credential = issue(t, authority, cwt.UsageDevice, testDevice, deviceKey, due)
				c := w.dial(cfg)
				defer c.Close()
				w.ask(c)
				time.Sleep(5 * time.Hour)
				w.ask(c)
				if k := w.known(); k.token != nil && name != "one that is due at once" {
					t.Error("it is kept")
				}
				if asked < 4 || asked > 11 {
					t.Errorf("asked %d times in five hours", asked)
				}
			})
		})
	}
}

// A credential that cannot be kept is not used.
func TestRenewNotKept(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		w.certify()
		given := w.renewing()
		cfg := w.fleetConfig()
		cfg.FreshAfter, cfg.KeepAlive = -1, time.Hour
		c := w.dial(cfg)
		defer c.Close()
		if err := os.Mkdir(knownPath(w.state)+".tmp", 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(month*2/3 + time.Hour)
		c.mu.Lock()
		if len(given()) == 0 || !bytes.Equal(c.token, cfg.Credential) || c.known.token != nil {
			t.Errorf("%d given; one is used that is not on the disk", len(given()))
		}
		c.mu.Unlock()
		if err := os.Remove(knownPath(w.state) + ".tmp"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if !bytes.Equal(w.known().token, given()[len(given())-1]) {
			t.Error("it is not kept when it can be")
		}
	})
}

// Without a clock nobody knows how much time has passed: the credential is renewed behind each full
// handshake.
func TestRenewWithoutClock(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		w.certify()
		given := w.renewing()
		cfg := w.fleetConfig()
		cfg.NoClock = true
		for round := range 3 {
			c := w.dial(cfg)
			w.ask(c)
			time.Sleep(time.Second)
			if err := c.Sleep(t.Context()); err != nil {
				t.Fatal(err)
			}
			c = w.dial(cfg)
			w.ask(c)
			c.Close()
			if len(given()) != round+1 {
				t.Errorf("round %d: renewed %d times", round, len(given()))
			}
			w.forget()
		}
	})
}
