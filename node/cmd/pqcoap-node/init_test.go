package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/bare"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/internal/invite"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/node"
)

// An office is a server on the loopback that enrols one device, and then lets it in.
type office struct {
	server     *bare.Server
	key        *handshake.PrivateKey
	invitation node.Invitation

	mu     sync.Mutex
	device *handshake.PublicKey
}

func newOffice(t *testing.T) *office {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	o := &office{}
	if o.key, err = handshake.GenerateKey(rand.Reader, handshake.MLKEM512); err != nil {
		t.Fatal(err)
	}
	code, err := invite.NewCode(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o.invitation = node.Invitation{
		Address: socket.LocalAddr().String(), Suite: handshake.MLKEM512,
		Fingerprint: o.key.ServerCredential().Fingerprint(), Code: code,
	}
	o.server, err = bare.Serve(socket, session.ServerConfig{
		Identities: []handshake.Identity{o.key.Identity()}, Authorize: o.authorize,
	}, o.serve)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.server.Close)
	return o
}

func (o *office) authorize(_ handshake.Suite, c handshake.ClientCredential) (session.Client, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch psk := o.invitation.Code.PSK(); {
	case c.Mode == handshake.ModePSK && c.ID == psk.ID:
		return session.Client{Name: "enrolment", PSK: psk}, nil
	case c.Mode == handshake.ModeKEM && o.device != nil && c.ID == o.device.DeviceID():
		return session.Client{Name: "sensor-1", Key: o.device}, nil
	}
	return session.Client{}, &handshake.Refusal{Code: handshake.RefusedCredential}
}

func (o *office) serve(_ string, m coap.Message) *coap.Message {
	if p, _ := m.Options.Path(); strings.TrimPrefix(p, "/") != "enroll" {
		return coap.Content(message.TextPlain, []byte("12:00"))
	}
	var body struct {
		_     struct{} `cbor:",toarray"`
		Suite handshake.Suite
		Key   []byte
	}
	if cbor.Unmarshal(m.Payload, &body) != nil {
		return &coap.Message{Code: codes.BadRequest}
	}
	key, err := handshake.ParsePublicKey(body.Suite, body.Key)
	if err != nil {
		return &coap.Message{Code: codes.BadRequest}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.device != nil && o.device.DeviceID() != key.DeviceID() {
		return &coap.Message{Code: codes.Forbidden}
	}
	o.device = key
	b, err := cbor.Marshal(map[int]any{1: "sensor-1"})
	if err != nil {
		return &coap.Message{Code: codes.InternalServerError}
	}
	answer := coap.Content(message.AppCBOR, b)
	answer.Code = codes.Changed
	return answer
}

// An invitation makes a file with which the device is let in, and works once.
func TestInit(t *testing.T) {
	o := newOffice(t)
	file := filepath.Join(t.TempDir(), "sensor.toml")
	code, out, errs := command(t, "init", o.invitation.URI(), "-c", file, "-name", "sensor-1")
	if code != 0 || !strings.Contains(out, "device sensor-1") || !strings.Contains(out, "known by its key") {
		t.Fatalf("code %d, output %q, errors %q", code, out, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, []byte(`state = "sensor.state"`)) || bytes.Contains(text, []byte(o.invitation.Code.Text())) {
		t.Errorf("%s, %v", text, err)
	}
	if _, err := os.Stat(file + ".pending"); !os.IsNotExist(err) {
		t.Errorf("the key is pending still: %v", err)
	}
	if code, out, errs := command(t, "get", "-c", file, "/time"); code != 0 || out != "12:00" {
		t.Errorf("get: code %d, output %q, errors %q", code, out, errs)
	}
	if code, _, errs := command(t, "init", o.invitation.URI(), "-c", file); code != cli.CodeFailure || !strings.Contains(errs, "sensor-1") {
		t.Errorf("again: code %d, errors %q", code, errs)
	}
	other := filepath.Join(t.TempDir(), "other.toml")
	if code, _, errs := command(t, "init", o.invitation.URI(), "-c", other); code != codeNoSession || !strings.Contains(errs, "each code is for one device") {
		t.Errorf("another device: code %d, errors %q", code, errs)
	}
	if _, err := os.Stat(other); !os.IsNotExist(err) {
		t.Errorf("a file without a device: %v", err)
	}
}

// The code alone does as well, with what else the invitation says in flags.
func TestInitByHand(t *testing.T) {
	o := newOffice(t)
	file := filepath.Join(t.TempDir(), "sensor.toml")
	pin := hex.EncodeToString(o.invitation.Fingerprint[:])
	args := []string{"init", "-c", file, "-server", o.invitation.Address, "-pin", pin, "-suite", "3"}
	if code, _, errs := command(t, append(args, "0000-0000-0000")...); code != codeNoSession || !strings.Contains(errs, "mistyped") {
		t.Errorf("a wrong code: code %d, errors %q", code, errs)
	}
	if code, _, errs := command(t, append(args, strings.ToLower(o.invitation.Code.Text()))...); code != 0 {
		t.Errorf("code %d, errors %q", code, errs)
	}
}

func TestInitInvitation(t *testing.T) {
	o := newOffice(t)
	var i initiation
	got, err := i.invitation("-", strings.NewReader(o.invitation.URI()+"\n"))
	if err != nil || *got != o.invitation {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := i.invitation("-", strings.NewReader(strings.Repeat("x", maxInvitation+1))); err == nil {
		t.Error("too long")
	}
	for want, i := range map[string]initiation{
		"x.toml": {file: "x.toml", name: "y"}, "y.toml": {name: "y"}, "device.toml": {},
	} {
		if got := i.path(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Nobody answers: the error says what to look at. The key waits for the next try.
func TestInitUnreachable(t *testing.T) {
	o := newOffice(t)
	o.server.Close()
	file := filepath.Join(t.TempDir(), "sensor.toml")
	code, _, errs := command(t, "init", o.invitation.URI(), "-c", file, "-timeout", "100ms")
	if code != codeNoSession || !strings.Contains(errs, "is UDP let through") {
		t.Errorf("code %d, errors %q", code, errs)
	}
	if _, err := os.Stat(file + ".pending"); err != nil {
		t.Error(err)
	}
}

// A server that was trusted on first use and has another key now has an exit code of its own.
func TestOtherKey(t *testing.T) {
	o := newOffice(t)
	file := filepath.Join(t.TempDir(), "sensor.toml")
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	o.device = key.Public()
	o.mu.Unlock()
	text, err := node.AppendConfig(nil, node.Config{
		Server: o.invitation.Address, Suite: handshake.MLKEM512, FirstUse: true, State: "s", Key: key,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "ping", "-n", "1", "-c", file); code != 0 {
		t.Fatalf("code %d, errors %q", code, errs)
	}
	for _, suffix := range []string{"", ".used"} {
		os.Remove(filepath.Join(filepath.Dir(file), "s"+suffix))
	}
	if o.key, err = handshake.GenerateKey(rand.Reader, handshake.MLKEM512); err != nil {
		t.Fatal(err)
	}
	o.server.SetIdentities(o.key.Identity())
	code, _, errs := command(t, "get", "-c", file, "/time")
	fingerprint := o.key.ServerCredential().Fingerprint()
	if code != codeOtherKey || !strings.Contains(errs, hex.EncodeToString(fingerprint[:])) || !strings.Contains(errs, "s.known") {
		t.Errorf("code %d, errors %q", code, errs)
	}
}
