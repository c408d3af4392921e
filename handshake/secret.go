package handshake

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// A Secret is key material. It prints as a fingerprint in every format; it can be given
// wherever a []byte is wanted. fmt cannot call the methods of unexported fields: a struct
// that has a Secret in one needs a Format method of its own.
type Secret []byte

// Wipe overwrites the secret.
func (s Secret) Wipe() { wipe(s) }

// String returns a fingerprint.
func (s Secret) String() string { return fingerprint("secret", s) }

// Format writes the fingerprint, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText returns the fingerprint: for JSON, XML and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalBinary fails: gob and CBOR must not carry a secret by accident.
func (s Secret) MarshalBinary() ([]byte, error) { return nil, errSecret }

var errSecret = errors.New("handshake: a secret is not encoded this way")

// fingerprint names a secret in logs: 32 bits of a hash under a name of its own, which say
// nothing of use about 16 random bytes or more.
func fingerprint(kind string, secret []byte) string {
	h := sha256.New()
	io.WriteString(h, "pqcoap fingerprint of a secret")
	h.Write(secret)
	return kind + ":" + hex.EncodeToString(h.Sum(nil)[:4])
}

// wipe overwrites b where a secret ends. Copies that the runtime or a library made stay.
func wipe(b []byte) { clear(b) }

// unprintable is embedded in types that hold secrets in their fields. Embedding it is what
// keeps fmt from printing those by reflection.
type unprintable struct{}

// Unprintable is what types of other packages embed that hold secrets.
type Unprintable = unprintable

const unprintableText = "(secret)"

// String returns the same text for every value.
func (unprintable) String() string { return unprintableText }

// Format writes the same text for every value and verb.
func (unprintable) Format(f fmt.State, _ rune) { io.WriteString(f, unprintableText) }

// MarshalText returns the same text for every value: for JSON, XML and slog.
func (unprintable) MarshalText() ([]byte, error) { return []byte(unprintableText), nil }

// MarshalBinary fails: gob and CBOR must not carry a secret by accident.
func (unprintable) MarshalBinary() ([]byte, error) { return nil, errSecret }
