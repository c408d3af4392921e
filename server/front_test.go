package server

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/server/authority"
	"github.com/pqcoap/pqcoap/server/registry"
)

// fleet has the bench serve a folder with an authority, by the clock of the bench. The application
// answers 2.05 to everything.
func (w *bench) fleet(t *testing.T, settings string) *Dir {
	t.Helper()
	w.server.Close()
	<-w.done
	d := fleetDir(t)
	d.Settings = parsed(t, settings)
	d.read = d.Settings
	w.serve(d, coap.HandlerFunc(everything))
	return d
}

func parsed(t *testing.T, settings string) Settings {
	t.Helper()
	s, err := ParseSettings([]byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve starts a server of the folder.
func (w *bench) serve(d *Dir, h coap.Handler) {
	w.t.Helper()
	cfg := d.Config(h)
	cfg.Workers = 1
	w.start(cfg)
	w.key = d.Keys[0]
}

// ask sends a request of a device and returns the response, or a message with no code where the
// session has ended.
func (d *device) ask(code coap.Code, uri string, payload []byte, more ...message.Option) coap.Message {
	d.t.Helper()
	m := coap.Message{Code: code, Payload: payload}
	path, query, _ := strings.Cut(strings.TrimPrefix(uri, "/"), "?")
	for _, segment := range strings.Split(path, "/") {
		m.Options = append(m.Options, message.Option{ID: message.URIPath, Value: []byte(segment)})
	}
	if query != "" {
		for _, q := range strings.Split(query, "&") {
			m.Options = append(m.Options, message.Option{ID: message.URIQuery, Value: []byte(q)})
		}
	}
	for _, o := range more {
		i := 0
		for i < len(m.Options) && m.Options[i].ID <= o.ID {
			i++
		}
		m.Options = append(m.Options[:i:i], append(message.Options{o}, m.Options[i:]...)...)
	}
	return (<-d.request(m)).Message
}

// wantCode asks and holds the code of the response.
func (d *device) wantCode(want, code coap.Code, uri string, payload []byte, more ...message.Option) coap.Message {
	d.t.Helper()
	m := d.ask(code, uri, payload, more...)
	if m.Code != want {
		d.t.Errorf("%v %s: %v, want %v", code, uri, m.Code, want)
	}
	return m
}

// answered is what a device reads of POST /enroll and POST /renew.
type answered struct {
	Name      string `cbor:"1,keyasint"`
	Token     []byte `cbor:"2,keyasint"`
	Authority []byte `cbor:"3,keyasint"`
	Issuer    string `cbor:"4,keyasint"`
	Server    string `cbor:"5,keyasint"`
}

func readAnswer(t *testing.T, m coap.Message) (a answered) {
	t.Helper()
	if err := cbor.Unmarshal(m.Payload, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// A device without anything but a code makes its key, hands in the public half, and is enrolled
// with a credential. The code gives nothing else, and nobody else anything.
func TestEnrollByCode(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.fleet(t, "[authority]\nname = \"gateway\"\n[group.meters]\nallow = [\"GET /x\"]\n")
		code, err := d.Devices.Invite(registry.Invitation{Name: "b", Suite: handshake.MLKEM512, Groups: []string{"meters"}})
		if err != nil {
			t.Fatal(err)
		}
		key, other := newDeviceKey(t, handshake.MLKEM512), newDeviceKey(t, handshake.MLKEM512)
		one := w.dial(session.DeviceConfig{Server: w.key.ServerCredential(), PSK: code.PSK()})
		for _, uri := range []string{"/x", "/hs?s=3", "/renew", "/.well-known/core"} {
			one.wantCode(coap.Forbidden, coap.GET, uri, nil)
		}
		one.wantCode(coap.Forbidden, coap.POST, "/renew", nil)
		one.wantCode(coap.BadRequest, coap.POST, "/enroll", []byte("x"))
		one.wantCode(coap.Forbidden, coap.POST, "/enroll", newDeviceKey(t, handshake.MLKEM768).ServerCredential().Bytes())
		a := readAnswer(t, one.wantCode(coap.Changed, coap.POST, "/enroll", key.ServerCredential().Bytes()))
		again := readAnswer(t, one.wantCode(coap.Changed, coap.POST, "/enroll", key.ServerCredential().Bytes()))
		one.wantCode(coap.Forbidden, coap.POST, "/enroll", other.ServerCredential().Bytes())
		one.wantCode(coap.Forbidden, coap.GET, "/x", nil)
		if a.Name != "b" || a.Issuer != "fleet" || a.Server != "gateway" || again.Name != "b" || !bytes.Equal(a.Authority, again.Authority) {
			t.Errorf("%+v, then %+v", a, again)
		}
		by, err := cwt.ParseAuthorityKey(a.Authority)
		if err != nil {
			t.Fatal(err)
		}
		claims, err := by.Verify(a.Token, cwt.Want{Issuer: "fleet", Subject: "b", Usage: cwt.UsageDevice, Suite: handshake.MLKEM512, Now: time.Now()})
		if err != nil || claims.Key.DeviceID() != key.Public().DeviceID() {
			t.Errorf("the credential: %+v, %v", claims, err)
		}
		one.close()
		for _, token := range [][]byte{nil, a.Token} {
			in := w.dial(session.DeviceConfig{Server: w.key.ServerCredential(), Key: key, Token: token})
			in.wantCode(coap.ContentCode, coap.GET, "/x", nil)
			in.wantCode(coap.Forbidden, coap.GET, "/y", nil)
			in.wantCode(coap.Forbidden, coap.POST, "/enroll", other.ServerCredential().Bytes())
			if w.server.Device("b") == nil {
				t.Error("the session is not the device's")
			}
			in.close()
		}
		time.Sleep(time.Second)
		events, _ := auditLog(t, d.Path)
		if text := strings.Join(events, "\n"); !strings.Contains(text, "redeemed b") || !strings.Contains(text, "enrolment: already enrolled") {
			t.Errorf("audit log:\n%s", text)
		}
	})
}

// Who opens sessions with the code of a device that is enrolled by now does not take its place.
func TestCodeDisturbsNobody(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.fleet(t, "")
		code, err := d.Devices.Invite(registry.Invitation{Name: "b", Suite: handshake.MLKEM512, Lifetime: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		key := newDeviceKey(t, handshake.MLKEM512)
		if _, err := d.Devices.Redeem(code.PSK().ID, key.Public(), time.Now()); err != nil {
			t.Fatal(err)
		}
		in := w.dial(session.DeviceConfig{Server: w.key.ServerCredential(), Key: key})
		in.wantCode(coap.ContentCode, coap.GET, "/x", nil)
		before := w.server.Device("b")
		in.close()
		one := w.dial(session.DeviceConfig{Server: w.key.ServerCredential(), PSK: code.PSK()})
		one.wantCode(coap.Forbidden, coap.GET, "/x", nil)
		if now := w.server.Device("b"); now == nil || now != before {
			t.Error("the device's session is another")
		}
		time.Sleep(time.Hour + time.Second) // the code is over
		if err := <-one.ended; err == nil {
			t.Error("the session has no end")
		}
		one.close()
	})
}

// A session goes on until the credential is over that the device was let in by, and with a new one
// beyond that.
func TestCredentialExpires(t *testing.T) {
	for _, renews := range []bool{false, true} {
		onBench(t, func(t *testing.T, w *bench) {
			d := w.fleet(t, "[authority]\ndevice_lifetime = 2\n")
			key, start := newDeviceKey(t, handshake.MLKEM512), time.Now()
			token := tokenFor(t, issuerOf(t, d.Path, "fleet"), start, cwt.UsageDevice, "b", key.Public())
			in := w.dial(session.DeviceConfig{Server: w.key.ServerCredential(), Key: key, Token: []byte(token.Token)})
			in.wantCode(coap.ContentCode, coap.GET, "/x", nil)
			until := start.Add(time.Hour + authority.Skew)
			if renews {
				time.Sleep(40 * time.Minute)
				m := in.wantCode(coap.Changed, coap.POST, "/renew", nil)
				in.wantCode(coap.TooManyRequests, coap.POST, "/renew", nil)
				a := readAnswer(t, m)
				if by := d.standing.Load().ca.Own.Key; !bytes.Equal(a.Authority, by.Bytes()) || len(a.Token) == 0 || a.Name != "" {
					t.Errorf("%+v", a)
				}
				until = start.Add(40*time.Minute + 2*time.Hour + authority.Skew)
			}
			ended := <-in.ended
			if took := time.Since(until); took < 0 || took > 2*time.Second || errors.Is(ended, session.ErrReset) {
				t.Errorf("renews %v: ended %v behind the credential: %v", renews, took, ended)
			}
			ticket := in.newestTicket()
			in.close()
			again := w.dial(session.DeviceConfig{Server: w.key.ServerCredential(), Key: key, Resume: ticket})
			if err := <-again.ended; !isRefusal(err) {
				t.Errorf("resumed with an expired credential: %v", err)
			}
			again.close()
		})
	}
}

func isRefusal(err error) bool {
	var told *handshake.Refusal
	return errors.As(err, &told) && told.Code == handshake.RefusedCredential && told.Text == notLetIn
}

func TestRenewRefused(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.fleet(t, "[authority]\nmay_issue = false\n")
		_, key := testKeys()
		psk, err := handshake.GeneratePSK(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		err = errors.Join(
			d.Devices.Enroll(registry.Device{Name: "a", Suite: handshake.MLKEM512, PublicKey: key.Public(), Enrolled: now}),
			d.Devices.Enroll(registry.Device{Name: "p", Suite: handshake.MLKEM512, PSK: psk, Enrolled: now}))
		if err != nil {
			t.Fatal(err)
		}
		stranger := t.TempDir()
		ca, err := InitCA(stranger, cwt.MLDSA44, "theirs", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := TrustAuthority(d.Path, ca.Own); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		guest := newDeviceKey(t, handshake.MLKEM512)
		token := tokenFor(t, issuerOf(t, stranger, "theirs"), now, cwt.UsageDevice, "guest", guest.Public())
		for name, test := range map[string]struct {
			cfg  session.DeviceConfig
			want coap.Code
		}{
			"may not issue":              {session.DeviceConfig{Key: key}, coap.ServiceUnavailable},
			"a PSK":                      {session.DeviceConfig{PSK: psk}, coap.Forbidden},
			"another authority's device": {session.DeviceConfig{Key: guest, Token: []byte(token.Token)}, coap.Forbidden},
		} {
			test.cfg.Server = w.key.ServerCredential()
			one := w.dial(test.cfg)
			if m := one.ask(coap.POST, "/renew", nil); m.Code != test.want {
				t.Errorf("%s: %v, want %v", name, m.Code, test.want)
			}
			one.close()
		}
	})
}
