package reference

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

// A Traffic is the keys of the records of one epoch and direction (docs/protocol.md
// section 11, RFC 9147 section 4).
type Traffic struct {
	Key, IV, SN Hex
	Epoch       uint64

	cipherSuite uint16
	secret      Hex
	aead        cipher.AEAD
	mask        cipher.Block
}

// NewTraffic derives the keys of epoch 3 for a cipher suite, 0x1301 or 0x1302.
func NewTraffic(cipherSuite uint16, secret []byte) (*Traffic, error) {
	return newTraffic(cipherSuite, secret, 3)
}

// Next derives the keys of the epoch after this one (RFC 8446 section 7.2).
func (t *Traffic) Next() (*Traffic, error) {
	h, _ := algorithms(t.cipherSuite)
	secret := expandLabel(h, t.secret, "dtls13traffic upd", nil, h().Size())
	return newTraffic(t.cipherSuite, secret, t.Epoch+1)
}

func algorithms(cipherSuite uint16) (h func() hash.Hash, keySize int) {
	if cipherSuite == 0x1302 {
		return sha512.New384, 32
	}
	return sha256.New, 16
}

// newTraffic derives keys as RFC 8446 section 7.3 does, with the label prefix of RFC 9147
// section 5.9.
func newTraffic(cipherSuite uint16, secret []byte, epoch uint64) (*Traffic, error) {
	h, size := algorithms(cipherSuite)
	t := &Traffic{
		Key:         expandLabel(h, secret, "dtls13key", nil, size),
		IV:          expandLabel(h, secret, "dtls13iv", nil, 12),
		SN:          expandLabel(h, secret, "dtls13sn", nil, size),
		Epoch:       epoch,
		cipherSuite: cipherSuite,
		secret:      append(Hex(nil), secret...),
	}
	t.aead = gcm(t.Key)
	var err error
	t.mask, err = aes.NewCipher(t.SN)
	return t, err
}

// A Header says how a record's header is made: the bits C, S, L and EE of its first byte.
type Header struct {
	ConnectionID Hex // C
	Wide         bool
	Length       bool
	Epoch        uint64
}

// plain returns the header with the number unencrypted, for a ciphertext of a length.
func (h Header) plain(seq uint64, length int) []byte {
	b := []byte{0x20 | byte(h.Epoch&3)}
	if len(h.ConnectionID) > 0 {
		b[0] |= 0x10
	}
	b = append(b, h.ConnectionID...)
	if h.Wide {
		b[0] |= 0x08
		b = append(b, byte(seq>>8))
	}
	b = append(b, byte(seq))
	if h.Length {
		b[0] |= 0x04
		b = binary.BigEndian.AppendUint16(b, uint16(length))
	}
	return b
}

// nonce is the iv XOR the sequence number.
func (t *Traffic) nonce(seq uint64) []byte {
	n := append([]byte(nil), t.IV...)
	binary.BigEndian.PutUint64(n[4:], binary.BigEndian.Uint64(n[4:])^seq)
	return n
}

// Seal returns the record with number seq and zeros of padding.
func (t *Traffic) Seal(h Header, seq uint64, contentType byte, content []byte, padding int) Hex {
	inner := append(append([]byte(nil), content...), contentType)
	inner = append(inner, make([]byte, padding)...)
	header := h.plain(seq, len(inner)+16)
	ciphertext := t.aead.Seal(nil, t.nonce(seq), inner, header)
	t.encryptNumber(h, header, ciphertext)
	return append(header, ciphertext...)
}

// encryptNumber encrypts or decrypts the number (RFC 9147 section 4.2.3).
func (t *Traffic) encryptNumber(h Header, header, ciphertext []byte) {
	var mask [aes.BlockSize]byte
	t.mask.Encrypt(mask[:], ciphertext[:aes.BlockSize])
	at := 1 + len(h.ConnectionID)
	header[at] ^= mask[0]
	if h.Wide {
		header[at+1] ^= mask[1]
	}
}

// Opened is what a record held.
type Opened struct {
	Type    byte
	Content Hex
	Seq     uint64
}

// Open opens the first record of a datagram for a receiver of that connection ID, which
// expects the number next, and returns what follows it.
func (t *Traffic) Open(datagram, connectionID []byte, next uint64) (o Opened, rest []byte, err error) {
	h, size, err := parseHeader(datagram, connectionID)
	if err != nil || h.Epoch != t.Epoch&3 {
		return o, nil, ErrRejected
	}
	header, body := append([]byte(nil), datagram[:size]...), datagram[size:]
	if h.Length {
		n := int(binary.BigEndian.Uint16(header[size-2:]))
		if n > len(body) {
			return o, nil, ErrRejected
		}
		body, rest = body[:n], body[n:]
	}
	if len(body) < aes.BlockSize {
		return o, rest, ErrRejected
	}
	t.encryptNumber(h, header, body)
	low, bits := uint64(header[1+len(connectionID)]), 8
	if h.Wide {
		low, bits = low<<8|uint64(header[2+len(connectionID)]), 16
	}
	o.Seq = closest(next, low, bits)
	inner, err := t.aead.Open(nil, t.nonce(o.Seq), body, header)
	if err != nil {
		return o, rest, ErrRejected
	}
	end := len(inner)
	for end > 0 && inner[end-1] == 0 {
		end--
	}
	if end == 0 {
		return o, rest, ErrRejected
	}
	o.Content, o.Type = inner[:end-1], inner[end-1]
	return o, rest, nil
}

// parseHeader returns the form of a header, and its size.
func parseHeader(b, connectionID []byte) (h Header, size int, err error) {
	if len(b) == 0 || b[0]>>5 != 1 || (b[0]&0x10 != 0) != (len(connectionID) > 0) {
		return h, 0, ErrRejected
	}
	h = Header{ConnectionID: connectionID, Wide: b[0]&0x08 != 0, Length: b[0]&0x04 != 0, Epoch: uint64(b[0] & 3)}
	size = len(h.plain(0, 0))
	if len(b) < size || string(b[1:1+len(connectionID)]) != string(connectionID) {
		return h, 0, ErrRejected
	}
	return h, size, nil
}

// closest returns the number with those low bits that is closest to next (RFC 9147
// section 4.2.2), by trying: below, at and above the span that next is in.
func closest(next, low uint64, bits int) uint64 {
	span := uint64(1) << bits
	base := next / span * span
	best := base + low
	for _, seq := range []uint64{base - span + low, base + span + low} {
		if distance(seq, next) < distance(best, next) {
			best = seq
		}
	}
	return best
}

// distance is that of two numbers below 2^63; what has wrapped around is far.
func distance(a, b uint64) uint64 {
	if a < b {
		return b - a
	}
	return a - b
}
