package cwt

import "github.com/pqcoap/pqcoap/handshake/internal/strict"

// coding is for tokens, which may bear claims that we do not know. The tag in front of a token is
// not among it.
var coding = strict.New(8)

func encode(v any) []byte { return coding.Encode(v) }

// decode refuses whatever is not the deterministic encoding of v, also what v has no place for.
func decode(b []byte, v any) error {
	if !coding.Decode(b, v) {
		return ErrMalformed
	}
	return nil
}
