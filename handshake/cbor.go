package handshake

import "github.com/pqcoap/pqcoap/handshake/internal/strict"

// coding is for messages, which are flat.
var coding = strict.New(4)

func encode(v any) []byte { return coding.Encode(v) }

// decode refuses whatever is not the deterministic encoding of v.
func decode(b []byte, v any) error {
	if !coding.Decode(b, v) {
		return ErrMalformed
	}
	return nil
}
