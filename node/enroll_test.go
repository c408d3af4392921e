package node

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/invite"
	"github.com/pqcoap/pqcoap/internal/session"
)

var errNoCode = &handshake.Refusal{Code: handshake.RefusedCredential}

// An office is the part of a server that enrols devices: it has one code, for one key.
type office struct {
	invitation *Invitation
	closed     bool   // the code's time is over
	key        []byte // that it was used with
	used       int    // times
	answer     func(key *handshake.PublicKey) credentials
}

// inOffice runs f in a world whose server enrols devices.
func inOffice(t *testing.T, f func(t *testing.T, w *world, o *office)) {
	t.Helper()
	serverKey, _ := testKeys()
	code, err := invite.ParseCode("7K2M-9QXR-4TBC")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{
		invitation: &Invitation{
			Address: serverAddr.String(), Suite: handshake.MLKEM512,
			Fingerprint: serverKey.ServerCredential().Fingerprint(), Code: code,
		},
		answer: func(*handshake.PublicKey) credentials { return credentials{Name: "sensor-1"} },
	}
	inWorld(t, quiet, func(t *testing.T, w *world) {
		w.serving("enroll", func(m *coap.Message) *coap.Message { return o.enroll(t, m) })
		f(t, w, o)
	}, func(cfg *session.ServerConfig) {
		cfg.Authorize = func(_ handshake.Suite, c handshake.ClientCredential) (session.Client, error) {
			if psk := code.PSK(); c.ID == psk.ID && !o.closed {
				return session.Client{Name: "enrolment", PSK: psk}, nil
			}
			return session.Client{}, errNoCode
		}
	})
}

func (o *office) enroll(t *testing.T, m *coap.Message) *coap.Message {
	var body struct {
		_     struct{} `cbor:",toarray"`
		Suite handshake.Suite
		Key   []byte
	}
	if err := cbor.Unmarshal(m.Payload, &body); err != nil || m.Code != coap.POST {
		return &coap.Message{Code: codes.BadRequest}
	}
	key, err := handshake.ParsePublicKey(body.Suite, body.Key)
	if err != nil {
		t.Error(err)
	}
	if o.key != nil && !bytes.Equal(o.key, body.Key) {
		return &coap.Message{Code: codes.Forbidden}
	}
	o.key, o.used = body.Key, o.used+1
	return changed(t, o.answer(key))
}

// enroll enrols with a key.
func (w *world) enroll(o *office, key *handshake.PrivateKey, name string) (Config, error) {
	w.t.Helper()
	return EnrollOn(within(w.t, 2*time.Minute), w.net.Listen(deviceAddr), serverAddr,
		Enrolment{Invitation: o.invitation, Key: key, Name: name, State: w.state, Log: w.logger})
}

func TestEnroll(t *testing.T) {
	inOffice(t, func(t *testing.T, w *world, o *office) {
		key := newKey(t)
		serverKey, _ := testKeys()
		for range 2 { // as after a crash
			cfg, err := w.enroll(o, key, "")
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Name != "sensor-1" || cfg.Key != key || cfg.PSK != nil || cfg.Authority != nil || cfg.State != w.state ||
				cfg.Server != "coap+pq://192.0.2.1:5688" || cfg.Suite != handshake.MLKEM512 ||
				cfg.Trust.Fingerprint() != serverKey.ServerCredential().Fingerprint() {
				t.Errorf("%+v", cfg)
			}
		}
		if _, err := w.enroll(o, newKey(t), ""); !errors.Is(err, ErrCodeUsed) || !errors.Is(err, ErrInvitation) {
			t.Errorf("another device: %v", err)
		}
		o.closed = true
		if _, err := w.enroll(o, key, ""); !errors.Is(err, ErrCode) {
			t.Errorf("when the time is over: %v", err)
		}
	})
}

