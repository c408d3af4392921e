package record

import (
	"encoding/binary"
	"fmt"
)

// numberSize is that of a RecordNumber in an ACK (RFC 9147 section 7).
const numberSize = 16

// An Acknowledgement is the content of a record of type ACK: numbers of records
// with handshake messages, in increasing order.
type Acknowledgement []RecordNumber

// Append appends the content to b.
func (a Acknowledgement) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(numberSize*len(a)))
	for _, n := range a {
		b = binary.BigEndian.AppendUint64(b, n.Epoch)
		b = binary.BigEndian.AppendUint64(b, n.Sequence)
	}
	return b
}

// ParseAcknowledgement appends to a the numbers that are all of b. Every error is
// ErrMessage.
func ParseAcknowledgement(a Acknowledgement, b []byte) (Acknowledgement, error) {
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) != len(b)-2 || (len(b)-2)%numberSize != 0 {
		return nil, fmt.Errorf("%w: length of an ACK", ErrMessage)
	}
	start := len(a)
	for b = b[2:]; len(b) > 0; b = b[numberSize:] {
		n := RecordNumber{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
		if len(a) > start && !a[len(a)-1].less(n) {
			return nil, fmt.Errorf("%w: order of an ACK", ErrMessage)
		}
		a = append(a, n)
	}
	return a, nil
}
