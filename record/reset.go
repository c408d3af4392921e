package record

import (
	"crypto/subtle"
	"io"
)

// ResetTokenSize is that of the token at the end of a stateless reset.
const ResetTokenSize = 16

// A ResetToken ends the datagram by which a server that has lost a session says so (RFC 9000
// section 10.3). The device has it from m2.
type ResetToken [ResetTokenSize]byte

const (
	// minReset is the smallest record that a device gets in earnest: an empty CoAP message
	// behind a header of two bytes. A smaller reset would stand out.
	minReset = 2 + 4 + 1 + tagSize
	// resetSpread is how far above minReset a reset for a large record may lie, as answers
	// without payload do.
	resetSpread = 16
)

// IsReset reports, in constant time, that a datagram ends in the token. Ask it of a datagram of
// which no record has opened: Open leaves the last 16 bytes as they were. Who has only seen
// datagrams cannot make one.
func IsReset(datagram []byte, token ResetToken) bool {
	if len(datagram) < minReset {
		return false
	}
	return subtle.ConstantTimeCompare(datagram[len(datagram)-ResetTokenSize:], token[:]) == 1
}

// AppendReset appends the answer to a record whose connection ID nobody has: a datagram like a
// record to a device, which ends in the token of that ID. It is smaller than the record, of which
// trigger is the size, so that it is no amplification and two servers cannot answer each other for
// ever. Without room for that ok is false, and nothing is answered. The caller bounds how often
// it is asked.
func AppendReset(dst []byte, rand io.Reader, token ResetToken, trigger int) (b []byte, ok bool, err error) {
	if trigger <= minReset {
		return dst, false, nil
	}
	var r [1 + minReset + resetSpread]byte
	if _, err := io.ReadFull(rand, r[:]); err != nil {
		return dst, false, err
	}
	size := min(trigger-1, minReset+int(r[0])%(resetSpread+1))
	record := r[1 : 1+size]
	record[0] = fixedBits | record[0]&(bitS|epochMask) // no connection ID, no length
	copy(record[size-ResetTokenSize:], token[:])
	return append(dst, record...), true, nil
}
