package reference

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// ErrMalformed means bytes that are not the deterministic CBOR of docs/protocol.md, or
// not the type that its CDDL gives.
var ErrMalformed = errors.New("reference: malformed")

// Major types of CBOR (RFC 8949 section 3.1).
const (
	majorUint     = 0
	majorNegative = 1
	majorBytes    = 2
	majorText     = 3
	majorArray    = 4
	majorMap      = 5
)

// null is the simple value of RFC 8949 section 3.3.
const null = 0xf6

// appendHead appends a head in its shortest form (RFC 8949 section 4.2.1).
func appendHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return append(b, major|25, byte(n>>8), byte(n))
	case n < 1<<32:
		return append(b, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, major|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32),
		byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// Array returns the CBOR array of items that are CBOR already.
func Array(items ...[]byte) []byte {
	b := appendHead(nil, majorArray, uint64(len(items)))
	for _, item := range items {
		b = append(b, item...)
	}
	return b
}

// Map returns the CBOR map of keys and values in the order given. Deterministic CBOR wants
// them sorted.
func Map(items ...[]byte) []byte {
	b := appendHead(nil, majorMap, uint64(len(items)/2))
	for _, item := range items {
		b = append(b, item...)
	}
	return b
}

// Uint returns a CBOR unsigned integer.
func Uint(n uint64) []byte { return appendHead(nil, majorUint, n) }

// Negative returns a CBOR integer that is less than 0.
func Negative(n int64) []byte { return appendHead(nil, majorNegative, uint64(-1-n)) }

// Bytes returns a CBOR byte string.
func Bytes(s []byte) []byte { return append(appendHead(nil, majorBytes, uint64(len(s))), s...) }

// Text returns a CBOR text string.
func Text(s string) []byte { return append(appendHead(nil, majorText, uint64(len(s))), s...) }

// Null returns the CBOR null.
func Null() []byte { return []byte{null} }

// A reader takes CBOR apart. After the first mistake everything it returns is zero.
type reader struct {
	rest []byte
	bad  bool
}

// take returns the next n bytes.
func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// peek returns the first byte of what follows.
func (r *reader) peek() byte {
	if r.bad || len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	return r.rest[0]
}

// head reads a head of the major type and returns its number. A longer form than needed
// and the indefinite lengths are mistakes.
func (r *reader) head(major byte) uint64 {
	first := r.peek()
	r.take(1)
	info := first & 0x1f
	if first>>5 != major || info > 27 {
		r.bad = true
	}
	if r.bad || info < 24 {
		return uint64(info)
	}
	size := uint64(1) << (info - 24)
	var n uint64
	for _, b := range r.take(size) {
		n = n<<8 | uint64(b)
	}
	if len(appendHead(nil, major, n)) != int(1+size) {
		r.bad = true
	}
	return n
}

// null reads a null if there is one.
func (r *reader) null() bool {
	if r.peek() != null {
		return false
	}
	r.take(1)
	return true
}

func (r *reader) uint() uint64 { return r.head(majorUint) }

// negative reads an integer of at least -2^32 that is less than 0.
func (r *reader) negative() int64 {
	n := r.head(majorNegative)
	r.bad = r.bad || n >= 1<<32
	return -1 - int64(n&(1<<32-1))
}

func (r *reader) bytes() []byte { return r.take(r.head(majorBytes)) }

func (r *reader) text() string {
	b := r.take(r.head(majorText))
	r.bad = r.bad || !utf8.Valid(b)
	return string(b)
}

// array reads the head of an array of n items.
func (r *reader) array(n uint64) {
	if r.head(majorArray) != n {
		r.bad = true
	}
}

// size marks a byte string that has another size than n.
func (r *reader) size(b []byte, n int) []byte {
	if len(b) != n {
		r.bad = true
	}
	return b
}

// maxEntries bounds arrays and maps, maxNesting how deep the value of a parameter goes:
// with its plaintext and the map around it that makes four (docs/protocol.md section 3).
const (
	maxEntries = 16
	maxNesting = 2
)

// skip reads one item of any type of section 3. That a float is in its shortest form is
// not checked.
func (r *reader) skip(nesting int) {
	first := r.peek()
	switch major := first >> 5; major {
	case majorBytes:
		r.bytes()
	case majorText:
		r.text()
	case majorArray, majorMap:
		r.skipEntries(major, nesting)
	case 7:
		r.skipSimple(first & 0x1f)
	case 6: // tags
		r.bad = true
	default: // integers
		r.head(major)
	}
}

// skipEntries reads an array or a map. The keys of a map are sorted.
func (r *reader) skipEntries(major byte, nesting int) {
	n := r.head(major)
	if nesting == 0 || n > maxEntries {
		r.bad = true
	}
	var last []byte
	for i := uint64(0); i < n && !r.bad; i++ {
		before := r.rest
		r.skip(nesting - 1)
		if major != majorMap {
			continue
		}
		key := before[:len(before)-len(r.rest)]
		if i > 0 && bytes.Compare(last, key) >= 0 {
			r.bad = true
		}
		last = key
		r.skip(nesting - 1)
	}
}

// skipSimple reads false, true, null or a float (RFC 8949 section 3.3).
func (r *reader) skipSimple(info byte) {
	r.take(1)
	switch {
	case info >= 20 && info <= 22:
	case info >= 25 && info <= 27:
		r.take(1 << (info - 24))
	default:
		r.bad = true
	}
}

// end returns the error of all reads before, and of bytes that are left.
func (r *reader) end() error {
	if r.bad || len(r.rest) != 0 {
		return ErrMalformed
	}
	return nil
}
