package server

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

// Each thing that is wrong is found, with where it is and what would be right.
func TestCheck(t *testing.T) {
	write := func(name, text string) func(string) error {
		return func(path string) error { return os.WriteFile(filepath.Join(path, name), []byte(text), 0o600) }
	}
	mode := func(name string, mode os.FileMode) func(string) error {
		return func(path string) error { return os.Chmod(filepath.Join(path, name), mode) }
	}
	for name, test := range map[string]struct {
		spoil func(path string) error
		want  []string
	}{
		"nothing":       {func(string) error { return nil }, nil},
		"two keys":      {write(settingsFile, "lisen = 1\n\necho = 2\n"), []string{"server.toml: line 1: unknown key \"lisen\": did you mean listen?", "server.toml: line 3: echo has"}},
		"no TOML":       {write(settingsFile, "\nx"), []string{"server.toml: line 2: not TOML"}},
		"rotation":      {write(settingsFile, "\nticket_rotation = 1\n"), []string{"server.toml: line 2: ticket_rotation: want at least"}},
		"address":       {write(settingsFile, "\nlisten = \"x\"\n"), []string{"server.toml: line 2: listen: want an address"}},
		"routes":        {write(settingsFile, "[[route]]\npath = \"/\"\nupstream = \"builtin\"\n[[route]]\npath = \"/\"\nupstream = \"builtin\"\n[[route]]\npath = \"a\"\nupstream = \"builtin\"\n"), []string{"line 4: route: path / stands twice", "line 7: route: path: want"}},
		"no settings":   {func(path string) error { return os.Remove(filepath.Join(path, settingsFile)) }, []string{"init makes one"}},
		"secrets":       {write(secretsFile, "x"), []string{secretsFile + ": not a secrets object"}},
		"no key":        {func(path string) error { return os.Remove(keyFile(path, handshake.MLKEM512)) }, []string{"no key in keys"}},
		"tickets":       {write(ticketsFile, "x"), []string{ticketsFile + ": not a tickets object"}},
		"no tickets":    {func(path string) error { return os.Remove(filepath.Join(path, ticketsFile)) }, nil},
		"devices":       {write("devices.db", "no database"), []string{"devices.db"}},
		"key modes":     {mode("keys/suite-3.key", 0o644), []string{"suite-3.key holds secrets and has mode 0644, which lets others read it: run chmod 600"}},
		"secret modes":  {mode(secretsFile, 0o640), []string{"secrets.cbor holds secrets and has mode 0640"}},
		"open settings": {mode(settingsFile, 0o666), []string{"server.toml has mode 0666, which lets others change it"}},
		"open folder":   {mode(".", 0o777), []string{"has mode 0777, which lets others put files into it: run chmod 700"}},
		"sessions": {func(path string) error {
			return errors.Join(write(sessionsFile, "x")(path), mode(sessionsFile, 0o604)(path))
		}, []string{"sessions.cbor holds secrets"}},
	} {
		if runtime.GOOS == "windows" && strings.Contains(strings.Join(test.want, ""), "mode 0") {
			continue
		}
		path := initDir(t, handshake.MLKEM512)
		if err := test.spoil(path); err != nil {
			t.Fatal(err)
		}
		found := Check(t.Context(), path, nil)
		if len(found) != len(test.want) {
			t.Errorf("%s: %q, want %q", name, found, test.want)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(found[i], want) || !strings.HasPrefix(found[i], path) {
				t.Errorf("%s: %q, want %q", name, found[i], want)
			}
		}
	}
}

// It asks for a passphrase once, and says when that is wrong.
func TestCheckSealed(t *testing.T) {
	path := initDir(t, handshake.MLKEM512, handshake.XWing)
	if _, err := SetPassphrase(path, nil, []byte("one")); err != nil {
		t.Fatal(err)
	}
	var asked int
	if found := Check(t.Context(), path, answer("one", &asked)); len(found) != 0 || asked != 1 {
		t.Errorf("asked %d times, %q", asked, found)
	}
	if found := Check(t.Context(), path, answer("two", &asked)); len(found) != 1 || !strings.Contains(found[0], "wrong passphrase") {
		t.Errorf("%q", found)
	}
}
