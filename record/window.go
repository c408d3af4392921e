package record

const (
	// windowSize is how far back a late record is accepted.
	windowSize = 256
	wordBits   = 64
)

// A window rejects sequence numbers already accepted, or too old to tell (RFC
// 9147 section 4.5.1). The zero value is ready to use.
type window struct {
	next uint64                        // one past the highest accepted
	seen [windowSize / wordBits]uint64 // ring bitmap of the windowSize before next
}

// accept marks seq and reports whether it is new. Only the number of an
// authentic record may be given to it.
func (w *window) accept(seq uint64) bool {
	if seq >= w.next {
		w.advance(seq)
	} else if w.next-seq > windowSize || w.has(seq) {
		return false
	}
	w.seen[seq/wordBits%uint64(len(w.seen))] |= 1 << (seq % wordBits)
	return true
}

// advance moves the window up to seq and clears the places of those it skips.
func (w *window) advance(seq uint64) {
	if seq-w.next >= windowSize {
		clear(w.seen[:])
	} else {
		for s := w.next; s < seq; s++ {
			w.seen[s/wordBits%uint64(len(w.seen))] &^= 1 << (s % wordBits)
		}
	}
	w.next = seq + 1
}

func (w *window) has(seq uint64) bool {
	return w.seen[seq/wordBits%uint64(len(w.seen))]&(1<<(seq%wordBits)) != 0
}
