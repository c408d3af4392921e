package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A device of a fleet fetches the server's credential once, shows its own, and goes on with its
// ticket.
func TestAuthorityVouches(t *testing.T) {
	var seen []handshake.ClientCredential
	inWorld(t, quiet, func(t *testing.T, w *world) {
		w.certify()
		cfg := w.fleetConfig()
		c := w.dial(cfg)
		w.ask(c)
		time.Sleep(time.Second)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if len(seen) == 0 || seen[0].Token != string(cfg.Credential) {
			t.Errorf("the device has shown %v", seen)
		}
		w.dial(cfg).by(t, "resumption")
		w.forget()
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			if bytes.Contains(d.Payload, []byte("f=cwt")) {
				t.Error("the credential is fetched again")
			}
			return simnet.Verdict{}
		})
		c = w.dial(cfg)
		c.by(t, "handshake")
		w.ask(c)
		c.Close()
	}, seeing(&seen))
}

// A credential that has been signed, but for something else, is as good as none.
func TestAuthorityRefuses(t *testing.T) {
	serverKey, deviceKey := testKeys()
	authority, other := testAuthority()
	tests := map[string]struct {
		by      *cwt.Authority
		usage   cwt.Usage
		subject string
		change  func(*cwt.Claims)
		want    error
	}{
		"a device's":          {authority, cwt.UsageDevice, testServer, func(*cwt.Claims) {}, cwt.ErrUsage},
		"another server's":    {authority, cwt.UsageServer, "server-2", func(*cwt.Claims) {}, cwt.ErrSubject},
		"of another issuer":   {authority, cwt.UsageServer, testServer, func(c *cwt.Claims) { c.Issuer = "x" }, cwt.ErrIssuer},
		"another authority's": {other, cwt.UsageServer, testServer, func(*cwt.Claims) {}, cwt.ErrSignature},
		"expired": {authority, cwt.UsageServer, testServer, func(c *cwt.Claims) {
			c.NotBefore, c.Expires = c.NotBefore.Add(-month), c.Expires.Add(-month-time.Hour)
		}, cwt.ErrExpired},
		"not yet valid": {authority, cwt.UsageServer, testServer, func(c *cwt.Claims) {
			c.NotBefore = c.NotBefore.Add(skew + time.Minute)
		}, cwt.ErrNotYet},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, quiet, func(t *testing.T, w *world) {
				w.server.SetIdentities(certified(t, serverKey, issue(t, tt.by, tt.usage, tt.subject, serverKey, tt.change)))
				if err := w.fails(w.fleetConfig()); !errors.Is(err, tt.want) || !errors.Is(err, session.ErrHandshakeTimeout) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if w.server.Stats().HalfOpen != 0 || w.known().server != nil {
					t.Error("m1 has been sent, or the credential been kept")
				}
			})
		})
	}
	t.Run("of the device, by the device", func(t *testing.T) {
		inWorld(t, quiet, func(t *testing.T, w *world) {
			cfg := w.fleetConfig()
			w.server.SetIdentities(certified(t, deviceKey, cfg.Credential))
			if err := w.fails(cfg); !errors.Is(err, cwt.ErrUsage) {
				t.Error(err)
			}
		})
	})
	t.Run("none", func(t *testing.T) {
		inWorld(t, quiet, func(t *testing.T, w *world) {
			if err := w.fails(w.fleetConfig()); !strings.Contains(err.Error(), "none that an authority vouches for") {
				t.Error(err)
			}
		})
	})
}

// The suite of a credential is that of the configuration.
func TestAuthoritySuite(t *testing.T) {
	authority, _ := testAuthority()
	key, err := handshake.GenerateKey(zeroReader{}, handshake.MLKEM768)
	if err != nil {
		t.Fatal(err)
	}
	inWorld(t, quiet, func(t *testing.T, w *world) {
		c := newConn(w.net.Listen(deviceAddr), serverAddr, w.fleetConfig())
		defer c.kill()
		c.mu.Lock()
		defer c.mu.Unlock()
		if _, err := c.vouch(issue(t, authority, cwt.UsageServer, testServer, key)); !errors.Is(err, cwt.ErrSuite) {
			t.Error(err)
		}
	})
}

