package coap

import (
	"errors"

	"github.com/plgd-dev/go-coap/v3/message"
)

// ErrBlock says that the value of a Block option is not one (RFC 7959 section 2.2); a
// request with it is answered 4.00.
var ErrBlock = errors.New("coap: invalid block option")

const (
	maxSZX         = 6         // 1024 bytes; 7 is reserved
	maxBlockNumber = 1<<20 - 1 // 20 bits
)

// A Block is the value of a Block1 or Block2 option (RFC 7959 section 2.2).
type Block struct {
	Number uint32 // below 2^20
	More   bool
	SZX    uint8 // 0 to 6
}

// ParseBlock reads the value of a Block option, of 0 to 3 bytes.
func ParseBlock(value []byte) (Block, error) {
	v := parseUint(value)
	b := Block{Number: v >> 4, More: v&8 != 0, SZX: uint8(v & 7)}
	if len(value) > 3 || b.SZX > maxSZX {
		return Block{}, ErrBlock
	}
	return b, nil
}

// Value returns the number that stands for b in an option.
func (b Block) Value() uint32 {
	v := b.Number<<4 | uint32(b.SZX)
	if b.More {
		v |= 8
	}
	return v
}

// Append appends the value of an option, 0 to 3 bytes.
func (b Block) Append(dst []byte) []byte { return appendUint(dst, b.Value()) }

// Size returns the bytes of a full block.
func (b Block) Size() int { return 16 << b.SZX }

// Offset returns where in the body the block begins.
func (b Block) Offset() int { return int(b.Number) << (4 + b.SZX) }

// optionBlock returns the first Block option id. found is true also where it is invalid.
func optionBlock(options message.Options, id message.OptionID) (b Block, found bool, err error) {
	value, found := option(options, id)
	if !found {
		return Block{}, false, nil
	}
	b, err = ParseBlock(value)
	return b, true, err
}
