package handshake

import (
	"fmt"
	"slices"
)

// An Identity is a key of a server and the forms of cred_S by which devices know it: the
// pinned form, and tokens of authorities.
type Identity struct {
	key    *PrivateKey
	pinned *ServerCredential
	tokens []*ServerCredential // the newest first

	unprintable
}

// Identity returns the identity of a server key that no authority vouches for.
func (k *PrivateKey) Identity() Identity {
	return Identity{key: k, pinned: k.ServerCredential()}
}

// Certified returns the identity with the tokens of authorities for its key, the newest
// first: those in use and those of before that have not expired, for devices that have them
// still. Errors are those of NewCertifiedCredential; the tokens are not verified.
func (i Identity) Certified(tokens ...[]byte) (Identity, error) {
	i.tokens = slices.Clip(i.tokens)
	for n, token := range tokens {
		c, err := NewCertifiedCredential(i.key.Public(), token)
		if err != nil {
			return Identity{}, fmt.Errorf("token %d: %w", n, err)
		}
		i.tokens = append(i.tokens, c)
	}
	return i, nil
}

// Suite returns the suite of the key.
func (i Identity) Suite() Suite { return i.key.Suite() }

// Pinned returns the pinned form of cred_S.
func (i Identity) Pinned() *ServerCredential { return i.pinned }

// Token returns the newest certified form of cred_S, nil if there is none.
func (i Identity) Token() *ServerCredential {
	if len(i.tokens) == 0 {
		return nil
	}
	return i.tokens[0]
}
