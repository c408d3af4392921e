package vectors

import (
	"errors"
	"time"

	"github.com/pqcoap/pqcoap/conformance/reference"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// tokenClasses are those of tokenOutcomes in package cwt.
var tokenClasses = map[Outcome]error{
	Malformed: cwt.ErrMalformed, "signature": cwt.ErrSignature, "issuer": cwt.ErrIssuer, "subject": cwt.ErrSubject,
	"usage": cwt.ErrUsage, "suite": cwt.ErrSuite, "expired": cwt.ErrExpired, "not-yet": cwt.ErrNotYet,
}

func seconds(n uint64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}

func verifyToken(authority, token []byte, w reference.Want) (*cwt.Claims, error) {
	k, err := cwt.ParseAuthorityKey(authority)
	if err != nil {
		return nil, err
	}
	return k.Verify(token, cwt.Want{
		Issuer: w.Issuer, Subject: w.Subject, Usage: cwt.Usage(w.Usage), Suite: handshake.Suite(w.Suite),
		Now: seconds(w.Now), Skew: time.Duration(w.Skew) * time.Second, Past: seconds(w.Past),
	})
}

func replayToken(v *Token) error {
	c, err := verifyToken(v.Authority, v.Token, v.Want)
	got := OK
	for is, class := range tokenClasses {
		if errors.Is(err, class) {
			got = is
		}
	}
	if err := equal("outcome", got, v.Expect); err != nil || v.Expect != OK {
		return err
	}
	w := v.Claims
	return errors.Join(
		equal("issuer", c.Issuer, w.Issuer), equal("subject", c.Subject, w.Subject), equal("usage", c.Usage, cwt.Usage(w.Usage)),
		equal("begin", c.NotBefore.Unix(), int64(w.NotBefore)), equal("end", c.Expires.Unix(), int64(w.Expires)),
		equal("issue", c.Issued.Unix(), int64(w.Issued)), same("ID", c.ID[:], w.ID),
		equal("suite", c.Key.Suite(), handshake.Suite(w.Suite)), same("key", c.Key.Bytes(), w.Pk), v.issue(c))
}

// issue has an authority of the vectors sign the claims again.
func (v *Token) issue(c *cwt.Claims) error {
	if v.Name == "token-claims-unknown" {
		return nil // an authority would not
	}
	for _, m := range signers {
		object := reference.Array(reference.Uint(1), reference.Text("authority"), reference.Negative(m.algorithm), reference.Bytes(m.authority()))
		a, err := cwt.ParseAuthority(object)
		if err != nil {
			return err
		}
		if string(a.Public().Bytes()) != string(v.Authority) {
			continue
		}
		token, err := a.Issue(nil, *c)
		return errors.Join(err, same("token", token, v.Token), same("authority", a.Append(nil), object))
	}
	return errors.New("the authority is none of the vectors'")
}