type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A server that has another key and credential is followed, within one attempt. It does not go
// back: one issued before, as of a key that was stolen since, is refused.
func TestAuthorityFollows(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		authority, _ := testAuthority()
		oldKey, _ := testKeys()
		old := certified(t, oldKey, issue(t, authority, cwt.UsageServer, testServer, oldKey))
		w.server.SetIdentities(old)
		cfg := w.fleetConfig()
		w.dial(cfg).Close()
		time.Sleep(time.Hour)
		newer := newKey(t)
		token := issue(t, authority, cwt.UsageServer, testServer, newer)
		w.server.SetIdentities(certified(t, newer, token))
		w.forget()
		c := w.dial(cfg)
		w.ask(c)
		c.Close()
		if k := w.known(); !bytes.Equal(k.server, token) {
			t.Error("the new credential is not kept")
		}
		w.server.SetIdentities(old)
		w.forget()
		if err := w.fails(cfg); !errors.Is(err, errOlder) {
			t.Errorf("error %v", err)
		}
	})
}

// When the credential that is kept has expired another is fetched.
func TestAuthorityExpires(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		w.certify()
		cfg := w.fleetConfig()
		c := w.dial(cfg)
		w.ask(c)
		if err := c.Sleep(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := w.known().server
		time.Sleep(month + skew + time.Minute)
		w.certify()
		c = w.dial(cfg)
		defer c.Close()
		c.by(t, "handshake")
		if bytes.Equal(w.known().server, before) {
			t.Error("the same credential")
		}
	})
}

// The device's own credential is of its key and authority, or the configuration is wrong.
func TestOwnCredential(t *testing.T) {
	authority, other := testAuthority()
	_, deviceKey := testKeys()
	inWorld(t, quiet, func(t *testing.T, w *world) {
		for name, token := range map[string][]byte{
			"another key's":       issue(t, authority, cwt.UsageDevice, testDevice, newKey(t)),
			"a server's":          issue(t, authority, cwt.UsageServer, testDevice, deviceKey),
			"another authority's": issue(t, other, cwt.UsageDevice, testDevice, deviceKey),
			"nothing":             []byte("x"),
		} {
			cfg := w.fleetConfig()
			cfg.Credential = token
			if err := w.fails(cfg); !errors.Is(err, ErrConfig) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestFirstUse: the key that the server has when it is first met is the only one from then on.
func TestFirstUse(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Trust, cfg.FirstUse = nil, true
		w.ask(w.dial(cfg))
		key, _ := testKeys()
		if k := w.known(); k.pin == nil || k.pin.Fingerprint() != key.ServerCredential().Fingerprint() {
			t.Fatal("the key is not kept")
		}
		w.forget()
		w.ask(w.dial(cfg))
		stranger := newKey(t)
		w.server.SetIdentities(stranger.Identity())
		w.forget()
		opened := w.server.Opened()
		err := w.fails(cfg)
		if !errors.Is(err, ErrKeyChanged) || !errors.Is(err, session.ErrFingerprint) {
			t.Errorf("error %v", err)
		}
		w.logged("level=ERROR")
		for _, k := range []*handshake.PrivateKey{key, stranger} {
			fingerprint := k.ServerCredential().Fingerprint()
			if print := hex.EncodeToString(fingerprint[:]); !strings.Contains(err.Error(), print) || !strings.Contains(w.log.String(), print) {
				t.Errorf("%s is not named: %v", print, err)
			}
		}
		if w.server.Opened() != opened || w.known().pin.Fingerprint() != key.ServerCredential().Fingerprint() {
			t.Error("the other key has been trusted")
		}
		if err := os.Remove(knownPath(w.state)); err != nil { // as the error says
			t.Fatal(err)
		}
		w.ask(w.dial(cfg))
	})
}

// A pin that cannot be kept or read is not replaced by trust.
func TestFirstUseNeedsItsFile(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Trust, cfg.FirstUse, cfg.State = nil, true, ""
		if err := w.fails(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("without a state file: %v", err)
		}
		cfg.State = w.state
		if err := os.Mkdir(knownPath(w.state)+".tmp", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := w.fails(cfg); !errors.Is(err, ErrState) || len(w.asked) != 0 {
			t.Errorf("a file that cannot be written: %v", err)
		}
		if err := os.Remove(knownPath(w.state) + ".tmp"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(knownPath(w.state), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.fails(cfg); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("a file that cannot be read: %v", err)
		}
	})
}

// Somebody on the path who answers in the server's place brings about an error, and no trust.
func TestFirstUseForged(t *testing.T) {
	inWorld(t, quiet, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Trust, cfg.FirstUse = nil, true
		w.dial(cfg).Close()
		w.forget()
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			return simnet.Verdict{Drop: d.From == serverAddr}
		})
		if err := w.fails(cfg); errors.Is(err, ErrKeyChanged) {
			t.Errorf("silence is taken for another key: %v", err)
		}
		w.net.Filter(nil)
		w.ask(w.dial(cfg))
	})
}

