package conformance

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/registry"
)

// A fleet is a server's folder, served on the loopback, and devices in a folder of theirs.
type fleet struct {
	t       *testing.T
	dir     string
	devices string
	addr    string
	folder  *server.Dir
	server  *server.Server
	done    chan error
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: filepath.Join(t.TempDir(), "home"), devices: t.TempDir()}
	if _, err := server.InitDir(f.dir, handshake.MLKEM512); err != nil {
		t.Fatal(err)
	}
	return f
}

// serve starts the server.
func (f *fleet) serve() {
	f.t.Helper()
	var err error
	if f.folder, err = server.OpenDir(f.dir); err != nil {
		f.t.Fatal(err)
	}
	if f.server, err = server.New(f.folder.Config(coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
		return coap.Content(message.TextPlain, []byte(r.Device))
	}))); err != nil {
		f.t.Fatal(err)
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		f.t.Fatal(err)
	}
	f.addr, f.done = socket.LocalAddr().String(), make(chan error, 1)
	go func() { f.done <- f.server.Serve(socket) }()
}

// stop ends it.
func (f *fleet) stop() {
	f.server.Close()
	<-f.done
}

// enroll makes a device by an invitation.
func (f *fleet) enroll(name string) node.Config {
	f.t.Helper()
	code, err := f.folder.Devices.Invite(registry.Invitation{Name: name, Suite: handshake.MLKEM512})
	if err != nil {
		f.t.Fatal(err)
	}
	inv := &node.Invitation{
		Address: f.addr, Suite: handshake.MLKEM512, Code: code,
		Fingerprint: f.folder.Key(handshake.MLKEM512).ServerCredential().Fingerprint(),
	}
	path := filepath.Join(f.devices, name+".toml")
	cfg, err := node.EnrollFile(f.t.Context(), path, node.Enrolment{Invitation: inv, Name: name})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := node.EnrollFile(f.t.Context(), path+"2", node.Enrolment{Invitation: inv}); !errors.Is(err, node.ErrCodeUsed) {
		f.t.Errorf("the code, again: %v", err)
	}
	return cfg
}

// ask has a device ask, by a handshake and in a session, and returns what it is called.
func (f *fleet) ask(cfg node.Config) (string, error) {
	f.t.Helper()
	os.Remove(cfg.State)
	conn, err := node.Dial(f.t.Context(), f.addr, cfg)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	answer, err := conn.Get(f.t.Context(), "/name")
	if err != nil {
		return "", err
	}
	f.await("a ticket", func() bool { _, err := os.Stat(cfg.State); return err == nil })
	return string(answer.Payload), nil
}

// await looks again and again.
func (f *fleet) await(what string, happened func() bool) {
	f.t.Helper()
	for range 600 {
		if happened() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	f.t.Fatalf("%s has not come", what)
}

// TestEnrolledAndRotated: a device of a code, of a server that has no authority. It learns the
// server's new key while both are accepted, and one that does not ask then does not know the
// server any more.
func TestEnrolledAndRotated(t *testing.T) {
	f := newFleet(t)
	f.serve()
	defer f.stop()
	cfg, sleeper := f.enroll("sensor-1"), f.enroll("sensor-2")
	if cfg.Trust == nil || cfg.Authority != nil {
		t.Fatal("the server's key is not pinned")
	}
	for name, cfg := range map[string]node.Config{"sensor-1": cfg, "sensor-2": sleeper} {
		if got, err := f.ask(cfg); err != nil || got != name {
			t.Errorf("%q, %v", got, err)
		}
	}
	fresh, err := server.RotateKey(f.dir, handshake.MLKEM512, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.await("the new key", func() bool {
		if _, err := f.ask(cfg); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(cfg.State + ".known")
		return err == nil && strings.Contains(string(b), string(fresh.ServerCredential().Bytes()))
	})
	if _, err := server.FinishRotation(f.dir, handshake.MLKEM512, nil); err != nil {
		t.Fatal(err)
	}
	forgets := sleeper
	forgets.State = ""
	f.await("the end of the old key", func() bool {
		conn, err := node.Dial(t.Context(), f.addr, forgets)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if _, err := f.ask(sleeper); err == nil || !strings.Contains(err.Error(), "enrol it again") {
		t.Errorf("a device that has missed it: %v", err)
	}
	if got, err := f.ask(cfg); err != nil || got != "sensor-1" {
		t.Errorf("with the new key: %q, %v", got, err)
	}
}

// TestEnrolledByAuthority: a device of a code, of a server whose folder has an authority. It trusts
// that, shows what it signs, and gets it anew.
func TestEnrolledByAuthority(t *testing.T) {
	f := newFleet(t)
	if err := os.WriteFile(filepath.Join(f.dir, "server.toml"), []byte("[authority]\nname = \"server-1\"\nmay_issue = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ca, err := server.InitCA(f.dir, cwt.MLDSA65, "fleet.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	f.serve()
	defer f.stop()
	cfg := f.enroll("sensor-1")
	if cfg.Trust != nil || cfg.Authority == nil || cfg.ServerName != "server-1" || cfg.Credential == nil {
		t.Fatalf("%+v", cfg)
	}
	if got, err := f.ask(cfg); err != nil || got != "sensor-1" {
		t.Errorf("%q, %v", got, err)
	}
	// One of which two thirds of the time are over.
	if cfg.Credential, _, err = ca.Issue(time.Now().Add(-3*time.Hour), cwt.UsageDevice, "sensor-1", cfg.Key.Public(), 4*time.Hour); err != nil {
		t.Fatal(err)
	}
	os.Remove(cfg.State)
	conn, err := node.Dial(t.Context(), f.addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f.await("a new credential", func() bool {
		b, err := os.ReadFile(cfg.State + ".known")
		return err == nil && strings.Count(string(b), string(cfg.Key.Public().Bytes())) == 1
	})
	if _, err := server.RotateKey(f.dir, handshake.MLKEM512, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := server.FinishRotation(f.dir, handshake.MLKEM512, nil); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	f.await("a server with another key", func() bool {
		before, err := os.ReadFile(cfg.State + ".known")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.ask(cfg); err != nil || got != "sensor-1" {
			t.Fatalf("%q, %v", got, err)
		}
		after, err := os.ReadFile(cfg.State + ".known")
		return err == nil && string(before) != string(after)
	})
}
