// Package authority is whom a server believes about devices, and who issues credentials for it
// (docs/protocol.md section 17): a [Set] verifies the tokens of devices, an [Issuer] makes tokens,
// [Tokens] are those of the server itself.
//
//	set := authority.NewSet(trusts...)
//	claims, err := set.Verify(now, token, suite)
//	token, claims, err := issuer.Issue(rand.Reader, now, cwt.UsageDevice, "sensor-1", key, lifetime)
//
// It does no I/O and reads no clock. All but Tokens is safe for concurrent use.
package authority

import (
	"errors"
	"time"
)

// Skew is how far the clocks of who issues and who verifies may be apart.
const Skew = 5 * time.Minute

// Errors by class of failure. Those of verifying are package cwt's, and:
var (
	// ErrUntrusted: a token of an authority that the server does not trust.
	ErrUntrusted = errors.New("authority: none that is trusted")
	// ErrFormat: not the file that it should be.
	ErrFormat = errors.New("authority: not such a file")
)
