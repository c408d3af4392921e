package coap

import "iter"

// A Batch is a list of datagrams to be sent, in one buffer that is used again: a batch
// that has grown to its working size allocates nothing. The zero value is empty and
// ready to use. A Batch is not safe for concurrent use.
type Batch struct {
	buf  []byte
	ends []int // of each datagram in buf
}

// Reset empties the batch and keeps its memory. What Datagram and All returned before is
// overwritten by what comes next.
func (b *Batch) Reset() { b.buf, b.ends = b.buf[:0], b.ends[:0] }

// Len returns the number of datagrams.
func (b *Batch) Len() int { return len(b.ends) }

// Datagram returns datagram i, valid until the next Reset.
func (b *Batch) Datagram(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.buf[start:b.ends[i]:b.ends[i]]
}

// All returns the datagrams in the order in which they were added.
func (b *Batch) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range b.ends {
			if !yield(b.Datagram(i)) {
				return
			}
		}
	}
}

// begin returns the buffer to append the next datagram to, for commit. A datagram that
// is begun and not committed is not in the batch.
func (b *Batch) begin() []byte { return b.buf }

// commit makes what was appended to the buffer of begin a datagram.
func (b *Batch) commit(buf []byte) {
	b.buf = buf
	b.ends = append(b.ends, len(buf))
}

// add appends a message as a datagram and returns its size. A message that is not
// well-formed leaves the batch as it is.
func (b *Batch) add(m *Message) (int, error) {
	start := b.begin()
	buf, err := Append(start, m)
	if err != nil {
		return 0, err
	}
	b.commit(buf)
	return len(buf) - len(start), nil
}
