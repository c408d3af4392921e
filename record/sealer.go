package record

import "slices"

const (
	// sealLimit is the number of records one key may seal, 2^24.5 (RFC 8446
	// section 5.5); sealNear is where new keys are asked for.
	sealLimit = 23726566
	sealNear  = 1 << 24
	// shortNumbers is how many records may be out since the last that is
	// known to be received while numbers have 8 bits: half of what the peer
	// could still reconstruct.
	shortNumbers = 64
)

// A sealer is one epoch of the sending direction.
type sealer struct {
	*protection
	secret secret
	id     ConnectionID // of the peer
	epoch  uint64
	next   uint64 // sequence number of the next record
	known  uint64 // one past the highest known to be received
}

func newSealer(suite CipherSuite, s secret, epoch uint64, id ConnectionID) (*sealer, error) {
	p, err := newProtection(suite, s)
	if err != nil {
		return nil, err
	}
	return &sealer{protection: p, secret: slices.Clone(s), id: id, epoch: epoch}, nil
}

// seal appends the next record. See Conn.Seal.
func (s *sealer) seal(dst []byte, t ContentType, content []byte, last bool) ([]byte, error) {
	if s.next >= sealLimit {
		return dst, ErrLimit
	}
	if len(content) > MaxContent {
		return dst, ErrTooLarge
	}
	if !t.valid() {
		panic("record: no such content type")
	}
	dst = s.protect(dst, s.form(last), s.next, t, content)
	s.next++
	return dst, nil
}

// form returns the first byte of the next header.
func (s *sealer) form(last bool) byte {
	first := byte(fixedBits | s.epoch&epochMask)
	if s.id.size != 0 {
		first |= bitC
	}
	if s.next-s.known >= shortNumbers {
		first |= bitS
	}
	if !last {
		first |= bitL
	}
	return first
}

// protect appends the record with number seq (RFC 9147 section 4).
func (s *sealer) protect(dst []byte, first byte, seq uint64, t ContentType, content []byte) []byte {
	h := newHeader(first, int(s.id.size))
	start, inner := len(dst), len(content)+1
	dst = slices.Grow(dst, h.size+inner+tagSize)[:start+h.size+inner+tagSize]
	record := dst[start:]
	copy(record[h.size:], content) // first of all: content may lie where the header goes
	record[h.size+inner-1] = byte(t)
	h.put(record, &s.id, seq, inner+tagSize)
	body := record[h.size : h.size+inner]
	s.aead.Seal(body[:0], s.nonceOf(seq), body, record[:h.size])
	h.xor(record, s.maskOf(record[h.size:]))
	return dst
}

// confirm notes that the peer has received the record seq.
func (s *sealer) confirm(seq uint64) {
	if seq < s.next && seq >= s.known {
		s.known = seq + 1
	}
}
