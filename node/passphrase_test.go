package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/internal/keyfile"
)

func TestMain(m *testing.M) {
	sealCost = keyfile.Cost{Passes: 1, Memory: 8, Lanes: 1}
	os.Exit(m.Run())
}

// answer is a Passphrase, and how often it was asked for.
func answer(text string, asked *int) Passphrase {
	return func() ([]byte, error) {
		*asked++
		return []byte(text), nil
	}
}

func configFile(t *testing.T, cfg Config) string {
	t.Helper()
	text, err := AppendConfig([]byte("# ours\n"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "sensor.toml")
	if err := os.WriteFile(name, append(text, "# the end\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A key is sealed, sealed anew and opened again, and nothing else of the file changes.
func TestSetPassphrase(t *testing.T) {
	cfg := valid(t)
	name := configFile(t, cfg)
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var asked int
	if err := SetPassphrase(name, answer("none", &asked), []byte("one")); err != nil || asked != 0 {
		t.Fatalf("asked %d times, %v", asked, err)
	}
	sealed, err := os.ReadFile(name)
	if err != nil || !differOnlyInKey(before, sealed) || bytes.Contains(sealed, []byte(keyText(before))) {
		t.Errorf("%v:\n%s", err, sealed)
	}
	if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if is, err := Sealed(name); !is || err != nil {
		t.Errorf("sealed %t, %v", is, err)
	}
	got, err := LoadConfigSealed(name, answer("one", &asked))
	if err != nil || asked != 1 || got.Key.Public().DeviceID() != cfg.Key.Public().DeviceID() {
		t.Errorf("asked %d times, %v", asked, err)
	}
	for text, ask := range map[string]Passphrase{"no passphrase": nil, "another": answer("two", &asked), "none": answer("", &asked)} {
		want := keyfile.ErrPassphrase
		if ask == nil {
			want = ErrSealed
		}
		if _, err := LoadConfigSealed(name, ask); !errors.Is(err, ErrConfig) || !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
		if err := SetPassphrase(name, ask, []byte("three")); !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, sealed) {
		t.Errorf("a change that failed has changed the file: %v", err)
	}
	if err := SetPassphrase(name, answer("one", &asked), []byte("two")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfigSealed(name, answer("two", &asked)); err != nil {
		t.Error(err)
	}
	if err := SetPassphrase(name, answer("two", &asked), nil); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, before) {
		t.Errorf("%v:\n%s\nwant\n%s", err, now, before)
	}
	if is, err := Sealed(name); is || err != nil {
		t.Errorf("sealed %t, %v", is, err)
	}
}

// keyText is the value of key in a file.
func keyText(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "key = \""); ok {
			return strings.TrimSuffix(strings.TrimSpace(value), "\"")
		}
	}
	return "(no key)"
}

func differOnlyInKey(a, b []byte) bool {
	return strings.Replace(string(a), keyText(a), "", 1) == strings.Replace(string(b), keyText(b), "", 1) && keyText(a) != keyText(b)
}

func TestSetPassphraseRefuses(t *testing.T) {
	cfg := valid(t)
	cfg.Key = nil
	name := configFile(t, cfg)
	if err := SetPassphrase(name, nil, []byte("one")); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "no key") {
		t.Errorf("without a key: %v", err)
	}
	name = configFile(t, valid(t))
	if runtime.GOOS != "windows" {
		if err := os.Chmod(name, 0o640); err != nil {
			t.Fatal(err)
		}
		if err := SetPassphrase(name, nil, []byte("one")); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("that others can read: %v", err)
		}
		if _, err := Sealed(name); !errors.Is(err, ErrConfig) {
			t.Errorf("that others can read: %v", err)
		}
	}
}

// A passphrase is cleared when the file has been read.
func TestPassphraseCleared(t *testing.T) {
	name := configFile(t, valid(t))
	if err := SetPassphrase(name, nil, []byte("one")); err != nil {
		t.Fatal(err)
	}
	text := []byte("one")
	if _, err := LoadConfigSealed(name, func() ([]byte, error) { return text, nil }); err != nil || !bytes.Equal(text, make([]byte, 3)) {
		t.Errorf("%q is left, %v", text, err)
	}
}
