package authority

import (
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// Tokens are the credentials of the server's keys of one suite, the newest first: also those that
// another has followed, until they expire, since devices have them.
type Tokens [][]byte

// maxTokens bounds them. A server that renews by itself has two or three.
const maxTokens = 16

// tokensObject is the file: [1, "tokens", [token, ...]].
type tokensObject struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Kind    string
	Tokens  Tokens
}

const tokensKind = "tokens"

// Append appends the file to b.
func (t Tokens) Append(b []byte) []byte {
	out, err := cbor.Marshal(tokensObject{Version: 1, Kind: tokensKind, Tokens: t})
	if err != nil {
		panic("authority: " + err.Error()) // byte strings always encode
	}
	return append(b, out...)
}

// ParseTokens is the inverse. It fails with ErrFormat.
func ParseTokens(b []byte) (Tokens, error) {
	var o tokensObject
	if cbor.Unmarshal(b, &o) != nil || o.Version != 1 || o.Kind != tokensKind || len(o.Tokens) > maxTokens {
		return nil, ErrFormat
	}
	return o.Tokens, nil
}

// With is Tokens with a newer one.
func (t Tokens) With(token []byte) Tokens {
	return append(Tokens{token}, t[:min(len(t), maxTokens-1)]...)
}

// Valid are the tokens that the set vouches for now, in their order.
func (t Tokens) Valid(set *Set, now time.Time, suite handshake.Suite) (valid []Token) {
	for _, token := range t {
		if claims, trust, err := set.VerifyServer(now, token, suite); err == nil {
			valid = append(valid, Token{token, claims, trust})
		}
	}
	return valid
}

// A Token is a credential that has been verified.
type Token struct {
	Bytes  []byte
	Claims *cwt.Claims
	Trust  *Trust
}

// Of tells whether a token is of a key.
func (t *Token) Of(key *handshake.PublicKey) bool { return t.Claims.Key.DeviceID() == key.DeviceID() }

// Due tells whether a token is to be followed by another: two parts in three of its life are over.
func Due(c *cwt.Claims, now time.Time) bool {
	life := c.Expires.Sub(c.NotBefore)
	return !now.Before(c.Expires.Add(-life / 3))
}
