package node

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/internal/config"
	"github.com/pqcoap/pqcoap/internal/session"
)

func TestConfigLasting(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"default": func(*Config) {},
		"all": func(c *Config) {
			c.State, c.Rekey, c.KeepAlive = "state", Rekey{time.Hour, 1e6}, 25*time.Second
			c.FreshAfter, c.Spread = 24*time.Hour, time.Minute
		},
		"never": func(c *Config) { c.FreshAfter, c.Spread = -1, -1 },
	} {
		want := valid(t)
		change(&want)
		text, err := AppendConfig(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseConfig(text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if got.State != want.State || got.Rekey != want.Rekey || got.KeepAlive != want.KeepAlive ||
			got.FreshAfter != want.FreshAfter || got.Spread != want.Spread || got.IdleTimeout != want.IdleTimeout {
			t.Errorf("%s: read %+v\n%s", name, got, text)
		}
	}
}

func TestConfigLastingRejects(t *testing.T) {
	text, err := AppendConfig(nil, valid(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"rekey_age", "rekey_records", "fresh_after", "keep_alive", "spread"} {
		for _, value := range []string{"-1", "\"1h\"", "2147483648"} {
			_, err := ParseConfig(append([]byte(key+" = "+value+"\n"), text...))
			if key == "rekey_records" && value == "2147483648" {
				if err != nil {
					t.Error(err)
				}
			} else if !errors.Is(err, ErrConfig) {
				t.Errorf("%s = %s: %v", key, value, err)
			}
		}
	}
	if _, err := ParseConfig(append([]byte("sate = \"x\"\n"), text...)); err == nil || !strings.Contains(err.Error(), `line 1: unknown key "sate": did you mean state?`) {
		t.Errorf("error %v", err)
	}
}

// A state file lies beside the configuration, wherever the program was started.
func TestLoadConfigState(t *testing.T) {
	for state, want := range map[string]string{"": "", "s.state": "FOLDER/s.state", "/x/s.state": "/x/s.state"} {
		cfg := valid(t)
		cfg.State = state
		text, err := AppendConfig(nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "sensor.toml")
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := LoadConfig(name)
		want = strings.Replace(want, "FOLDER", filepath.ToSlash(filepath.Dir(name)), 1)
		if err != nil || filepath.ToSlash(got.State) != want && filepath.IsAbs(state) == (state != "" && state[0] == '/') {
			t.Errorf("%q is %q, %v", state, got.State, err)
		}
	}
}

// What the table says of defaults is what the code does, and each key has a field.
func TestConfigTable(t *testing.T) {
	for name, want := range map[string]time.Duration{"fresh_after": defaultFresh, "spread": defaultSpread} {
		if got := config.Device.Key(name).Default; got != int(want/time.Second) {
			t.Errorf("%s: %v in the table, %v in the code", name, got, want)
		}
	}
	if got := config.Device.Key("max_udp_payload").Default; got != session.MaxUDPPayload {
		t.Errorf("max_udp_payload: %v in the table, %d in the code", got, session.MaxUDPPayload)
	}
	of := reflect.TypeFor[file]()
	if of.NumField() != len(config.Device.Keys) {
		t.Errorf("%d fields, %d keys", of.NumField(), len(config.Device.Keys))
	}
	for i := range of.NumField() {
		if name, _, _ := strings.Cut(of.Field(i).Tag.Get("toml"), ","); config.Device.Key(name) == nil {
			t.Errorf("no key for field %s", of.Field(i).Name)
		}
	}
}
