package registry

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func secretPart() string {
	key := pskDevice("first", seeded(1)).PSK.Key
	return base64.RawURLEncoding.EncodeToString(key[:])[:12]
}

func TestMalformedFile(t *testing.T) {
	valid := validFile(t)
	id := line(valid, "id")
	for _, c := range []struct{ what, old, new, want string }{
		{"not TOML", "[[device]]", "[[device", "line 5 is not TOML"},
		{"not UTF-8", "first", "\xff", "is not TOML"},
		{"unquoted key", line(valid, "psk"), strings.ReplaceAll(line(valid, "psk"), `"`, ""), "line 9 is not TOML"},
		{"a key twice", `name = "first"`, "name = \"first\"\nname = \"x\"", "is not TOML"},
		{"unknown table", "[[device]]", "[[devices]]", `unknown key "devices": did you mean device?`},
		{"unknown key", "public_key", "publickey", `device 2 (second): unknown key "publickey": did you mean public_key?`},
		{"a table that is no array", valid, "[device]\nname = \"a\"\n", "begins with [[device]]"},
		{"no name", `name = "first"`, "", "device 1: key name: want"},
		{"name of number", `"first"`, "7", "device 1: key name: want"},
		{"name not allowed", `"first"`, `"a b"`, "device 1: key name: want"},
		{"name twice", `"second"`, `"first"`, "device 2: already enrolled: name first"},
		{"no mode", `mode = "psk"`, "", `device 1 (first): key mode: want "kem" or "psk"`},
		{"mode unknown", `mode = "psk"`, `mode = "none"`, `key mode: want "kem" or "psk"`},
		{"mode of number", `mode = "psk"`, `mode = 1`, `key mode: want "kem" or "psk"`},
		{"mode of the other", `mode = "psk"`, `mode = "kem"`, `key psk: not with mode "kem"`},
		{"mode of the other", `mode = "kem"`, `mode = "psk"`, `key public_key: not with mode "psk"`},
		{"no suite", `suite = 2`, "", "key suite: want a number from 1 to 4"},
		{"suite of text", `suite = 2`, `suite = "2"`, "key suite: want"},
		{"suite 0", `suite = 2`, `suite = 0`, "key suite: want"},
		{"suite 257", `suite = 2`, `suite = 257`, "key suite: want"},
		{"suite below zero", `suite = 2`, `suite = -255`, "key suite: want"},
		{"suite not that of the key", `suite = 3`, `suite = 2`, "device 2 (second): key public_key: want 1184 bytes"},
		{"no id", id, "", "key id: want 16 bytes in base64url"},
		{"id with padding", id, strings.TrimSuffix(id, `"`) + `=="`, "key id: want 16 bytes"},
		{"id short", id, `id = "AAAA"`, "key id: want 16 bytes"},
		{"id of number", id, `id = 7`, "key id: want 16 bytes"},
		{"id with a line end", id, strings.Replace(id, `"`, `"\n`, 1), "key id: want 16 bytes"},
		{"id not that of the key", line(valid[strings.Index(valid, `"second"`):], "id"), id, "key id: not that of public_key"},
		{"no psk", line(valid, "psk"), "", "key psk: want 32 bytes"},
		{"psk short", line(valid, "psk"), `psk = "AAAA"`, "key psk: want 32 bytes"},
		{"psk of zeros", line(valid, "psk"), `psk = "` + strings.Repeat("A", 43) + `"`, "the PSK is all zeros"},
		{"no public_key", line(valid, "public_key"), "", "key public_key: want 800 bytes"},
		{"public_key that is none", line(valid, "public_key"),
			`public_key = "` + strings.Repeat("_", 1066) + `8"`, "key public_key: not a key of suite 3"},
		{"no time", "enrolled = 2026-01-31T12:00:00Z", "", "key enrolled: want a time such as"},
		{"time of text", "enrolled = 2026-01-31T12:00:00Z", `enrolled = "2026-01-31T12:00:00Z"`, "key enrolled: want"},
	} {
		if !strings.Contains(valid, c.old) {
			t.Fatalf("%s: %q is not in the file", c.what, c.old)
		}
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, []byte(strings.Replace(valid, c.old, c.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir)
		if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q, want %q in it", c.what, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secretPart()) {
			t.Errorf("%s: the error shows the PSK: %v", c.what, err)
		}
	}
}

func line(text, key string) string {
	_, rest, _ := strings.Cut(text, "\n"+key+" = ")
	value, _, _ := strings.Cut(rest, "\n")
	return key + " = " + value
}
