package reference

import "encoding/hex"

// Hex is a byte string that is written in hexadecimal.
type Hex []byte

// String returns the bytes in hexadecimal.
func (h Hex) String() string { return hex.EncodeToString(h) }

// MarshalText returns the bytes in hexadecimal.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText is the inverse.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(Hex{}, text)
	return err
}
