package invite

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pqcoap/pqcoap/handshake"
)

// ErrCode says that a text is no code.
var ErrCode = errors.New("invitation code")

// A Code is 60 bits, which only who is invited knows. It prints as a fingerprint in every format;
// Text is the code itself.
type Code struct {
	bits uint64
}

const (
	digits   = 12 // of 5 bits each
	codeBits = 5 * digits

	// alphabet is Crockford's: no I, L, O and U.
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

	infoID  = "pqcoap1 enroll id"
	infoKey = "pqcoap1 enroll key"
)

// NewCode reads 8 bytes and keeps 60 bits.
func NewCode(rand io.Reader) (Code, error) {
	var b [8]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return Code{}, fmt.Errorf("%w: %w", ErrCode, err)
	}
	return Code{binary.BigEndian.Uint64(b[:]) >> (64 - codeBits)}, nil
}

// ParseCode reads what Text has written, or what somebody has copied by hand: in any case, with
// hyphens anywhere, O for 0, and I or L for 1. Its error does not quote it.
func ParseCode(text string) (Code, error) {
	var c Code
	n := 0
	for _, r := range strings.ToUpper(text) {
		switch r {
		case '-', ' ':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		at := strings.IndexRune(alphabet, r)
		if at < 0 || n == digits {
			return Code{}, errText
		}
		c.bits = c.bits<<5 | uint64(at)
		n++
	}
	if n != digits {
		return Code{}, errText
	}
	return c, nil
}

var errText = fmt.Errorf("%w: want 12 digits and letters, such as ABCD-EFGH-JKMN", ErrCode)

// Text is the code as a person reads it: three groups of four.
func (c Code) Text() string {
	b := make([]byte, 0, digits+2)
	for i := range digits {
		if i == 4 || i == 8 {
			b = append(b, '-')
		}
		b = append(b, alphabet[c.bits>>(codeBits-5*(i+1))&31])
	}
	return string(b)
}

// PSK is the key with which who has the code does the handshake, and its identifier:
// HKDF-SHA-256 without a salt, of the 60 bits as 8 bytes, most significant first.
func (c Code) PSK() *handshake.PSK {
	var secret [8]byte
	binary.BigEndian.PutUint64(secret[:], c.bits)
	defer clear(secret[:])
	psk := new(handshake.PSK)
	copy(psk.ID[:], derive(secret[:], infoID, len(psk.ID)))
	copy(psk.Key[:], derive(secret[:], infoKey, len(psk.Key)))
	return psk
}

func derive(secret []byte, info string, size int) []byte {
	b, err := hkdf.Key(sha256.New, secret, nil, info, size)
	if err != nil {
		panic("invite: " + err.Error()) // the sizes are constants
	}
	return b
}

// String names a code in logs.
func (c Code) String() string { return c.PSK().String() }

// Format writes what String returns, whatever the verb.
func (c Code) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// MarshalText returns what String returns: for JSON, XML and slog.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
