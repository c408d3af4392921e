package cwt

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
)

// A Usage says what a token lets its subject be.
type Usage uint8

const (
	UsageServer Usage = 1
	UsageDevice Usage = 2
)

// String returns the usage in words.
func (u Usage) String() string {
	switch u {
	case UsageServer:
		return "server"
	case UsageDevice:
		return "device"
	}
	return fmt.Sprintf("usage %d", uint8(u))
}

// Claims are what an authority says of a key. All have to be there, ID apart in what is
// issued. Times are whole seconds after 1970; names are 1 to 64 bytes of UTF-8.
type Claims struct {
	Issuer, Subject string
	Usage           Usage
	NotBefore       time.Time
	Expires         time.Time // the first second at which the token is not valid any more
	Issued          time.Time
	ID              [16]byte // of the token; zero in what is issued: a random one
	Key             *handshake.PublicKey
}

const maxName = 64

// check reports claims that no token has, with ErrMisuse.
func (c *Claims) check() error {
	switch {
	case !validName(c.Issuer), !validName(c.Subject):
		return fmt.Errorf("%w: issuer and subject have 1 to %d bytes of UTF-8", ErrMisuse, maxName)
	case c.Usage != UsageServer && c.Usage != UsageDevice:
		return fmt.Errorf("%w: usage", ErrMisuse)
	case c.NotBefore.Unix() <= 0, c.Issued.Unix() <= 0, c.Expires.Unix() > maxTime:
		return fmt.Errorf("%w: times are after 1970 and before 10000", ErrMisuse)
	case c.Expires.Unix() <= c.NotBefore.Unix():
		return fmt.Errorf("%w: it expires before it is valid", ErrMisuse)
	case c.Key == nil:
		return fmt.Errorf("%w: no key", ErrMisuse)
	}
	return nil
}

func validName(s string) bool { return len(s) > 0 && len(s) <= maxName && utf8.ValidString(s) }

// maxTime is the last second of the year 9999.
const maxTime = 253402300799

// claimsObject is the payload of a token.
type claimsObject struct {
	Issuer       string          `cbor:"1,keyasint"`
	Subject      string          `cbor:"2,keyasint"`
	Expires      uint64          `cbor:"4,keyasint"`
	NotBefore    uint64          `cbor:"5,keyasint"`
	Issued       uint64          `cbor:"6,keyasint"`
	ID           []byte          `cbor:"7,keyasint"`
	Confirmation cbor.RawMessage `cbor:"8,keyasint"`
	Usage        uint64          `cbor:"-70700,keyasint"` // private use
}

// confirmation is the cnf claim of RFC 8747, with nothing but the key: another key in it could
// be meant.
type confirmation struct {
	Key keyObject `cbor:"1,keyasint"`
}

// claimAudience would say for whom a token is. Nobody here has such a name (RFC 8392
// section 3.1.3).
const claimAudience = 3

func (c *Claims) encode() []byte {
	return encode(claimsObject{
		Issuer: c.Issuer, Subject: c.Subject, Usage: uint64(c.Usage), ID: c.ID[:],
		Expires: uint64(c.Expires.Unix()), NotBefore: uint64(c.NotBefore.Unix()), Issued: uint64(c.Issued.Unix()),
		Confirmation: encode(confirmation{kemKey(c.Key)}),
	})
}

// parseClaims is the inverse. Claims it does not know are ignored (RFC 8392 section 3), but
// have to be in deterministic CBOR. It fails with ErrMalformed.
func parseClaims(b []byte) (*Claims, error) {
	var all map[any]any
	var o claimsObject
	if err := decode(b, &all); err != nil || !coding.Fill(b, &o) {
		return nil, ErrMalformed
	}
	if _, ok := all[uint64(claimAudience)]; ok {
		return nil, fmt.Errorf("%w: an audience", ErrMalformed)
	}
	if len(o.ID) != 16 || max(o.Expires, o.NotBefore, o.Issued) > maxTime || o.Usage > 255 {
		return nil, fmt.Errorf("%w: size of a claim", ErrMalformed)
	}
	var cnf confirmation
	if err := decode(o.Confirmation, &cnf); err != nil {
		return nil, fmt.Errorf("%w: not a COSE_Key of a KEM key", ErrMalformed)
	}
	key, err := cnf.Key.parse()
	if err != nil {
		return nil, err
	}
	c := &Claims{
		Issuer: o.Issuer, Subject: o.Subject, Usage: Usage(o.Usage), ID: [16]byte(o.ID), Key: key,
		NotBefore: unix(o.NotBefore), Expires: unix(o.Expires), Issued: unix(o.Issued),
	}
	if c.check() != nil {
		return nil, fmt.Errorf("%w: a claim is missing or out of its range", ErrMalformed)
	}
	return c, nil
}

func unix(s uint64) time.Time { return time.Unix(int64(s), 0).UTC() }
