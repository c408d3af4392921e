package cwt

import (
	"bytes"

	"github.com/fxamacker/cbor/v2"
)

// The CBOR of docs/protocol.md section 3: deterministic, no indefinite lengths, no tags but
// the one in front of a token. The limits are the smallest that the library has.
var (
	encoding = encMode()
	decoding = decMode()
)

func encMode() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.TagsMd = cbor.TagsForbidden
	m, err := o.EncMode()
	if err != nil {
		panic(err) // constant options
	}
	return m
}

func decMode() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MapKeyByteString: cbor.MapKeyByteStringAllowed, // inside claims we do not know
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  8,
		MaxArrayElements: 16,
		MaxMapPairs:      16,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return m
}

// encode returns the deterministic encoding of v, which is one of our own types.
func encode(v any) []byte {
	b, err := encoding.Marshal(v)
	if err != nil {
		panic("cwt: " + err.Error()) // a type that CBOR cannot express
	}
	return b
}

// decode fills v from b and refuses whatever is not the deterministic encoding of v, also
// what v has no place for: that it encodes to the same bytes is the check.
func decode(b []byte, v any) error {
	if decoding.Unmarshal(b, v) != nil {
		return ErrMalformed
	}
	again, err := encoding.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return ErrMalformed
	}
	return nil
}
