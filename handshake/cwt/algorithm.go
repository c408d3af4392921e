package cwt

import (
	"fmt"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/pqcoap/pqcoap/handshake"
)

// An Algorithm signs tokens: a COSE algorithm of RFC 9964, with the empty context string.
type Algorithm int64

const (
	MLDSA44 Algorithm = -48 // the smallest
	MLDSA65 Algorithm = -49 // the default
)

// scheme returns the implementation, nil for an algorithm that is not known.
func (a Algorithm) scheme() sign.Scheme {
	switch a {
	case MLDSA44:
		return mldsa44.Scheme()
	case MLDSA65:
		return mldsa65.Scheme()
	}
	return nil
}

// String returns the name of the algorithm in FIPS 204.
func (a Algorithm) String() string {
	if s := a.scheme(); s != nil {
		return s.Name()
	}
	return fmt.Sprintf("algorithm %d", int64(a))
}

// kemAlgorithm is the first of the private-use COSE algorithms of KEM keys, one a suite, that
// section 17 has until some are registered: of suite n it is kemAlgorithm - n.
const kemAlgorithm = -70700

// suiteOf returns the suite of a KEM key's algorithm.
func suiteOf(alg int64) (handshake.Suite, bool) {
	n := kemAlgorithm - alg
	s := handshake.Suite(n)
	return s, n > 0 && n < 256 && s.Valid()
}
