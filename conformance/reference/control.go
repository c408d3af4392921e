package reference

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

// NextSecret returns the traffic secret of the epoch after (docs/protocol.md section 11.2).
func NextSecret(cipherSuite uint16, secret []byte) Hex {
	h := func() hash.Hash { return sha256.New() }
	if cipherSuite == 0x1302 {
		h = sha512.New384
	}
	return expandLabel(h, secret, "dtls13traffic upd", nil, len(secret))
}

// A Message is one of section 11.1.
type Message struct {
	Type byte   `json:"msg_type"`
	Seq  uint16 `json:"message_seq"`
	Body Hex    `json:"body"`
}

// Bytes returns the message with its header of 12 bytes.
func (m Message) Bytes() Hex {
	n := len(m.Body)
	b := []byte{m.Type, byte(n >> 16), byte(n >> 8), byte(n), byte(m.Seq >> 8), byte(m.Seq), 0, 0, 0}
	return append(append(b, b[1:4]...), m.Body...)
}

// ParseMessage is the inverse: what it would not make itself is refused.
func ParseMessage(b []byte) (m Message, err error) {
	if len(b) < 12 {
		return m, ErrRejected
	}
	m = Message{b[0], binary.BigEndian.Uint16(b[4:]), b[12:]}
	update := m.Type == 24 && len(m.Body) == 1 && m.Body[0] <= 1
	if string(m.Bytes()) != string(b) || !update && m.Type != 4 {
		return Message{}, ErrRejected
	}
	return m, nil
}

// A Number names a record.
type Number struct {
	Epoch    uint64 `json:"epoch"`
	Sequence uint64 `json:"sequence"`
}

// ACK returns the content of an ACK.
func ACK(numbers ...Number) Hex {
	b := binary.BigEndian.AppendUint16(nil, uint16(16*len(numbers)))
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, n.Epoch), n.Sequence)
	}
	return b
}

// ParseACK is the inverse, for numbers that increase.
func ParseACK(b []byte) (numbers []Number, err error) {
	if len(b) < 2 || len(b)%16 != 2 || int(b[0])<<8|int(b[1]) != len(b)-2 {
		return nil, ErrRejected
	}
	for at := 2; at < len(b); at += 16 {
		if at > 2 && string(b[at-16:at]) >= string(b[at:at+16]) {
			return nil, ErrRejected
		}
		numbers = append(numbers, Number{binary.BigEndian.Uint64(b[at:]), binary.BigEndian.Uint64(b[at+8:])})
	}
	return numbers, nil
}

// A Path is a path message (section 11.3).
type Path struct {
	Type   byte `json:"msg_type"`
	Cookie Hex  `json:"cookie,omitempty"` // of the types 0 to 2
}

// ParsePath reads one.
func ParsePath(b []byte) (Path, error) {
	switch {
	case len(b) > 0 && b[0] > 2:
		return Path{Type: b[0]}, nil
	case len(b) == 9:
		return Path{b[0], b[1:]}, nil
	}
	return Path{}, ErrRejected
}
