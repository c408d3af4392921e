package authority

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/BurntSushi/toml"

	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// A Trust is an authority as others know it: its public key, and the name under which it issues.
type Trust struct {
	Issuer string
	Key    *cwt.AuthorityKey
}

// MaxTrust bounds a file with a Trust, in bytes: the largest key has 1952.
const MaxTrust = 8 << 10

// trustText is the file: TOML, so that a person sees whom it is of.
type trustText struct {
	Issuer string `toml:"issuer"`
	Key    string `toml:"authority"` // COSE_Key in base64url
}

// Append appends the file of an authority, with the two lines that also a device's file has.
func (t *Trust) Append(b []byte) []byte {
	return fmt.Appendf(b, "# The public key of an authority, %s. It is no secret, but whoever trusts it has to know whose it is.\n"+
		"issuer = %q\nauthority = %q\n", t.Key, t.Issuer, base64.RawURLEncoding.EncodeToString(t.Key.Bytes()))
}

// ParseTrust reads what Append has written. It fails with ErrFormat.
func ParseTrust(b []byte) (*Trust, error) {
	if len(b) > MaxTrust {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrFormat, MaxTrust)
	}
	var text trustText
	meta, err := toml.Decode(string(b), &text)
	if err != nil || len(meta.Undecoded()) > 0 || !ValidIssuer(text.Issuer) {
		return nil, fmt.Errorf("%w: want an issuer and an authority, as pqcoap-server ca export writes them", ErrFormat)
	}
	object, err := base64.RawURLEncoding.DecodeString(text.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: authority: want a COSE_Key in base64url", ErrFormat)
	}
	key, err := cwt.ParseAuthorityKey(object)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: authority: not the key of one", ErrFormat), err)
	}
	return &Trust{text.Issuer, key}, nil
}

// maxIssuer is the longest name of an authority, in bytes.
const maxIssuer = 64

// ValidIssuer tells whether a text can be the name of an authority: 1 to 64 letters, digits, "-",
// "_", "." and ":".
func ValidIssuer(s string) bool {
	if len(s) == 0 || len(s) > maxIssuer {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '-' || c == '_' || c == '.' || c == ':':
		default:
			return false
		}
	}
	return true
}
