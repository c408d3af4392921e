package record

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// A secret is a traffic secret. It prints as a fingerprint, and its owner wipes it when
// another takes its place.
type secret []byte

// fingerprint names a secret in logs.
func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%x", sum[:4])
}

// Format writes the fingerprint whatever the verb is.
func (s secret) Format(f fmt.State, _ rune) { io.WriteString(f, fingerprint(s)) }

// MarshalText returns the fingerprint, for encoders such as JSON.
func (s secret) MarshalText() ([]byte, error) { return []byte(fingerprint(s)), nil }

// next returns the secret of the epoch that follows (RFC 8446 section 7.2, with the label
// prefix of RFC 9147 section 5.9).
func (s secret) next(suite CipherSuite) (secret, error) {
	h, _, err := suite.algorithms()
	if err != nil {
		return nil, err
	}
	return expandLabel(h, s, labelPrefix+"traffic upd", len(s))
}

func (s secret) wipe() { clear(s) }