// With an authority the device trusts that, and has what it signs.
func TestEnrollWithAuthority(t *testing.T) {
	authority, _ := testAuthority()
	for _, signs := range []bool{true, false} {
		inOffice(t, func(t *testing.T, w *world, o *office) {
			key := newKey(t)
			o.answer = func(*handshake.PublicKey) credentials {
				r := credentials{Name: "sensor-1", Authority: authority.Public().Bytes(), Issuer: testIssuer, Server: testServer}
				if signs {
					r.Token = issue(t, authority, cwt.UsageDevice, "sensor-1", key)
				}
				return r
			}
			cfg, err := w.enroll(o, key, "sensor-1")
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Trust != nil || cfg.Authority == nil || cfg.Authority.ID() != authority.Public().ID() ||
				cfg.Issuer != testIssuer || cfg.ServerName != testServer || (cfg.Credential != nil) != signs {
				t.Errorf("%+v", cfg)
			}
		})
	}
}

// What does not fit together is refused, whoever says it.
func TestEnrollLies(t *testing.T) {
	authority, other := testAuthority()
	key := newKey(t)
	good := func(t *testing.T) credentials {
		return credentials{
			Name: "sensor-1", Token: issue(t, authority, cwt.UsageDevice, "sensor-1", key),
			Authority: authority.Public().Bytes(), Issuer: testIssuer, Server: testServer,
		}
	}
	for name, change := range map[string]func(t *testing.T, r *credentials){
		"no name":        func(_ *testing.T, r *credentials) { r.Name = "" },
		"a long name":    func(_ *testing.T, r *credentials) { r.Name = strings.Repeat("x", 65) },
		"a strange name": func(_ *testing.T, r *credentials) { r.Name = "x\ny" },
		"no authority":   func(_ *testing.T, r *credentials) { r.Authority = nil },
		"garbage for it": func(_ *testing.T, r *credentials) { r.Authority = []byte("x") },
		"another":        func(_ *testing.T, r *credentials) { r.Authority = other.Public().Bytes() },
		"no issuer":      func(_ *testing.T, r *credentials) { r.Issuer = "" },
		"another issuer": func(_ *testing.T, r *credentials) { r.Issuer = "x" },
		"no server":      func(_ *testing.T, r *credentials) { r.Server = "" },
		"garbage":        func(_ *testing.T, r *credentials) { r.Token = []byte("x") },
		"much garbage":   func(_ *testing.T, r *credentials) { r.Token = make([]byte, maxCredentials) },
		"of another key": func(t *testing.T, r *credentials) {
			r.Token = issue(t, authority, cwt.UsageDevice, "sensor-1", newKey(t))
		},
		"of another name": func(t *testing.T, r *credentials) { r.Token = issue(t, authority, cwt.UsageDevice, "sensor-2", key) },
		"a server's":      func(t *testing.T, r *credentials) { r.Token = issue(t, authority, cwt.UsageServer, "sensor-1", key) },
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(t *testing.T, w *world, o *office) {
				o.answer = func(*handshake.PublicKey) credentials {
					r := good(t)
					change(t, &r)
					return r
				}
				if _, err := w.enroll(o, key, ""); !errors.Is(err, ErrEnrolment) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// Other answers are told apart, as far as somebody can do something about them.
func TestEnrollAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		answer coap.Message
		want   error
	}{
		"not CBOR":       {coap.Message{Code: codes.Changed, Payload: []byte("x")}, ErrEnrolment},
		"duplicate keys": {coap.Message{Code: codes.Changed, Payload: []byte("\xa2\x01\x61x\x01\x61y")}, ErrEnrolment},
		"not there":      {coap.Message{Code: codes.NotFound}, ErrEnrolment},
		"bad request":    {coap.Message{Code: codes.BadRequest}, ErrEnrolment},
		"content":        {coap.Message{Code: codes.Content, Payload: []byte("\xa1\x01\x61x")}, ErrEnrolment},
		"not a code":     {coap.Message{Code: codes.Unauthorized}, ErrCode},
		"used":           {coap.Message{Code: codes.Forbidden}, ErrCodeUsed},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(t *testing.T, w *world, o *office) {
				w.serving("enroll", func(*coap.Message) *coap.Message { return &tt.answer })
				if _, err := w.enroll(o, newKey(t), ""); !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// What is wrong with an invitation is said of it.
func TestEnrollRefused(t *testing.T) {
	inOffice(t, func(t *testing.T, w *world, o *office) {
		if _, err := w.enroll(o, newKey(t), "sensor-2"); !errors.Is(err, ErrInvitation) || !strings.Contains(err.Error(), "sensor-1") {
			t.Errorf("another name: %v", err)
		}
		right := *o.invitation
		var err error
		if o.invitation.Code, err = invite.ParseCode("7K2M-9QXR-4TBD"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.enroll(o, newKey(t), ""); !errors.Is(err, ErrCode) || !strings.Contains(err.Error(), "mistyped") {
			t.Errorf("a wrong code: %v", err)
		}
		*o.invitation = right
		o.invitation.Fingerprint[0]++
		if _, err := w.enroll(o, newKey(t), ""); !errors.Is(err, ErrInvitation) || !errors.Is(err, session.ErrFingerprint) {
			t.Errorf("another server: %v", err)
		}
		*o.invitation = right
		if _, err := w.enroll(o, nil, ""); !errors.Is(err, ErrInvitation) {
			t.Errorf("no key: %v", err)
		}
		w.net.Filter(func(simnet.Datagram) simnet.Verdict { return simnet.Verdict{Drop: true} })
		if _, err := w.enroll(o, newKey(t), ""); !errors.Is(err, session.ErrHandshakeTimeout) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody there: %v", err)
		}
	})
}

func TestParseInvitation(t *testing.T) {
	inOffice(t, func(t *testing.T, _ *world, o *office) {
		i, err := ParseInvitation(o.invitation.URI())
		if err != nil || *i != *o.invitation {
			t.Errorf("%v, %v", i, err)
		}
		const secret = "7K2M-9QXR-4TB"
		if _, err := ParseInvitation("coap+pq://x:1?s=3&code=" + secret); !errors.Is(err, ErrInvitation) || strings.Contains(err.Error(), secret) {
			t.Errorf("error %v", err)
		}
	})
}

// A device that is killed at whatever moment goes on with the key that it had.
func TestEnrollFileSteps(t *testing.T) {
	inOffice(t, func(t *testing.T, w *world, o *office) {
		path := filepath.Join(filepath.Dir(w.state), "sensor.toml")
		first, err := pendingKey(pendingPath(path), o.invitation)
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err := w.enroll(o, first, ""); err != nil || cfg.Name == "" { // and is killed
			t.Fatal(err)
		}
		again, err := pendingKey(pendingPath(path), o.invitation)
		if err != nil || again.Public().DeviceID() != first.Public().DeviceID() {
			t.Fatalf("another key: %v", err)
		}
		cfg, err := w.enroll(o, again, "")
		if err != nil || o.used != 2 {
			t.Fatalf("used %d times: %v", o.used, err)
		}
		if err := unwritten(path); err != nil {
			t.Error(err)
		}
		if err := writeEnrolled(path, cfg); err != nil {
			t.Fatal(err)
		}
		if err := unwritten(path); !errors.Is(err, ErrEnrolled) || !strings.Contains(err.Error(), "sensor-1") {
			t.Errorf("error %v", err)
		}
	})
}

// FuzzAccept: whatever the server answers, what is made of it is a configuration that can be
// written and read again, or nothing.
func FuzzAccept(f *testing.F) {
	serverKey, deviceKey := testKeys()
	authority, _ := testAuthority()
	for _, r := range []credentials{
		{Name: "sensor-1"},
		{
			Name: "sensor-1", Token: issue(f, authority, cwt.UsageDevice, "sensor-1", deviceKey),
			Authority: authority.Public().Bytes(), Issuer: testIssuer, Server: testServer,
		},
	} {
		f.Add(changed(f, r).Payload)
	}
	e := Enrolment{Invitation: &Invitation{Address: "192.0.2.1:5688", Suite: handshake.MLKEM512}, Key: deviceKey}
	f.Fuzz(func(t *testing.T, body []byte) {
		cfg, err := e.accept(serverKey.ServerCredential(), body)
		if err != nil {
			return
		}
		text, err := AppendConfig(nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseConfig(text); err != nil || again.base() != cfg.base() || again.Name != cfg.Name {
			t.Errorf("%v of\n%s", err, text)
		}
	})
}
