package server

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/registry"
)

func initDir(t *testing.T, suites ...handshake.Suite) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "srv")
	for _, suite := range suites {
		if _, err := InitDir(path, suite); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestDirRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "srv")
	first, err := InitDir(path, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	before, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := InitDir(path, handshake.MLKEM768); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Keys) != 2 || d.Key(handshake.MLKEM768) == nil || d.Key(handshake.XWing) != nil {
		t.Errorf("%d keys after a second init", len(d.Keys))
	}
	if got := d.Key(handshake.MLKEM512).ServerCredential().Fingerprint(); got != first.ServerCredential().Fingerprint() {
		t.Error("the first key has changed")
	}
	if d.Secrets != before.Secrets || d.Secrets == (Secrets{}) {
		t.Error("a second init has changed the secrets, or there are none")
	}
	if plain, err := ParseSettings(nil); err != nil || !reflect.DeepEqual(d.Settings, plain) {
		t.Errorf("the file that is made says %+v, the defaults are %+v, %v", d.Settings, plain, err)
	}
}

// TestInitKeepsKeys: devices have pinned a key, so nothing may replace it.
func TestInitKeepsKeys(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	if _, err := InitDir(path, handshake.MLKEM512); !errors.Is(err, ErrDir) {
		t.Errorf("second init with the same suite: %v, want ErrDir", err)
	}
}

func TestOpenDirRejects(t *testing.T) {
	for name, test := range map[string]struct {
		file, content, says string
	}{
		"no folder":        {"", "", "init"},
		"unknown key":      {settingsFile, "lisen = \":1\"\n", "lisen"},
		"wrong type":       {settingsFile, "listen = 1\n", "type"},
		"not TOML":         {settingsFile, "listen\n", "line 1"},
		"echo":             {settingsFile, "echo = \"sometimes\"\n", "echo"},
		"no address":       {settingsFile, "listen = \"\"\n", "listen"},
		"payload":          {settingsFile, "max_udp_payload = 10\n", "max_udp_payload"},
		"idle":             {settingsFile, "idle_timeout = 0\n", "idle_timeout"},
		"secrets":          {secretsFile, "x", secretsFile},
		"key":              {"keys/suite-3.key", "x", "suite-3.key"},
		"key of no length": {"keys/suite-3.key", "", "suite-3.key"},
	} {
		path := filepath.Join(t.TempDir(), "srv")
		if test.file != "" {
			path = initDir(t, handshake.MLKEM512)
			if err := os.WriteFile(filepath.Join(path, test.file), []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := OpenDir(path)
		if !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, test.says)
		}
	}
}

// TestKeyOfAnotherSuite: a key file renamed is not taken for what its name says.
func TestKeyOfAnotherSuite(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	if err := os.Rename(keyFile(path, handshake.MLKEM512), keyFile(path, handshake.MLKEM768)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(path); !errors.Is(err, ErrDir) {
		t.Errorf("error %v, want ErrDir", err)
	}
}

func TestPrivateFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("Windows has no such permissions: they are not looked at there")
		return
	}
	for _, file := range []string{secretsFile, "keys/suite-3.key", ticketsFile} {
		path := initDir(t, handshake.MLKEM512)
		name := filepath.Join(path, file)
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v, want 0600", file, info.Mode(), err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := OpenDir(path)
		if err == nil { // of ticket keys only who serves wants to know
			_, err = New(d.Config(coap.HandlerFunc(nil)))
		}
		if !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%s readable by all: error %v", file, err)
		}
	}
}

func TestAuthorize(t *testing.T) {
	d, err := OpenDir(initDir(t, handshake.MLKEM512))
	if err != nil {
		t.Fatal(err)
	}
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	device := registry.Device{Name: "sensor-1", Suite: handshake.MLKEM512, PublicKey: key.Public(), Enrolled: time.Now()}
	if err := d.OpenDevices(); err != nil {
		t.Fatal(err)
	}
	defer d.Devices.Close()
	if err := d.Devices.Enroll(device); err != nil {
		t.Fatal(err)
	}
	authorize := d.Config(coap.HandlerFunc(nil)).Authorize
	client, err := authorize(handshake.MLKEM512, device.Credential())
	if err != nil || client.Name != "sensor-1" || client.Key.DeviceID() != key.Public().DeviceID() {
		t.Errorf("%q, %v, want sensor-1", client.Name, err)
	}
	var refusal *handshake.Refusal
	stranger := handshake.ClientCredential{Mode: handshake.ModePSK, ID: [16]byte{1}}
	if _, err := authorize(handshake.MLKEM512, stranger); !errors.As(err, &refusal) || refusal.Code != handshake.RefusedCredential {
		t.Errorf("a stranger: %v", err)
	}
	nobody := handshake.ClientCredential{}
	if _, err := authorize(handshake.MLKEM512, nobody); !errors.As(err, &refusal) || refusal.Code != handshake.RefusedMode {
		t.Errorf("an anonymous device: %v", err)
	}
	d.Settings.Anonymous = true
	if client, err := authorize(handshake.MLKEM512, nobody); err != nil || client.Name != "" {
		t.Errorf("an anonymous device where they are allowed: %q, %v", client.Name, err)
	}
}
