package record

import (
	"encoding/binary"
	"fmt"
)

// A MessageType is that of a message after the handshake (RFC 8446 section 4).
type MessageType uint8

// The messages of this protocol. NewSessionTicket has a body of its own.
const (
	NewSessionTicket MessageType = 4
	KeyUpdate        MessageType = 24
)

// messageHeader is the size of the header of RFC 9147 section 5.2.
const messageHeader = 12

// MaxBody is the size of the largest body: a message is never in fragments.
const MaxBody = MaxContent - messageHeader

// A Message is the content of a record of type Handshake.
type Message struct {
	Type     MessageType
	Sequence uint16 // message_seq
	Body     []byte
}

// Append appends the message to b, whole in one fragment.
func (m Message) Append(b []byte) []byte {
	length := [3]byte{byte(len(m.Body) >> 16), byte(len(m.Body) >> 8), byte(len(m.Body))}
	b = append(b, byte(m.Type))
	b = append(b, length[:]...)
	b = binary.BigEndian.AppendUint16(b, m.Sequence)
	b = append(b, 0, 0, 0) // fragment_offset
	b = append(b, length[:]...)
	return append(b, m.Body...)
}

// ParseMessage reads the message that is all of b. Its body aliases b. Every error is
// ErrMessage.
func ParseMessage(b []byte) (Message, error) {
	if len(b) < messageHeader {
		return Message{}, fmt.Errorf("%w: truncated", ErrMessage)
	}
	body := b[messageHeader:]
	if uint24(b[6:]) != 0 || uint24(b[9:]) != uint24(b[1:]) {
		return Message{}, fmt.Errorf("%w: a fragment", ErrMessage)
	}
	if uint24(b[1:]) != len(body) {
		return Message{}, fmt.Errorf("%w: length", ErrMessage)
	}
	m := Message{MessageType(b[0]), binary.BigEndian.Uint16(b[4:]), body}
	switch m.Type {
	case NewSessionTicket:
		return m, nil
	case KeyUpdate:
		if len(body) != 1 || body[0] > 1 { // RFC 8446 section 4.6.3
			return Message{}, fmt.Errorf("%w: request_update", ErrMessage)
		}
		return m, nil
	}
	return Message{}, fmt.Errorf("%w: unknown type", ErrMessage)
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
