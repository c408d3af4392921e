package vectors

import "github.com/pqcoap/pqcoap/conformance/reference"

// KindToken is a *Token: a token is verified.
const KindToken Kind = "token"

// A Token is a token of an authority, and what somebody wants it to be.
type Token struct {
	Header
	Authority Hex               `json:"authority"`
	Want      reference.Want    `json:"want"`
	Token     Hex               `json:"token"`
	Claims    *reference.Claims `json:"claims,omitempty"` // where it is verified
}
