package conformance

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/registry"
)

const fleetSuite = handshake.MLKEM512

// newLifetimes is a world whose server has a folder, with an authority or without one.
func newLifetimes(t *testing.T, issuer, settings string) (*world, *server.Dir) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "srv")
	if _, err := server.InitDir(path, fleetSuite); err != nil {
		t.Fatal(err)
	}
	if issuer != "" {
		if _, err := server.InitCA(path, cwt.MLDSA44, issuer, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(path, "server.toml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := server.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	dir.NoControl = true // who waits at a socket keeps the clock of a bubble from going on
	hello := coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
		return &coap.Message{Code: coap.ContentCode, Payload: []byte("hello " + r.Device)}
	})
	return newWorld(t, 1, simnet.Link{Delay: 10 * time.Millisecond}, func(cfg *server.Config) {
		*cfg = dir.Config(hello)
		cfg.Workers = 1
	}), dir
}

func wantHello(t *testing.T, c *node.Conn, name string) {
	t.Helper()
	m, err := c.Get(t.Context(), "/x")
	if err != nil || string(m.Payload) != "hello "+name {
		t.Errorf("%v %q, %v", m.Code, m.Payload, err)
	}
}

func audited(t *testing.T, dir *server.Dir) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir.Path, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A device with nothing but an invitation gets a name and a credential, trusts the authority instead
// of a key, and outlives the credentials of both sides and the key of the server.
func TestFleetDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dir := newLifetimes(t, "fleet", "[authority]\nname = \"gateway\"\ndevice_lifetime = 6\nserver_lifetime = 6\n")
		code, err := dir.Devices.Invite(registry.Invitation{Name: "sensor-1", Suite: fleetSuite})
		if err != nil {
			t.Fatal(err)
		}
		key, err := handshake.GenerateKey(rand.Reader, fleetSuite)
		if err != nil {
			t.Fatal(err)
		}
		invitation := &node.Invitation{
			Address: serverAddr.String(), Suite: fleetSuite, Code: code,
			Fingerprint: dir.Key(fleetSuite).ServerCredential().Fingerprint(),
		}
		cfg, err := node.EnrollOn(t.Context(), w.net.Listen(deviceAddr), serverAddr, node.Enrolment{Invitation: invitation, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Name != "sensor-1" || cfg.Authority == nil || cfg.Issuer != "fleet" || cfg.ServerName != "gateway" || cfg.Trust != nil {
			t.Errorf("%+v", cfg)
		}
		cfg.State = filepath.Join(t.TempDir(), "state")
		c := w.mustDial(cfg)
		wantHello(t, c, "sensor-1")
		for range 12 {
			time.Sleep(time.Hour)
			wantHello(t, c, "sensor-1")
		}
		if _, err := server.RotateKey(dir.Path, fleetSuite, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Hour) // in which the device has learnt, by the next credential
		wantHello(t, c, "sensor-1")
		if _, err := server.FinishRotation(dir.Path, fleetSuite, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		c.Close()
		c = w.mustDial(cfg)
		wantHello(t, c, "sensor-1")
		c.Close()
		if log := audited(t, dir); strings.Count(log, `"renewed"`) < 2 || strings.Count(log, `"server credential"`) < 2 {
			t.Errorf("audit log:\n%s", log)
		}
		w.close()
	})
}

// Two devices have pinned the server's key, which is rotated: one learns the new one in its session,
// one sleeps through it, and is told what has happened when it comes too late.
func TestFleetRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dir := newLifetimes(t, "", "")
		old := dir.Key(fleetSuite).ServerCredential()
		device := func(name string) node.Config {
			t.Helper()
			key, err := handshake.GenerateKey(rand.Reader, fleetSuite)
			if err != nil {
				t.Fatal(err)
			}
			one := registry.Device{Name: name, Suite: fleetSuite, PublicKey: key.Public(), Enrolled: time.Now()}
			if err := dir.Devices.Enroll(one); err != nil {
				t.Fatal(err)
			}
			return node.Config{Name: name, Suite: fleetSuite, Trust: old, Key: key, State: filepath.Join(t.TempDir(), name)}
		}
		awake, asleep := device("awake"), device("asleep")
		c := w.mustDial(awake)
		wantHello(t, c, "awake")
		c.Close()
		fresh, err := server.RotateKey(dir.Path, fleetSuite, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c = w.mustDial(awake)
		wantHello(t, c, "awake")
		time.Sleep(time.Minute)
		if d, err := dir.Devices.Get("awake"); err != nil || d.ServerKey != fresh.ServerCredential().KeyID() {
			t.Errorf("the server has the device by %x, %v", d.ServerKey, err)
		}
		c.Close()
		if _, err := server.FinishRotation(dir.Path, fleetSuite, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c = w.mustDial(awake) // whose configuration still has the old key
		wantHello(t, c, "awake")
		c.Close()
		late, err := w.dial(t.Context(), asleep)
		if err == nil {
			late.Close()
			t.Fatal("let in by a key that is gone")
		}
		if text := err.Error(); !strings.Contains(text, fmt.Sprintf("%x", fresh.ServerCredential().Fingerprint())) {
			t.Errorf("what the device says does not name the new key: %s", text)
		}
		asleep.Trust, asleep.State = fresh.ServerCredential(), filepath.Join(t.TempDir(), "again")
		c = w.mustDial(asleep)
		wantHello(t, c, "asleep")
		c.Close()
		w.close()
	})
}
