// Package strict is the CBOR of docs/protocol.md section 3: deterministic (RFC 8949 section 4.2.1),
// no tags, no indefinite lengths.
package strict

import (
	"bytes"

	"github.com/fxamacker/cbor/v2"
)

// A Mode encodes and decodes. Its limits are the smallest that the library has, which checks that
// stated lengths are there before it allocates anything for them.
type Mode struct {
	encoding cbor.EncMode
	decoding cbor.DecMode
}

// New makes a mode for so many levels of nesting.
func New(levels int) Mode {
	o := cbor.CoreDetEncOptions()
	o.TagsMd = cbor.TagsForbidden
	encoding, err := o.EncMode()
	if err != nil {
		panic(err) // constant options
	}
	decoding, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MapKeyByteString: cbor.MapKeyByteStringAllowed, // inside what we do not know
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  levels,
		MaxArrayElements: 16,
		MaxMapPairs:      16,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return Mode{encoding, decoding}
}

// Encode returns the deterministic encoding of v, which is of a type of ours.
func (m Mode) Encode(v any) []byte {
	b, err := m.encoding.Marshal(v)
	if err != nil {
		panic("cbor: " + err.Error()) // a type that CBOR cannot express
	}
	return b
}

// Decode fills v from b, and tells whether b is the deterministic encoding of v: that what was
// decoded encodes to the same bytes is the check.
func (m Mode) Decode(b []byte, v any) bool {
	if !m.Fill(b, v) {
		return false
	}
	again, err := m.encoding.Marshal(v)
	return err == nil && bytes.Equal(again, b)
}

// Fill fills v from b, where v has no place for all of it.
func (m Mode) Fill(b []byte, v any) bool { return m.decoding.Unmarshal(b, v) == nil }
