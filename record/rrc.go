package record

import "fmt"

// A PathMessageType says what a return routability check asks or answers (RFC 9853
// section 4).
type PathMessageType uint8

// The messages of RFC 9853.
const (
	PathChallenge PathMessageType = 0
	PathResponse  PathMessageType = 1
	PathDrop      PathMessageType = 2
)

const (
	cookieSize = 8
	// PathMessageSize is that of the content of a record of type ReturnRoutability.
	PathMessageSize = 1 + cookieSize
)

// A Cookie is what a challenge has to be answered with.
type Cookie [cookieSize]byte

// A PathMessage is the content of a record of type ReturnRoutability.
type PathMessage struct {
	Type   PathMessageType
	Cookie Cookie
}

// Append appends the message to b.
func (m PathMessage) Append(b []byte) []byte {
	return append(append(b, byte(m.Type)), m.Cookie[:]...)
}

// ParsePathMessage reads the message that is all of b. Of a type that is not one of the
// constants nothing but the type is read, since RFC 9853 section 4 wants it ignored. Every
// error is ErrMessage.
func ParsePathMessage(b []byte) (m PathMessage, err error) {
	if len(b) == 0 {
		return m, fmt.Errorf("%w: empty path message", ErrMessage)
	}
	m.Type = PathMessageType(b[0])
	if m.Type > PathDrop {
		return m, nil
	}
	if len(b) != PathMessageSize {
		return PathMessage{}, fmt.Errorf("%w: size of a path message", ErrMessage)
	}
	copy(m.Cookie[:], b[1:])
	return m, nil
}

// Answer returns what a challenge is answered with, in a record to the address it came from,
// at once and once. A path is not preferred if the receiver has itself moved to another.
func (m PathMessage) Answer(preferred bool) PathMessage {
	if preferred {
		return PathMessage{PathResponse, m.Cookie}
	}
	return PathMessage{PathDrop, m.Cookie}
}
