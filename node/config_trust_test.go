package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake/cwt"
)

func TestConfigTrust(t *testing.T) {
	authority, _ := testAuthority()
	for name, change := range map[string]func(*Config){
		"authority": func(c *Config) {
			c.Trust, c.Authority, c.Issuer, c.ServerName = nil, authority.Public(), testIssuer, testServer
		},
		"credential": func(c *Config) {
			c.Trust, c.Authority, c.Issuer, c.ServerName = nil, authority.Public(), testIssuer, testServer
			c.NoClock = true
			c.Credential = issue(t, authority, cwt.UsageDevice, "sensor-1", c.Key, func(c *cwt.Claims) { c.Expires = time.Now().Add(time.Hour) })
		},
		"first use": func(c *Config) { c.Trust, c.FirstUse, c.State = nil, true, "x.state" },
	} {
		want := valid(t)
		change(&want)
		text, err := AppendConfig(nil, want)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := ParseConfig(text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if got.base() != want.base() || got.FirstUse != want.FirstUse || got.NoClock != want.NoClock || string(got.Credential) != string(want.Credential) {
			t.Errorf("%s: %+v", name, got)
		}
		if again, err := AppendConfig(nil, got); err != nil || string(again) != string(text) {
			t.Errorf("%s: read and written again it is\n%s, want\n%s", name, again, text)
		}
	}
}

// TestConfigTrustRejects adds a line to a valid file; the error names the key.
func TestConfigTrustRejects(t *testing.T) {
	text, err := AppendConfig(nil, valid(t))
	if err != nil {
		t.Fatal(err)
	}
	for line, names := range map[string]string{
		"authority = \"????\"":  "authority",
		"authority = \"AAAA\"":  "authority",
		"trust = \"always\"":    "first-use",
		"trust = \"first-use\"": "one of them",
		"clock = \"mine\"":      "clock",
		"credential = \"????\"": "credential",
		"credential = \"AAAA\"": "credential",
		"issuer = \"x\"":        "issuer",
		"server_name = \"x\"":   "server_name",
	} {
		if _, err := ParseConfig(append([]byte(line+"\n"), text...)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: error %v, want one that names %q", line, err, names)
		}
	}
	if _, err := ParseConfig(replaceLine(text, "server_key", "trust = \"first-use\"")); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "state") {
		t.Errorf("first use without a state file: %v", err)
	}
}
