package coap

import (
	"errors"
	"io"
)

// ErrBody says that a Body of ours could not be read.
var ErrBody = errors.New("coap: body cannot be read")

// A Body is a body that is not held whole, such as a file: an [io.SectionReader] is one.
// Blocks are read when they are sent, and again when they are repeated. ReadAt is called
// within calls of a Conn, so it must not wait for long.
type Body interface {
	io.ReaderAt
	Size() int64
}

// A source is what the blocks of a body of ours are taken from.
type source struct {
	payload []byte
	body    Body // instead of payload, or nil
	size    int
	block   []byte // what was read of body last
}

// newSource fails where the body has more bytes than blocks can have numbers.
func newSource(payload []byte, body Body) (source, error) {
	if body == nil {
		return source{payload: payload, size: len(payload)}, nil
	}
	size := body.Size()
	if size < 0 || size > (maxBlockNumber+1)<<(4+maxSZX) {
		return source{}, ErrTooLarge
	}
	return source{body: body, size: int(size)}, nil
}

// slice returns bytes start to end, which are valid until the next call. ok is false where
// they cannot be read.
func (s *source) slice(start, end int) (b []byte, ok bool) {
	if s.body == nil {
		return s.payload[start:end], true
	}
	if cap(s.block) < end-start {
		s.block = make([]byte, end-start)
	}
	s.block = s.block[:end-start]
	n, _ := s.body.ReadAt(s.block, int64(start)) // io.EOF is fine behind the last byte
	return s.block, n == len(s.block)
}

// close tells a Body that it is not needed any more.
func (s *source) close() {
	if c, ok := s.body.(io.Closer); ok {
		c.Close()
	}
	*s = source{}
}
