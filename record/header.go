package record

import "encoding/binary"

// First byte of the unified header: 001CSLEE (RFC 9147 section 4, figure 3).
const (
	fixedMask = 0xE0
	fixedBits = 0x20
	bitC      = 0x10 // connection ID present
	bitS      = 0x08 // sequence number of 16 bits
	bitL      = 0x04 // length present
	epochMask = 0x03
)

const (
	// MaxContent is the size of the largest content (RFC 8446 section 5.1).
	MaxContent = 1 << 14
	// maxCiphertext is that of MaxContent, its type and the tag: padding may
	// not go beyond it (RFC 8446 section 5.4).
	maxCiphertext = MaxContent + 1 + tagSize
	// minCiphertext gives the mask its input (RFC 9147 section 4.2.3).
	minCiphertext = maskSize
)

// A header says where the parts of a record lie. It is the additional data of
// the AEAD, with the number in plain (RFC 9147 section 4).
type header struct {
	first  byte
	number int // offset of the sequence number
	size   int // of the whole header
}

// newHeader lays out a header: first has the bits, idSize belongs to bit C.
func newHeader(first byte, idSize int) header {
	h := header{first: first, number: 1 + idSize}
	h.size = h.number + 1
	if first&bitS != 0 {
		h.size++
	}
	if first&bitL != 0 {
		h.size += 2
	}
	return h
}

// parseHeader reads the header of the first record in a datagram meant for
// the connection ID id, and where that record ends. The sequence number is
// left as it is, since it is encrypted.
func parseHeader(datagram []byte, id *ConnectionID) (h header, end int, err error) {
	if len(datagram) == 0 || datagram[0]&fixedMask != fixedBits {
		return h, 0, errHeader
	}
	// An ID agreed on is in every record, else in none. RFC 9147 section 4 asks
	// for one a datagram; what leaves it out later on does not come from us.
	if (datagram[0]&bitC != 0) != (id.size != 0) {
		return h, 0, errConnection
	}
	h = newHeader(datagram[0], int(id.size))
	if len(datagram) < h.size {
		return h, 0, errHeader
	}
	if string(datagram[1:h.number]) != string(id.bytes[:id.size]) {
		return h, 0, errConnection
	}
	if h.first&bitL == 0 {
		return h, len(datagram), nil
	}
	end = h.size + int(binary.BigEndian.Uint16(datagram[h.size-2:]))
	if end > len(datagram) {
		return h, 0, errHeader
	}
	return h, end, nil
}

// put writes the header with its number in plain. The length is that of the
// ciphertext.
func (h header) put(record []byte, id *ConnectionID, seq uint64, length int) {
	record[0] = h.first
	copy(record[1:], id.bytes[:id.size])
	if h.first&bitS != 0 {
		binary.BigEndian.PutUint16(record[h.number:], uint16(seq))
	} else {
		record[h.number] = byte(seq)
	}
	if h.first&bitL != 0 {
		binary.BigEndian.PutUint16(record[h.size-2:], uint16(length))
	}
}

// xor encrypts the sequence number, or decrypts it (RFC 9147 section 4.2.3).
func (h header) xor(record, mask []byte) {
	record[h.number] ^= mask[0]
	if h.first&bitS != 0 {
		record[h.number+1] ^= mask[1]
	}
}

// low returns the low bits of the plain sequence number, and how many.
func (h header) low(record []byte) (low uint64, bits uint) {
	if h.first&bitS != 0 {
		return uint64(binary.BigEndian.Uint16(record[h.number:])), 16
	}
	return uint64(record[h.number]), 8
}

// reconstruct returns the sequence number with the given low bits that is
// closest to next, one past the highest received (RFC 9147 section 4.2.2). Of
// two equally close it is the higher, since a record is rarely that late.
func reconstruct(next, low uint64, bits uint) uint64 {
	span := uint64(1) << bits
	seq := next&^(span-1) | low
	switch {
	case seq+span/2 <= next:
		return seq + span
	case seq > next+span/2 && seq >= span:
		return seq - span
	}
	return seq
}
