package authority

import (
	"io"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// An Issuer makes credentials.
type Issuer struct {
	handshake.Unprintable
	key   *cwt.Authority
	trust *Trust
}

// NewIssuer is an authority with its name. ErrFormat where a name cannot be one.
func NewIssuer(key *cwt.Authority, name string) (*Issuer, error) {
	if !ValidIssuer(name) {
		return nil, ErrFormat
	}
	return &Issuer{key: key, trust: &Trust{name, key.Public()}}, nil
}

// Trust is what others know of the issuer.
func (i *Issuer) Trust() *Trust { return i.trust }

// Issue makes a token for a key, from now on for a lifetime. Its errors are those of
// [cwt.Authority.Issue].
func (i *Issuer) Issue(rand io.Reader, now time.Time, usage cwt.Usage, subject string, key *handshake.PublicKey, lifetime time.Duration) ([]byte, *cwt.Claims, error) {
	now = now.UTC().Truncate(time.Second)
	c := &cwt.Claims{
		Issuer: i.trust.Issuer, Subject: subject, Usage: usage, Key: key,
		NotBefore: now, Issued: now, Expires: now.Add(lifetime),
	}
	if _, err := io.ReadFull(rand, c.ID[:]); err != nil {
		return nil, nil, err
	}
	token, err := i.key.Issue(rand, *c)
	return token, c, err
}
