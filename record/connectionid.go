package record

import (
	"encoding/hex"
	"fmt"
	"io"
)

// maxConnectionID is the size of the longest connection ID.
const maxConnectionID = 8

// A ConnectionID tells a server whose record it has received (RFC 9147
// section 9). It has 1, 2, 4 or 8 bytes, and the two top bits of its first
// byte, 0 to 3, say which: so it can be read without knowing the session. The
// zero value is no connection ID. ConnectionIDs can be compared with ==.
type ConnectionID struct {
	size  uint8
	bytes [maxConnectionID]byte
}

// ParseConnectionID reads the connection ID that b begins with, and returns
// its size.
func ParseConnectionID(b []byte) (id ConnectionID, n int, err error) {
	if len(b) == 0 {
		return id, 0, fmt.Errorf("%w: empty", ErrConnectionID)
	}
	n = 1 << (b[0] >> 6)
	if len(b) < n {
		return id, 0, fmt.Errorf("%w: truncated", ErrConnectionID)
	}
	id.size = uint8(n)
	copy(id.bytes[:], b[:n])
	return id, n, nil
}

// NewConnectionID returns the connection ID that is all of b.
func NewConnectionID(b []byte) (ConnectionID, error) {
	id, n, err := ParseConnectionID(b)
	if err != nil {
		return ConnectionID{}, err
	}
	if n != len(b) {
		return ConnectionID{}, fmt.Errorf("%w: trailing bytes", ErrConnectionID)
	}
	return id, nil
}

// RandomConnectionID returns a connection ID of 1, 2, 4 or 8 bytes, random in
// all bits but the two that say the size.
func RandomConnectionID(rand io.Reader, size int) (id ConnectionID, err error) {
	code, ok := sizeCode(size)
	if !ok {
		return id, fmt.Errorf("%w: size", ErrConnectionID)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(rand, b); err != nil {
		return id, err
	}
	b[0] = b[0]&0x3F | code<<6
	return NewConnectionID(b)
}

// Append appends the bytes of the connection ID to b.
func (id ConnectionID) Append(b []byte) []byte { return append(b, id.bytes[:id.size]...) }

// Bytes returns a copy of the connection ID, nil for the zero value.
func (id ConnectionID) Bytes() []byte { return id.Append(nil) }

// Len returns the size in bytes, 0 for the zero value.
func (id ConnectionID) Len() int { return int(id.size) }

// String returns the connection ID in hexadecimal.
func (id ConnectionID) String() string { return hex.EncodeToString(id.bytes[:id.size]) }

// PeekConnectionID returns the connection ID of the first record of a
// datagram. It needs no keys and nothing it returns is authenticated: a server
// finds the session with it.
func PeekConnectionID(datagram []byte) (ConnectionID, bool) {
	if len(datagram) == 0 || datagram[0]&(fixedMask|bitC) != fixedBits|bitC {
		return ConnectionID{}, false
	}
	id, _, err := ParseConnectionID(datagram[1:])
	return id, err == nil
}
