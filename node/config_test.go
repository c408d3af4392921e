package node

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// valid is a configuration with everything in it.
func valid(t testing.TB) Config {
	t.Helper()
	serverKey, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Name: "sensor-1", Server: "coap+pq://192.0.2.1:5688",
		Suite: handshake.MLKEM512, Trust: serverKey.ServerCredential(), Key: key,
		MaxUDPPayload: 1000, IdleTimeout: time.Hour,
	}
}

func TestConfigRoundTrip(t *testing.T) {
	psk, err := handshake.GeneratePSK(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"kem":         func(*Config) {},
		"psk":         func(c *Config) { c.Key, c.PSK = nil, psk },
		"anonymous":   func(c *Config) { c.Key = nil },
		"fingerprint": func(c *Config) { c.Fingerprint, c.Trust = c.Trust.Fingerprint(), nil },
	} {
		want := valid(t)
		change(&want)
		text, err := AppendConfig(nil, want)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := ParseConfig(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := AppendConfig(nil, got)
		if err != nil || string(again) != string(text) {
			t.Errorf("%s: read and written again it is\n%s, want\n%s", name, again, text)
		}
	}
}

// TestConfigRejects changes one line of a valid file at a time; the error names the key.
func TestConfigRejects(t *testing.T) {
	text, err := AppendConfig(nil, valid(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ key, line, names string }{
		{"suite", "suite = 5", "suite"},
		{"suite", "suite = 1", "server_key"},
		{"suite", "suite = \"1\"", "type"},
		{"suite", "suite = ", "line"},
		{"server_key", "server_key = \"????\"", "server_key"},
		{"server_key", "server_key = \"AAAA\"", "server_key"},
		{"server_key", "", "server_key"},
		{"server_key", "fingerprint = \"abcd\"", "fingerprint"},
		{"name", "fingerprint = \"" + strings.Repeat("0", 64) + "\"", "fingerprint"},
		{"name", "nmae = \"x\"", "nmae"},
		{"key", "key = \"????\"", "key"},
		{"key", "key = \"AAAA\"", "key"},
		{"max_udp_payload", "max_udp_payload = 79", "max_udp_payload"},
		{"max_udp_payload", "max_udp_payload = 65528", "max_udp_payload"},
		{"idle_timeout", "idle_timeout = -1", "idle_timeout"},
	} {
		_, err := ParseConfig(replaceLine(text, test.key, test.line))
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.names) {
			t.Errorf("%s: error %v, want one that names %q", test.line, err, test.names)
		}
	}
}

func replaceLine(text []byte, key, line string) []byte {
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, key+" ") {
			lines[i] = line
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// TestErrorsHideKeys: no error repeats what the file says of a key.
func TestErrorsHideKeys(t *testing.T) {
	text, err := AppendConfig(nil, valid(t))
	if err != nil {
		t.Fatal(err)
	}
	secret := "c2VjcmV0c2VjcmV0"
	_, err = ParseConfig(replaceLine(text, "key", "key = \""+secret+"\""))
	if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

func TestLoadConfigPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("Windows has no such permissions: LoadConfig does not look at them there")
		return
	}
	text, err := AppendConfig(nil, valid(t))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "sensor.toml")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(name); err != nil {
		t.Errorf("mode 0600: %v", err)
	}
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(name); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("mode 0640: error %v, want one that says chmod 600", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	text, err := AppendConfig(nil, valid(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("suite = 1\nserver_key = \"\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg, err := ParseConfig(b)
		if err == nil && cfg.Trust == nil && cfg.Authority == nil && !cfg.FirstUse && cfg.Fingerprint == [32]byte{} && !strings.Contains(string(b), strings.Repeat("0", 64)) {
			t.Error("accepted a file that pins nothing")
		}
	})
}
