package authority

import (
	"errors"
	"strings"
	"testing"
)

func TestTrust(t *testing.T) {
	want := issuers()[0].Trust()
	file := want.Append(nil)
	got, err := ParseTrust(file)
	if err != nil || got.Issuer != "fleet" || got.Key.ID() != want.Key.ID() {
		t.Fatalf("%+v, %v", got, err)
	}
	text := string(file)
	for name, bad := range map[string]string{
		"nothing":         "",
		"no issuer":       strings.Replace(text, `"fleet"`, `""`, 1),
		"issuer":          strings.Replace(text, `"fleet"`, `"a b"`, 1),
		"long issuer":     strings.Replace(text, `"fleet"`, `"`+strings.Repeat("a", 65)+`"`, 1),
		"no key":          `issuer = "fleet"`,
		"not base64url":   strings.Replace(text, `authority = "`, `authority = "*`, 1),
		"no key in it":    "issuer = \"fleet\"\nauthority = \"AAAA\"\n",
		"something else":  text + "more = 1\n",
		"not TOML":        "x",
		"larger than any": text + "# " + strings.Repeat("x", MaxTrust),
	} {
		if _, err := ParseTrust([]byte(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
