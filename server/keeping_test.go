package server

import (
	"bytes"
	"crypto/rand"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/server/registry"
)

// A key of the server is rotated while devices are connected: who comes by the old key is told of
// the new one, learns it in the session, and goes by it. When the rotation is finished nothing is
// let in by the old key, not by a ticket either, and whoever has it is nobody.
func TestRotation(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.permitted(t, "", coap.HandlerFunc(everything), nil, nil)
		_, key := testKeys()
		old := w.key
		before := w.connect(nil)
		if before.session.Result().Peer.Successor != [8]byte{} {
			t.Error("told of a key that is not there")
		}
		fresh, err := RotateKey(d.Path, handshake.MLKEM512, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		before.wantCode(coap.ContentCode, coap.GET, "/x", nil) // which has noticed nothing
		before.close()

		slept := w.connect(nil) // by the old key
		announced := slept.session.Result().Peer.Successor
		if announced != fresh.ServerCredential().KeyID() {
			t.Errorf("announced %x, want %x", announced, fresh.ServerCredential().KeyID())
		}
		wantServerKey(t, d, old)
		got, err := handshake.ParseServerCredential(slept.wantCode(coap.ContentCode, coap.GET, "/hs?s=3", nil).Payload)
		if err != nil || got.KeyID() != announced {
			t.Errorf("GET /hs in the session: %v, %v", got, err)
		}
		wantServerKey(t, d, fresh)
		ticket := slept.newestTicket()
		slept.close()

		again := w.dial(session.DeviceConfig{Server: old.ServerCredential(), Key: key, Resume: ticket})
		again.get()
		if again.session.Result().Peer.Successor != announced {
			t.Error("who resumes a session of the old key is not told of the new one")
		}
		wantServerKey(t, d, fresh) // it has asked for it before
		ticket = again.newestTicket()
		again.close()
		learnt := w.dial(session.DeviceConfig{Server: got, Key: key})
		learnt.get()
		if learnt.session.Result().Peer.Successor != [8]byte{} {
			t.Error("told of the key that it goes by")
		}
		learnt.close()

		if _, err := FinishRotation(d.Path, handshake.MLKEM512, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for name, cfg := range map[string]session.DeviceConfig{
			"the old key":      {Server: old.ServerCredential(), Key: key},
			"a ticket of it":   {Server: old.ServerCredential(), Key: key, Resume: ticket},
			"another, with it": {Server: old.ServerCredential(), Key: newDeviceKey(t, handshake.MLKEM512)},
		} {
			late := w.dial(cfg)
			if err := <-late.ended; err == nil {
				t.Errorf("%s: let in", name)
			}
			late.close()
		}
		in := w.dial(session.DeviceConfig{Server: got, Key: key})
		in.wantCode(coap.ContentCode, coap.GET, "/x", nil)
		in.close()
		events, _ := auditLog(t, d.Path)
		text := strings.Join(events, "\n")
		if strings.Count(text, "rotated") < 2 {
			t.Errorf("audit log:\n%s", text)
		}
	})
}

func wantServerKey(t *testing.T, d *Dir, key *handshake.PrivateKey) {
	t.Helper()
	got, err := d.Devices.Get("a")
	if err != nil || got.ServerKey != key.ServerCredential().KeyID() {
		t.Errorf("the registry has the device by %x, %v; want %x", got.ServerKey, err, key.ServerCredential().KeyID())
	}
}

// The server makes a credential of its own, serves it, and follows it with another before it is
// over; devices that have the one before are let in by it until then.
func TestServerRenews(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.fleet(t, "[authority]\nserver_lifetime = 3\nname = \"gateway\"\n")
		_, key := testKeys()
		device := registry.Device{Name: "a", Suite: handshake.MLKEM512, PublicKey: key.Public(), Enrolled: time.Now()}
		if err := d.Devices.Enroll(device); err != nil {
			t.Fatal(err)
		}
		in := w.connect(nil)
		fetch := func() (*handshake.ServerCredential, *cwt.Claims) {
			t.Helper()
			token := in.wantCode(coap.ContentCode, coap.GET, "/hs?s=3&f=cwt", nil).Payload
			claims, err := d.standing.Load().ca.Own.Key.Verify(token, cwt.Want{
				Issuer: "fleet", Subject: "gateway", Usage: cwt.UsageServer, Suite: handshake.MLKEM512, Now: time.Now(),
			})
			if err != nil {
				t.Fatal(err)
			}
			cred, err := handshake.NewCertifiedCredential(claims.Key, token)
			if err != nil {
				t.Fatal(err)
			}
			return cred, claims
		}
		first, claims := fetch()
		time.Sleep(2*time.Hour + 2*time.Minute)
		second, later := fetch()
		if first.KeyID() == second.KeyID() || !later.Expires.After(claims.Expires) {
			t.Errorf("not renewed: until %v, then %v", claims.Expires, later.Expires)
		}
		in.close()
		verify := func(cred *handshake.ServerCredential) func([]byte) (*handshake.ServerCredential, error) {
			return func(token []byte) (*handshake.ServerCredential, error) {
				if !bytes.Equal(token, cred.Bytes()) {
					return nil, errStranger
				}
				return cred, nil
			}
		}
		for name, cred := range map[string]*handshake.ServerCredential{"before": first, "now": second} {
			one := w.dial(session.DeviceConfig{Server: cred, Verify: verify(cred), Key: key})
			if one.get().Code != coap.ContentCode {
				t.Errorf("%s: not let in", name)
			}
			one.close()
		}
		time.Sleep(time.Hour + 10*time.Minute) // the first one is over
		if n := len(d.standing.Load().pins); n != 2 {
			t.Errorf("the server is known by %d names, want that of its key and of one credential", n)
		}
	})
}

