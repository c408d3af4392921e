package handshake

import (
	"bytes"

	"github.com/fxamacker/cbor/v2"
)

// The CBOR of docs/protocol.md section 3: deterministic (RFC 8949 section 4.2.1), no tags,
// no indefinite lengths. The limits are the smallest that the library has; it checks that
// stated lengths are there before it allocates anything for them.
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
		MapKeyByteString: cbor.MapKeyByteStringAllowed, // inside parameters we do not know
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  4,
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
		panic("handshake: " + err.Error()) // a type that CBOR cannot express
	}
	return b
}

// decode fills v from b and refuses whatever is not the deterministic encoding of v:
// that what was decoded encodes to the same bytes is the check.
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
