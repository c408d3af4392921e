package nonces

import (
	"bytes"
	"crypto/rand"
	"errors"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/bare"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/node"
)

const (
	kills        = 500
	leastRecords = 2000
	keyLogFile   = "PQCOAP_KEYLOG" // as in package node, with the tag
)

// A rig is a server on the loopback and what a device needs to be run against it.
type rig struct {
	t      *testing.T
	tap    *Tap
	server *bare.Server
	dir    string
	load   string // the program
	keys   string // its key log
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	r.load, r.keys = build(t, "./load", "keylog"), filepath.Join(r.dir, "keys")
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	device, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r.tap = &Tap{Socket: socket}
	r.server, err = bare.Serve(r.tap, session.ServerConfig{
		Identities: []handshake.Identity{key.Identity()},
		Authorize: func(handshake.Suite, handshake.ClientCredential) (session.Client, error) {
			return session.Client{Name: "device", Key: device.Public()}, nil
		},
	}, func(string, coap.Message) *coap.Message { return coap.Content(0, []byte("here")) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.server.Close)
	text, err := node.AppendConfig(nil, node.Config{
		Server: socket.LocalAddr().String(), Suite: handshake.MLKEM512, Trust: key.ServerCredential(), Key: device,
		State: "device.state", Rekey: node.Rekey{Records: 40},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.path("device.toml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func build(t *testing.T, what, tags string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program.exe")
	if b, err := exec.Command("go", "build", "-tags", tags, "-o", out, what).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return out
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// life runs the device and kills it.
func (r *rig) life(d time.Duration) {
	r.t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(r.load, r.path("device.toml"))
	cmd.Env = append(os.Environ(), keyLogFile+"="+r.keys)
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(d)
	if err := cmd.Process.Kill(); err != nil {
		r.t.Errorf("it has ended by itself: %v", err)
	}
	cmd.Wait()
	if errs.Len() > 0 {
		r.t.Errorf("the device: %s", &errs)
	}
}

// once has the device wake, if it can, ask, and sleep.
func (r *rig) once() {
	r.t.Helper()
	cmd := exec.Command(r.load, r.path("device.toml"), "once")
	cmd.Env = append(os.Environ(), keyLogFile+"="+r.keys)
	if b, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%v\n%s", err, b)
	}
}

// check looks at all that has passed.
func (r *rig) check(least int) (Report, error) {
	r.t.Helper()
	log, err := os.ReadFile(r.keys)
	if err != nil {
		r.t.Fatal(err)
	}
	return Check(r.tap.Seen(), log, least)
}

// A device that is killed at any moment, again and again, under load, while it wakes, sleeps,
// resumes, and changes its keys, uses no nonce twice.
func TestKilled(t *testing.T) {
	n := kills
	if testing.Short() {
		n /= 10
	}
	r := newRig(t)
	for range n {
		r.life(mrand.N(70 * time.Millisecond))
	}
	report, err := r.check(leastRecords * n / kills)
	if err != nil {
		t.Error(err)
	}
	t.Logf("killed %d times: %+v", n, report)
	for _, how := range []string{"waking", "resumption", "handshake"} {
		if report.Began[how] < n/50 {
			t.Errorf("%d sessions by %s: too few for the kills to have met one", report.Began[how], how)
		}
	}
	if report.Keys < 2*report.Sessions+n/50 {
		t.Errorf("%d keys of %d sessions: too few key updates", report.Keys, report.Sessions)
	}
}

// The same finds a nonce that is used twice: a snapshot of the whole folder of the state is put
// back, which the device cannot notice.
func TestUsedTwice(t *testing.T) {
	r := newRig(t)
	copied := make(map[string][]byte)
	r.once()
	for _, name := range []string{"device.state", "device.state.used"} {
		b, err := os.ReadFile(r.path(name))
		if err != nil {
			t.Fatal(err)
		}
		copied[name] = b
	}
	if _, err := r.check(1); err != nil {
		t.Fatalf("before: %v", err)
	}
	for range 2 {
		for name, b := range copied {
			if err := os.WriteFile(r.path(name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r.life(time.Second) // the second is not heard: the server has had those numbers
	}
	if report, err := r.check(1); !errors.Is(err, ErrTwice) {
		t.Errorf("%v: %+v", err, report)
	}
}

// No other build can write secrets down.
func TestKeyLogIsATag(t *testing.T) {
	for _, tags := range []string{"", "keylog"} {
		for _, program := range []string{"./load", "../../node/cmd/pqcoap-node"} {
			b, err := os.ReadFile(build(t, program, tags))
			if err != nil {
				t.Fatal(err)
			}
			if has := bytes.Contains(b, []byte(keyLogFile)); has != (tags == "keylog") {
				t.Errorf("%s with the tags %q writes secrets: %v", program, tags, has)
			}
		}
	}
}
