package node

import (
	"bytes"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/coap"
)

// Answers that bring credentials are small maps (docs/protocol.md sections 18.3 and 18.4).
var answers = answerMode()

func answerMode() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: 4, MaxArrayElements: 16, MaxMapPairs: 16,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return m
}

// credentials is the answer to POST /enroll and POST /renew. What is not there is empty.
type credentials struct {
	Name      string `cbor:"1,keyasint,omitempty"`
	Token     []byte `cbor:"2,keyasint,omitempty"` // the device's
	Authority []byte `cbor:"3,keyasint,omitempty"` // a COSE_Key
	Issuer    string `cbor:"4,keyasint,omitempty"`
	Server    string `cbor:"5,keyasint,omitempty"` // name, which the server's credential has to have
}

func parseCredentials(b []byte) (r credentials, err error) {
	if len(b) > maxCredentials || answers.Unmarshal(b, &r) != nil {
		return credentials{}, fmt.Errorf("%w: the server's answer cannot be read", ErrCredential)
	}
	return r, nil
}

// renewAt is when the device's credential is to be followed by another: when two thirds of its
// lifetime are over. Where that cannot be told, for want of a clock, behind each full handshake
// too. Zero: never.
func (c *Conn) renewAt(now time.Time) time.Time {
	if c.claims == nil {
		return time.Time{}
	}
	today := now
	if !c.hasClock(now) {
		today = c.floor(now)
	}
	life := c.claims.Expires.Sub(c.claims.Issued)
	at := now.Add(c.claims.Issued.Add(life - life/3).Sub(today))
	if c.unsure {
		at = now
	}
	if least := c.renewedAt.Add(lastFreshRetry); at.Before(least) {
		return least
	}
	return at
}

func (c *Conn) askForCredential() *errand {
	m, err := NewRequest(coap.POST, "/renew", nil)
	if err != nil {
		panic(err) // a constant
	}
	return &errand{"a new credential", m, c.renewed}
}

// renewed takes a credential from the server. It is on the disk before it is used.
func (c *Conn) renewed(now time.Time, body []byte) error {
	r, err := parseCredentials(body)
	if err != nil {
		return err
	}
	if r.Authority != nil && !bytes.Equal(r.Authority, c.cfg.Authority.Bytes()) {
		return fmt.Errorf("%w: it is of another authority than this device trusts", ErrCredential)
	}
	claims, err := c.cfg.own(r.Token)
	switch {
	case err != nil:
		return err
	case claims.Issued.Before(c.claims.Issued):
		return errOlder
	}
	before := c.known.token
	c.known.token = r.Token
	c.raise(now, claims.Issued)
	if err := c.keepKnown(); err != nil {
		c.known.token = before
		return err
	}
	c.token, c.claims, c.unsure = r.Token, claims, false
	c.renewedAt = now
	c.owner.Log.Info("this device has a new credential", "until", claims.Expires)
	return nil
}
