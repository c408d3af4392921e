package coap

import "crypto/sha256"

// etagSize is short, since it travels with every block. Two bodies served after one
// another under one token or tag have the same tag once in 2^32.
const etagSize = 4

// A representation is the body of a response while its blocks are being served.
type representation struct {
	source
	etag []byte // nil: none is sent
}

func newRepresentation(body, etag []byte) representation {
	return representation{source{payload: body, size: len(body)}, etag}
}

// block returns block n, of 16 << szx bytes. ok is false past the end, and where it cannot
// be read; an empty body has one empty block.
func (r *representation) block(n uint32, szx uint8) (payload []byte, more, ok bool) {
	b := Block{Number: n, SZX: szx}
	start := b.Offset()
	if start >= r.size && n > 0 {
		return nil, false, false
	}
	end := min(start+b.Size(), r.size)
	payload, ok = r.slice(start, end)
	return payload, end < r.size, ok
}

// entityTag returns the ETag of a body, the same on every server.
func entityTag(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:etagSize:etagSize]
}
