package authority

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// maxVerified bounds the tokens that are remembered: each is of a device that an authority vouches
// for, and takes about 3 kB with its key.
const maxVerified = 4096

// A Set is the authorities that a server trusts. It does not change: another is made instead.
type Set struct {
	trusts []*Trust

	mu       sync.Mutex
	verified map[[32]byte]*verified // by SHA-256 of the token
}

// verified is a token whose signature is right.
type verified struct {
	claims *cwt.Claims
	trust  *Trust
}

// NewSet makes a set.
func NewSet(trusts ...*Trust) *Set {
	return &Set{trusts: trusts, verified: map[[32]byte]*verified{}}
}

// Trusts are the authorities of the set.
func (s *Set) Trusts() []*Trust { return s.trusts }

// Verify checks the token of a device for a handshake of the suite, and returns what it says and
// who says it. What a token says of time is looked at each time, its signature once. It fails with
// the errors of package cwt, or ErrUntrusted.
func (s *Set) Verify(now time.Time, token []byte, suite handshake.Suite) (*cwt.Claims, *Trust, error) {
	return s.verify(token, cwt.Want{Usage: cwt.UsageDevice, Suite: suite, Now: now, Skew: Skew})
}

// VerifyServer is the same for the token of a server, of any name.
func (s *Set) VerifyServer(now time.Time, token []byte, suite handshake.Suite) (*cwt.Claims, *Trust, error) {
	return s.verify(token, cwt.Want{Usage: cwt.UsageServer, Suite: suite, Now: now, Skew: Skew})
}

func (s *Set) verify(token []byte, want cwt.Want) (*cwt.Claims, *Trust, error) {
	digest := sha256.Sum256(token)
	if v := s.find(digest); v != nil {
		if err := v.check(want); err != nil {
			return nil, nil, err
		}
		return v.claims, v.trust, nil
	}
	err := ErrUntrusted
	for _, t := range s.trusts {
		want.Issuer = t.Issuer
		claims, e := t.Key.Verify(token, want)
		if e == nil {
			s.remember(digest, &verified{claims, t})
			return claims, t, nil
		}
		if !errors.Is(e, cwt.ErrSignature) { // else it is perhaps another's
			err = e
		}
	}
	return nil, nil, err
}

// check is what can have changed since a token was verified.
func (v *verified) check(want cwt.Want) error {
	switch {
	case v.claims.Usage != want.Usage:
		return cwt.ErrUsage
	case v.claims.Key.Suite() != want.Suite:
		return cwt.ErrSuite
	case !want.Now.Add(-want.Skew).Before(v.claims.Expires):
		return cwt.ErrExpired
	case want.Now.Add(want.Skew).Before(v.claims.NotBefore):
		return cwt.ErrNotYet
	}
	return nil
}

func (s *Set) find(digest [32]byte) *verified {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.verified[digest]
}

// remember keeps a token, in the place of any other where there is no room.
func (s *Set) remember(digest [32]byte, v *verified) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.verified) >= maxVerified {
		for other := range s.verified {
			delete(s.verified, other)
			break
		}
	}
	s.verified[digest] = v
}