// An authority that is trusted, or not any more, counts within a second.
func TestAuthorityWhileServing(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.fleet(t, "")
		stranger := t.TempDir()
		ca, err := InitCA(stranger, cwt.MLDSA44, "theirs", nil)
		if err != nil {
			t.Fatal(err)
		}
		guest := newDeviceKey(t, handshake.MLKEM512)
		token := tokenFor(t, issuerOf(t, stranger, "theirs"), time.Now(), cwt.UsageDevice, "guest", guest.Public())
		cfg := session.DeviceConfig{Server: w.key.ServerCredential(), Key: guest, Token: []byte(token.Token)}
		one := w.dial(cfg)
		if err := <-one.ended; !isRefusal(err) {
			t.Errorf("a stranger's device: %v", err)
		}
		one.close()
		if err := TrustAuthority(d.Path, ca.Own); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		in := w.dial(cfg)
		in.wantCode(coap.ContentCode, coap.GET, "/x", nil)
		if err := DistrustAuthority(d.Path, ca.Own.Key.ID()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := <-in.ended; err == nil || time.Since(start) > time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		in.close()
		time.Sleep(time.Second)
		events, _ := auditLog(t, d.Path)
		if text := strings.Join(events, "\n"); !strings.Contains(text, "none that is trusted") {
			t.Errorf("the reason of the refusal is not in the audit log:\n%s", text)
		}
	})
}

// Keys that cannot be read any more leave the server what it is.
func TestKeysSpoilt(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.permitted(t, "", coap.HandlerFunc(everything), nil, nil)
		if err := os.WriteFile(keyFile(d.Path, handshake.MLKEM512), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		w.connect(nil).close()
	})
}

func TestStamps(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	s := newStamps(path)
	if s.changed() {
		t.Error("nothing has changed")
	}
	for i, change := range []func() error{
		func() error { _, err := RotateKey(path, handshake.MLKEM512, nil); return err },
		func() error { _, err := InitCA(path, cwt.MLDSA44, "a", nil); return err },
		func() error { _, err := FinishRotation(path, handshake.MLKEM512, nil); return err },
		func() error { return os.Remove(filepath.Join(path, caKeyFile)) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if !s.changed() || s.changed() {
			t.Errorf("change %d: want to be told once", i)
		}
	}
}

// Devices that guess codes, many at once, find none, and the registry answers few of them; who has
// the code gets in behind them.
func TestGuessing(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.fleet(t, "")
		code, err := d.Devices.Invite(registry.Invitation{Name: "b", Suite: handshake.MLKEM512})
		if err != nil {
			t.Fatal(err)
		}
		const guessers = 40
		var all []*device
		for i := range guessers {
			psk := *code.PSK()
			psk.ID[i%16] ^= byte(i + 1)
			all = append(all, w.dialFrom(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i), 7}), 40000),
				session.DeviceConfig{Server: w.key.ServerCredential(), PSK: &psk}))
		}
		time.Sleep(time.Second)
		key := newDeviceKey(t, handshake.MLKEM512)
		honest := w.dial(session.DeviceConfig{Server: w.key.ServerCredential(), PSK: code.PSK()})
		honest.wantCode(coap.Changed, coap.POST, "/enroll", key.ServerCredential().Bytes())
		for i, one := range all {
			if err := <-one.ended; err == nil {
				t.Errorf("guess %d has led to a session", i)
			}
			one.close()
		}
		if st := w.server.Stats(); st.Confirmed != 1 || st.Refused < guessers {
			t.Errorf("%d sessions, %d refused", st.Confirmed, st.Refused)
		}
		honest.close()
	})
}

// Who has all that a device has, and the registry, but not the server's key, is no server to it.
func TestStolenDeviceKey(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		_, key := testKeys()
		psk, err := handshake.GeneratePSK(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		w.server.Close()
		<-w.done
		impostor := newDeviceKey(t, handshake.MLKEM512)
		w.start(Config{
			Keys: []*handshake.PrivateKey{impostor, key}, Workers: 1, Handler: coap.HandlerFunc(everything),
			Authorize: func(_ handshake.Suite, c handshake.ClientCredential) (Client, error) {
				if c.Mode == handshake.ModePSK {
					return Client{Name: "a", PSK: psk}, nil
				}
				return Client{Name: "a", Key: key.Public()}, nil
			},
		})
		for name, cfg := range map[string]session.DeviceConfig{"key": {Key: key}, "PSK": {PSK: psk}} {
			cfg.Server = w.key.ServerCredential()
			one := w.dial(cfg)
			if err := <-one.ended; err == nil {
				t.Errorf("%s: the impostor has a session", name)
			}
			if one.session.Result() != nil {
				t.Errorf("%s: m2 of the impostor has opened", name)
			}
			one.close()
		}
	})
}