func TestConfigCheck(t *testing.T) {
	authority, _ := testAuthority()
	good := func() Config {
		return Config{Authority: authority.Public(), Issuer: testIssuer, ServerName: testServer}
	}
	cfg := good()
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"two ways":            func(c *Config) { c.Fingerprint[0] = 1 },
		"two ways, first use": func(c *Config) { c.FirstUse, c.State = true, "x" },
		"no issuer":           func(c *Config) { c.Issuer = "" },
		"no server name":      func(c *Config) { c.ServerName = "" },
		"no authority":        func(c *Config) { c.Authority = nil },
		"no key":              func(c *Config) { c.Credential = []byte("x") },
	} {
		cfg := good()
		change(&cfg)
		if cfg.check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Who has stolen all that a device has can be the device, and not its server.
func TestStolenDevice(t *testing.T) {
	authority, _ := testAuthority()
	_, deviceKey := testKeys()
	psk := &handshake.PSK{ID: [16]byte{1}, Key: handshake.PSKKey{1}}
	trusts := map[string]func(w *world, c *Config){"authority": func(w *world, c *Config) { *c = w.fleetConfig() }}
	for name, pin := range pins {
		if name != "first use" {
			trusts[name] = func(_ *world, c *Config) { pin(c) }
		}
	}
	for name, trust := range trusts {
		for _, withPSK := range []bool{false, true} {
			inWorld(t, quiet, func(t *testing.T, w *world) {
				cfg := w.config()
				trust(w, &cfg)
				if withPSK && cfg.Authority == nil {
					cfg.Key, cfg.PSK = nil, psk
				}
				w.server.SetIdentities(certified(t, deviceKey, issue(t, authority, cwt.UsageDevice, testServer, deviceKey)))
				if err := w.fails(cfg); !errors.Is(err, session.ErrHandshakeTimeout) {
					t.Errorf("%s: %v", name, err)
				}
				if n := w.server.Stats().HalfOpened; n != 0 {
					t.Errorf("%s: %d sessions", name, n)
				}
			}, func(cfg *session.ServerConfig) {
				cfg.Authorize = func(_ handshake.Suite, c handshake.ClientCredential) (session.Client, error) {
					if c.Mode == handshake.ModePSK {
						return session.Client{Name: testDevice, PSK: psk}, nil
					}
					return session.Client{Name: testDevice, Key: deviceKey.Public()}, nil
				}
			})
		}
	}
}
